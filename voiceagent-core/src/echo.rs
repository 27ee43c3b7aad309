//! Whether the caller is heard, or the agent's own voice that comes back.

mod bands;
mod clock;
mod likeness;
mod path;
mod reference;

use std::time::Duration;

use crate::{
    CallTime, Result,
    audio::{AudioFormat, AudioFrame, Decoder, Resampler},
};

use bands::{BANDS, Bands, HOP, NOTHING};
use clock::Clock;
use likeness::Likeness;
use path::Path;
use reference::{Reference, change};

/// The rate at which both directions are compared.
const RATE: u32 = 8_000;
/// How late an echo may be, in hops of 10 ms: a speakerphone, the network there and back, and the
/// far end's buffer.
const LAGS: usize = 64;
/// For how many hops of sound on both sides it is looked for before any sound counts as the
/// caller's.
const SEARCH: u32 = 40;
/// After so many of them it is the caller's, unless it is suspicious, or a vowel in which nothing
/// moves.
const TOO_EARLY: u32 = 20;
/// For how many hops of silence a sound is not decided about.
const PAUSE: u32 = 20;
/// Hops that tell how loud the echo is.
const RECENT: usize = 24;
/// The levels of a hop that was not heard: the line was not open yet, or lost it.
const UNHEARD: [f32; BANDS] = [f32::NEG_INFINITY; BANDS];
/// How much louder than echo both voices are together, in dB, averaged over bands and hops.
const DOUBLE: f32 = 1.2;
/// How quickly that average follows.
const FOLLOW: f32 = 0.3;
/// For how many hops the caller is heard at least: the end of a word is quieter than an echo.
const HOLD: u32 = 25;
/// How far above the line's noise something is a sound, in dB.
const AUDIBLE: f32 = 8.0;
/// How quickly the noise of a line may rise, in dB a hop.
const RISE: f32 = 0.02;

/// Tells the caller's voice from the echo of the agent's, as it comes back from a speakerphone.
///
/// It knows what the caller is made to hear at each moment. Where the levels of twelve bands move
/// as those did up to 0.64 s ago, there is an echo: its delay and its strength in each band are
/// learned. From then on, what is no louder than the echo must be is echo, and the rest is the
/// caller, who may speak at the same time. On a line without echo everything is the caller's.
///
/// It works on what is heard while something is played, or was a moment ago. Nothing is allocated
/// once the first frames have come. The result does not depend on how audio is cut into frames.
///
/// ```
/// use bytes::Bytes;
/// use voiceagent_core::{
///     CallTime,
///     audio::{AudioFormat, AudioFrame, MediaTime},
///     echo::{EchoDetector, Heard},
/// };
///
/// let format = AudioFormat::MULAW_8K;
/// let mut echo = EchoDetector::new(format, format)?;
/// let frame = AudioFrame::new(format, MediaTime(0), Bytes::from(vec![0x20; 160]));
/// // The agent is silent: this is the caller.
/// assert_eq!(echo.heard(CallTime::from_millis(20), &frame), Heard::Caller);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Debug)]
pub struct EchoDetector {
    played: Input,
    heard: Input,
    /// Where on the clock of the call it was heard.
    clock: Clock,
    reference: Reference,
    likeness: Likeness,
    line: Line,
    /// The noise of the line.
    noise: [f32; BANDS],
    /// The last hops that were heard.
    recent: [[f32; BANDS]; RECENT],
    verdict: Heard,
}

/// Whose voice is heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is one voice or the other, or not known")]
pub enum Heard {
    /// The caller's, or nobody's.
    Caller,
    /// Something sounds while the agent speaks for the first time, and may be its echo. It is
    /// decided within 0.4 s of sound, mostly at once.
    Unknown,
    /// Nothing but the agent's.
    Echo,
}

/// What is known of the line.
#[derive(Clone, Debug)]
enum Line {
    /// Nothing: for so many hops there was sound on both sides, and for so many silence on this one.
    Unknown { sound: u32, silence: u32 },
    /// No echo was found on it. For so many hops there was what may be one all the same.
    Clear { held: u32 },
    /// It has an echo. `surplus`: how much louder than that it is of late. `double`: for how many
    /// hops the caller still counts as speaking. `young`: for how many hops its strength is still
    /// learned anew.
    Echoes { path: Path, surplus: f32, double: u32, young: u32 },
}

impl EchoDetector {
    /// Makes a detector for a line on which this comes in and that goes out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for Opus, for more than one
    /// channel and for sample rates below 4 kHz or above 192 kHz.
    pub fn new(inbound: AudioFormat, outbound: AudioFormat) -> Result<Self> {
        Ok(Self {
            played: Input::new(outbound)?,
            heard: Input::new(inbound)?,
            clock: Clock::default(),
            reference: Reference::new(Duration::ZERO),
            likeness: Likeness::new(),
            line: Line::Unknown { sound: 0, silence: 0 },
            noise: [-60.0; BANDS],
            recent: [UNHEARD; RECENT],
            verdict: Heard::Caller,
        })
    }

    /// Says how far ahead of its sound audio is noted as played, where that is more than the 3 s that
    /// are kept in any case.
    #[must_use]
    pub fn with_lead(mut self, lead: Duration) -> Self {
        self.reference = Reference::new(lead);
        self
    }

    /// Takes what is played to the caller from a moment on, or right after what is played before.
    pub fn played(&mut self, at: CallTime, frame: &AudioFrame) {
        let Self { played, reference, .. } = self;
        let at = position(at);
        if played.next < at {
            played.begin(at);
        }
        played.push(&frame.payload, |hop, levels| reference.push(hop, levels));
    }

    /// Notes that what was to be played from a moment on never will be.
    pub fn cleared(&mut self, at: CallTime) {
        let at = position(at);
        self.played.begin(at);
        self.reference.cut(at / HOP as u64);
    }

    /// Notes that what was taken for the caller's voice had nothing to say. Unless an echo is known,
    /// it is looked for anew.
    pub fn doubt(&mut self) {
        match self.line {
            Line::Clear { .. } | Line::Unknown { .. } => {
                self.line = Line::Unknown { sound: 0, silence: 0 };
            }
            Line::Echoes { .. } => {}
        }
    }

    /// Takes what was heard up to a moment. Returns whose voice it is.
    pub fn heard(&mut self, until: CallTime, frame: &AudioFrame) -> Heard {
        let place = self.clock.place(position(until), frame);
        if place.moved != 0 {
            self.shift(place.moved);
        }
        if let Some(begins) = place.begins {
            let missed = (begins / HOP as u64).checked_sub(self.heard.next / HOP as u64);
            self.heard.begin(begins);
            self.miss(missed.map_or(RECENT, |missed| (missed as usize).min(RECENT)));
        }
        let mut heard = std::mem::take(&mut self.heard.samples);
        self.heard.decode(&frame.payload, &mut heard);
        for sample in &heard {
            if let Some((hop, levels)) = self.heard.step(*sample) {
                self.verdict = self.judge(hop, levels);
            }
        }
        heard.clear();
        self.heard.samples = heard;
        self.verdict
    }

    /// How late the echo is that was found on the line, to 10 ms; `None` if none was.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        match &self.line {
            Line::Echoes { path, .. } => {
                Some(Duration::from_millis(path.lag.max(0).unsigned_abs() * 10))
            }
            Line::Unknown { .. } | Line::Clear { .. } => None,
        }
    }

    /// So many hops were not heard, or lie elsewhere than those before.
    fn miss(&mut self, hops: usize) {
        self.recent.rotate_left(hops);
        self.recent[RECENT - hops..].fill(UNHEARD);
    }

    fn judge(&mut self, hop: u64, levels: [f32; BANDS]) -> Heard {
        self.recent.rotate_left(1);
        self.recent[RECENT - 1] = levels;
        for (noise, level) in self.noise.iter_mut().zip(levels) {
            *noise = (*noise + RISE).min(level).max(NOTHING);
        }
        self.reference.fill(hop + 1);
        if !self.reference.sounds(hop, (LAGS + RECENT) as u64) {
            // What is known so far is kept: the agent may have fallen silent because of its echo.
            return Heard::Caller;
        }
        let floor = self.noise.map(|noise| noise + AUDIBLE);
        let before = &self.recent[RECENT - 3];
        let change = change(&levels, before, &floor);
        if let Some(lag) = self.likeness.push(hop, &change, &self.reference) {
            self.learn_of(lag, hop);
        }
        let is_sound = levels.iter().zip(&floor).any(|(level, floor)| level > floor);
        match &mut self.line {
            Line::Clear { held } => {
                let is_played = self.reference.sounds(hop, LAGS as u64);
                let is_held = is_sound && is_played && self.likeness.is_suspicious();
                *held = if is_held { *held + 1 } else { held.saturating_sub(1) };
                if is_held && *held <= SEARCH { Heard::Unknown } else { Heard::Caller }
            }
            Line::Unknown { sound, silence } => {
                let is_played = self.reference.sounds(hop, LAGS as u64);
                *silence = if is_sound { 0 } else { *silence + 1 };
                *sound += u32::from(is_sound && is_played);
                // An echo of what was played so long ago would have come by now.
                let is_late = self.reference.sounds(hop.saturating_sub(LAGS as u64), 1);
                let is_still = *silence >= LAGS as u32 && is_late;
                let is_early = *sound < TOO_EARLY;
                let may_be_echo = !self.likeness.is_known() || self.likeness.is_suspicious();
                let is_open = *sound > 0 && (is_early || may_be_echo);
                if *sound > SEARCH || is_still {
                    self.line = Line::Clear { held: 0 };
                    Heard::Caller
                } else if is_open && is_played && *silence < PAUSE {
                    Heard::Unknown
                } else {
                    Heard::Caller
                }
            }
            Line::Echoes { path, surplus, double, .. } => {
                let more = path.surplus(hop, &levels, &floor, &self.reference);
                *surplus += FOLLOW * (more - *surplus);
                *double = if *surplus > DOUBLE { HOLD } else { double.saturating_sub(1) };
                if *double > 0 || !path.is_audible(&floor) {
                    return Heard::Caller;
                }
                path.learn(hop, &levels, &self.reference);
                Heard::Echo
            }
        }
    }

    /// All that is heard lies later by so many hops than was thought.
    fn shift(&mut self, hops: i64) {
        self.heard.next = self.heard.next.saturating_add_signed(hops * HOP as i64);
        self.likeness.shift(hops);
        if let Line::Echoes { path, .. } = &mut self.line {
            path.lag += hops;
        }
    }

    /// There is an echo at this lag.
    fn learn_of(&mut self, lag: i64, hop: u64) {
        if let Line::Echoes { path, young, .. } = &mut self.line
            && path.lag.abs_diff(lag) <= 1
        {
            // The clocks of both ends drift apart.
            path.lag = lag;
            if *young > 0 {
                // Of an echo that has only begun, the last hops were mostly silence.
                *young -= 1;
                path.learn_anew(hop, &self.recent, &self.reference);
            }
            return;
        }
        let path = Path::new(lag, hop, &self.recent, &self.reference);
        self.line = Line::Echoes { path, surplus: 0.0, double: 0, young: RECENT as u32 };
    }
}

/// One direction: frames in, levels out.
#[derive(Debug)]
struct Input {
    decoder: Decoder,
    /// `None` if the frames have the right rate.
    resampler: Option<Resampler>,
    bands: Bands,
    /// The position of the next sample.
    next: u64,
    decoded: Vec<f32>,
    samples: Vec<f32>,
}

impl Input {
    fn new(format: AudioFormat) -> Result<Self> {
        let resampler =
            (format.sample_rate != RATE).then(|| Resampler::new(format.sample_rate, RATE));
        Ok(Self {
            decoder: Decoder::new(format)?,
            resampler,
            bands: Bands::new(),
            next: 0,
            decoded: Vec::new(),
            samples: Vec::new(),
        })
    }

    /// The next sample lies here, to a hop.
    fn begin(&mut self, at: u64) {
        self.bands.restart();
        self.next = at / HOP as u64 * HOP as u64;
    }

    fn push(&mut self, payload: &[u8], mut take: impl FnMut(u64, [f32; BANDS])) {
        let mut samples = std::mem::take(&mut self.samples);
        self.decode(payload, &mut samples);
        for sample in &samples {
            if let Some((hop, levels)) = self.step(*sample) {
                take(hop, levels);
            }
        }
        samples.clear();
        self.samples = samples;
    }

    fn decode(&mut self, payload: &[u8], samples: &mut Vec<f32>) {
        match &mut self.resampler {
            None => self.decoder.decode(payload, samples),
            Some(resampler) => {
                self.decoder.decode(payload, &mut self.decoded);
                resampler.process(&self.decoded, samples);
                self.decoded.clear();
            }
        }
    }

    /// Takes a sample. Returns the number and the levels of the hop that it completes.
    fn step(&mut self, sample: f32) -> Option<(u64, [f32; BANDS])> {
        self.next += 1;
        let levels = self.bands.push(sample)?;
        Some((self.next / HOP as u64 - 1, levels))
    }
}

/// A moment in samples.
fn position(at: CallTime) -> u64 {
    at.elapsed().as_micros() as u64 * u64::from(RATE) / 1_000_000
}

#[cfg(test)]
mod tests;
