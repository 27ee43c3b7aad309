//! Both sides of a call on one clock, sample by sample.

mod track;

use std::{collections::VecDeque, time::Duration};

use super::{AudioFormat, AudioFrame, Encoding, Transcoder};
use crate::{CallTime, MarkId, Result, transport::Outbound};

use track::Track;

/// For how long samples are held back, so that reports can still move them.
const HOLD: Duration = Duration::from_secs(3);
/// For how long they are, at least, where the agent's wait so long to sound that room runs out: the
/// caller's voice comes later than it was spoken, and is to find its place.
const SHORTEST_HOLD: Duration = Duration::from_millis(500);
/// How far the caller's audio may come in a burst after it was delayed.
const BURST: Duration = Duration::from_secs(2);
/// Timestamps that leap further have begun anew.
const LEAP: i64 = 60;
/// How far behind the far end usually is, at most. Room for more is made when it is needed.
const USUAL_DELAY: Duration = Duration::from_secs(1);
/// How far behind it may be at any rate.
const DELAY: Duration = Duration::from_secs(2);
/// Recordings have so many samples a second, which Opus has too, and the last at most.
const RATES: [u32; 3] = [8_000, 16_000, 24_000];
/// Rates for calls whose audio is sent so far ahead that it would not be held at a higher one.
const LOWER_RATES: [u32; 2] = [16_000, 8_000];
/// Bytes of samples that both sides hold at most. With the blocks for the disk that is less than
/// a mebibyte.
const MOST_HELD: usize = 720 * 1024;
/// Marks that may wait to be answered: one each 100 ms, with all the delay there is room for. A line
/// that answers so few has lost them.
const MARKS: usize = 512;

/// Takes what is written: 16-bit samples, little-endian, of the caller and the agent in turn.
pub(crate) trait Tape {
    /// Takes the samples of whole moments.
    fn sound(&mut self, samples: &[u8]);
    /// Takes so many moments in which nothing is heard.
    fn silence(&mut self, moments: u64);
}

/// What caller and agent hear of each other, the caller on the left.
///
/// The caller's frames lie where their timestamps say, on a clock that is set by when they come.
/// The agent's lie where the far end plays them: one after the other, and so that each answered
/// mark fits. A frame and an answer can be late and never early, so the least late ones of the
/// last seconds set the clock. A clear ends what sounds when its marks come back.
///
/// What the agent said waits until it has sounded, however late the far end is, as far as there is
/// room; where there is not, what is oldest is written sooner. Nothing is dropped before that.
///
/// An answer to a mark takes the same way as the caller's voice. So what the caller says to a sound
/// lies as far behind it as it was.
#[derive(Debug)]
pub(crate) struct Stereo {
    format: AudioFormat,
    caller: Side,
    agent: Side,
    /// Where the caller's next frame begins if nothing is lost.
    expected: Option<u64>,
    marks: VecDeque<(MarkId, u64)>,
    cut: Option<Cut>,
    /// What is sent next does not follow what was sent before.
    anew: bool,
    /// Moments that were written.
    written: i64,
    /// Samples of the agent for which there was no room.
    lost: u64,
    /// A tenth of a second of each side, and of both.
    left: Vec<i16>,
    right: Vec<i16>,
    both: Vec<u8>,
}

#[derive(Debug)]
struct Side {
    from: AudioFormat,
    transcoder: Transcoder,
    track: Track,
}

/// The far end was told to drop what it had.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: i64,
    /// The first sample that came later.
    before: u64,
    /// The mark that comes back when it has done so.
    mark: MarkId,
}

impl Stereo {
    /// A call with this audio, of which the agent's is sent `lead` ahead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for audio that cannot be decoded.
    pub(crate) fn new(inbound: AudioFormat, outbound: AudioFormat, lead: Duration) -> Result<Self> {
        let finer = inbound.sample_rate.max(outbound.sample_rate);
        let rate = RATES.into_iter().find(|rate| *rate >= finer).unwrap_or(RATES[2]);
        let rate = rate_for(rate, lead);
        let format = AudioFormat::mono(Encoding::PcmS16Le, rate);
        let most = |beyond: Duration| format.samples_in(HOLD + beyond) as usize;
        let side = |from: AudioFormat, track| -> Result<Side> {
            Ok(Side { from, transcoder: Transcoder::new(from, format)?, track })
        };
        let chunk = rate as usize / 10;
        let usual = most(lead + USUAL_DELAY);
        let agents = agents_samples(rate).max(usual);
        Ok(Self {
            format: AudioFormat { channels: 2, ..format },
            caller: side(inbound, Track::new(rate, most(BURST), most(BURST)))?,
            agent: side(outbound, Track::new(rate, usual, agents))?,
            expected: None,
            marks: VecDeque::new(),
            cut: None,
            anew: true,
            written: 0,
            lost: 0,
            left: vec![0; chunk],
            right: vec![0; chunk],
            both: vec![0; chunk * 4],
        })
    }

    /// What is written.
    pub(crate) fn format(&self) -> AudioFormat {
        self.format
    }

    /// Takes what came from the caller.
    pub(crate) fn heard(&mut self, now: CallTime, frame: &AudioFrame) {
        let now = self.position(now);
        let Side { from, transcoder, track } = &mut self.caller;
        let payload = transcoder.transcode(frame.payload.clone());
        let begin = now - (payload.len() / 2) as i64;
        let rates = (i64::from(self.format.sample_rate), i64::from(from.sample_rate));
        // What would lie in what is written comes after a silence that no timestamp tells of, or in
        // a burst after a stall. It lies where it comes, until the next frames say otherwise.
        let expected = self.expected.filter(|_| track.next_at() >= Some(self.written));
        match expected.map(|expected| frame.at.0.wrapping_sub(expected).cast_signed()) {
            Some(0) => {}
            Some(gap) if gap.unsigned_abs() / u64::from(from.sample_rate) < LEAP as u64 => {
                track.skip(gap * rates.0 / rates.1);
            }
            Some(_) | None => track.begin(begin),
        }
        self.expected = Some(frame.at.0.wrapping_add(frame.samples()));
        // Of more than a burst, the end still finds its place.
        track.give_up_oldest(payload.len() / 2);
        track.push(&payload);
        track.note(now, track.end());
    }

    /// Takes what was sent to the caller. What there is no room for is written before its time.
    pub(crate) fn sent(&mut self, now: CallTime, outbound: &Outbound, tape: &mut impl Tape) {
        match outbound {
            Outbound::Audio(frame) => {
                let payload = self.agent.transcoder.transcode(frame.payload.clone());
                self.make_room(now, payload.len() / 2, tape);
                self.add(self.position(now), &payload);
            }
            Outbound::Mark(mark) => {
                if self.marks.len() == MARKS {
                    self.marks.pop_front();
                }
                self.marks.push_back((*mark, self.agent.track.end()));
            }
            Outbound::Clear => {
                let now = self.position(now);
                self.give_up_cut();
                let before = self.agent.track.end();
                match self.marks.back() {
                    Some((mark, _)) => self.cut = Some(Cut { at: now, before, mark: *mark }),
                    None => self.end_at(before, now),
                }
                self.marks.clear();
                self.anew = true;
            }
            Outbound::HangUp
            | Outbound::Text { .. }
            | Outbound::TextEnd { .. }
            | Outbound::Transfer(_) => {}
        }
    }

    /// Adds what is sent to the caller at `now`.
    fn add(&mut self, now: i64, payload: &[u8]) {
        let track = &mut self.agent.track;
        let delay = track.delay();
        let sounds = now + delay.unwrap_or(0);
        if self.anew || track.next_at().is_none_or(|next| next < sounds) {
            track.begin(sounds);
            if delay.is_some() {
                track.trust(now);
            }
        }
        self.anew = false;
        self.lost += track.push(payload) as u64;
    }

    /// The far end has played what was sent before a mark, or dropped it.
    pub(crate) fn played(&mut self, now: CallTime, mark: MarkId) {
        let now = self.position(now);
        if let Some(cut) = self.cut.take_if(|cut| cut.mark == mark) {
            // An answer that comes later than answers do tells nothing of when it fell silent.
            let latest = self.agent.track.delay().map_or(now, |delay| cut.at + delay);
            self.agent.track.cut(cut.before, now.min(latest));
        } else if let Some(index) = self.marks.iter().position(|(id, _)| *id == mark) {
            let (_, number) = self.marks[index];
            self.marks.drain(..=index);
            self.agent.track.note(now, number);
        }
    }

    /// Writes what is old enough that nothing moves it any more.
    pub(crate) fn write(&mut self, now: CallTime, tape: &mut impl Tape) {
        let until = self.position(now.saturating_sub(HOLD));
        self.write_held(until, self.left.len() as i64, tape);
    }

    /// Writes before their time as many moments as it takes to hold so many samples of the agent
    /// more. They lie where reports so far say, which may be wrong; but they are there.
    fn make_room(&mut self, now: CallTime, samples: usize, tape: &mut impl Tape) {
        let latest = self.position(now.saturating_sub(SHORTEST_HOLD));
        while self.agent.track.room() < samples && self.written < latest {
            let until = latest.min(self.written + self.left.len() as i64);
            self.write_held(until, 1, tape);
        }
    }

    fn write_held(&mut self, until: i64, least: i64, tape: &mut impl Tape) {
        if self.cut.is_some_and(|cut| cut.at < until + i64::from(self.format.sample_rate)) {
            self.give_up_cut();
        }
        self.write_until(until, least, tape);
    }

    /// How much of the agent's voice there was no room for: the far end was too far behind.
    pub(crate) fn lost(&self) -> Duration {
        self.format.duration_of(self.lost)
    }

    /// Writes the rest: the call is over.
    pub(crate) fn finish(&mut self, now: CallTime, tape: &mut impl Tape) {
        self.give_up_cut();
        let until = self.position(now);
        self.agent.track.cut(self.agent.track.end(), until);
        self.write_until(until, 1, tape);
    }

    /// Writes, if it is at least so much.
    fn write_until(&mut self, until: i64, least: i64, tape: &mut impl Tape) {
        while until - self.written >= least {
            let chunk = (until - self.written).min(self.left.len() as i64);
            let tracks = [&self.caller.track, &self.agent.track];
            let sounds = tracks.into_iter().filter_map(Track::first_at).min();
            let silent = sounds.map_or(until, |at| at.min(until)) - self.written;
            if silent > 10 * chunk {
                tape.silence(silent.unsigned_abs());
                self.written += silent;
                continue;
            }
            let (left, right) =
                (&mut self.left[..chunk as usize], &mut self.right[..chunk as usize]);
            self.caller.track.fill(self.written, left);
            self.agent.track.fill(self.written, right);
            let both = &mut self.both[..chunk as usize * 4];
            for (both, (left, right)) in both.chunks_exact_mut(4).zip(left.iter().zip(right)) {
                let ([a, b], [c, d]) = (left.to_le_bytes(), right.to_le_bytes());
                both.copy_from_slice(&[a, b, c, d]);
            }
            tape.sound(both);
            self.written += chunk;
        }
    }

    /// Nobody tells when the far end fell silent.
    fn give_up_cut(&mut self) {
        if let Some(cut) = self.cut.take() {
            self.end_at(cut.before, cut.at);
        }
    }

    /// What was sent before a sample ends when a clear that is sent at `now` arrives.
    fn end_at(&mut self, before: u64, now: i64) {
        let at = now + self.agent.track.delay().unwrap_or(0);
        self.agent.track.cut(before, at);
    }

    fn position(&self, at: CallTime) -> i64 {
        self.format.samples_in(at.elapsed()).cast_signed()
    }

    /// Bytes that are kept.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        let sides = self.caller.track.memory() + self.agent.track.memory();
        let marks = self.marks.capacity() * size_of::<(MarkId, u64)>();
        sides + marks + (self.left.len() + self.right.len()) * 2 + self.both.capacity()
    }
}

/// How many samples of the agent are held at most, at this rate.
fn agents_samples(rate: u32) -> usize {
    let callers = AudioFormat::mono(Encoding::PcmS16Le, rate).samples_in(HOLD + BURST) as usize;
    MOST_HELD / size_of::<i16>() - callers
}

/// The highest rate at which what is sent so far ahead can be held, of this one and lower ones.
fn rate_for(rate: u32, lead: Duration) -> u32 {
    let is_held = |rate: &u32| {
        let format = AudioFormat::mono(Encoding::PcmS16Le, *rate);
        format.samples_in(HOLD + lead + DELAY) as usize <= agents_samples(*rate)
    };
    let lower = LOWER_RATES.into_iter().filter(|lower| *lower < rate);
    // The lowest holds the longest lead that settings allow.
    std::iter::once(rate).chain(lower).find(is_held).unwrap_or(rate)
}

#[cfg(test)]
mod tests;
