//! Both sides of a call on one clock, sample by sample.

mod lateness;
mod track;

use std::{collections::VecDeque, time::Duration};

use super::{AudioFormat, AudioFrame, Encoding, Transcoder};
use crate::{CallTime, MarkId, Result, transport::Outbound};

use track::Track;

/// For how long samples are held back, so that reports can still move them.
const HOLD: Duration = Duration::from_secs(3);
/// How far the caller's audio may come in a burst after it was delayed.
const BURST: Duration = Duration::from_secs(2);
/// Timestamps that leap further have begun anew.
const LEAP: i64 = 60;
/// What is sampled more often is recorded with so many samples a second. So no recording holds
/// more than some 700 KiB.
const HIGHEST_RATE: u32 = 24_000;
/// Marks that may wait to be answered. A line that answers so few has lost them.
const MARKS: usize = 256;

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
        let rate = inbound.sample_rate.max(outbound.sample_rate).min(HIGHEST_RATE);
        let format = AudioFormat::mono(Encoding::PcmS16Le, rate);
        let most = |beyond: Duration| format.samples_in(HOLD + beyond) as usize;
        let side = |from: AudioFormat, beyond| -> Result<Side> {
            let transcoder = Transcoder::new(from, format)?;
            Ok(Side { from, transcoder, track: Track::new(rate, most(beyond)) })
        };
        let chunk = rate as usize / 10;
        Ok(Self {
            format: AudioFormat { channels: 2, ..format },
            caller: side(inbound, BURST)?,
            agent: side(outbound, lead + Duration::from_secs(1))?,
            expected: None,
            marks: VecDeque::with_capacity(MARKS),
            cut: None,
            anew: true,
            written: 0,
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
        track.push(&payload);
        track.note(now, track.end());
    }

    /// Takes what was sent to the caller.
    pub(crate) fn sent(&mut self, now: CallTime, outbound: &Outbound) {
        let now = self.position(now);
        let track = &mut self.agent.track;
        match outbound {
            Outbound::Audio(frame) => {
                let payload = self.agent.transcoder.transcode(frame.payload.clone());
                let delay = track.delay();
                let sounds = now + delay.unwrap_or(0);
                if self.anew || track.next_at().is_none_or(|next| next < sounds) {
                    track.begin(sounds);
                    if delay.is_some() {
                        track.trust(now);
                    }
                }
                self.anew = false;
                track.push(&payload);
            }
            Outbound::Mark(mark) => {
                if self.marks.len() == MARKS {
                    self.marks.pop_front();
                }
                self.marks.push_back((*mark, track.end()));
            }
            Outbound::Clear => {
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
        if self.cut.is_some_and(|cut| cut.at < until + i64::from(self.format.sample_rate)) {
            self.give_up_cut();
        }
        self.write_until(until, self.left.len() as i64, tape);
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
        sides + (self.left.len() + self.right.len()) * 2 + self.both.capacity()
    }
}

#[cfg(test)]
mod tests;
