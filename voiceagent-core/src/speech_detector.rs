//! From frames of audio to edges of speech.

mod stillness;

use std::collections::VecDeque;

use stillness::Stillness;

use crate::{
    Error, Result, SpeechEdge, SpeechGate, SpeechGateConfig,
    audio::{AudioFormat, AudioFrame, Decoder, MediaTime, Resampler},
    vad::{VadFactory, VoiceActivityDetector},
};

/// Hears in a stream of frames where speech starts and stops.
///
/// It decodes each frame, brings it to the sample rate of the detector if that is another one,
/// cuts windows, and leads the scores through a [`SpeechGate`]. Edges are positions in the stream
/// of the frames, the same however it is cut into them. Nothing is allocated once the first frames
/// have been heard.
///
/// A line that has been without any sound, below -60 dBFS at its peaks, for half a second has
/// nothing new for the detector, which then rests until something sounds: most of what a quiet
/// call costs is saved, on lines whose carrier sends digital silence.
///
/// ```
/// use bytes::Bytes;
/// use voiceagent_core::{
///     SpeechDetector, SpeechGateConfig,
///     audio::{AudioFormat, AudioFrame, MediaTime},
///     vad::Telephone,
/// };
///
/// let format = AudioFormat::MULAW_8K;
/// let mut detector = SpeechDetector::new(&Telephone::default(), format, SpeechGateConfig::default())?;
/// let silence = AudioFrame::new(format, MediaTime(0), Bytes::from(vec![0xFF; 160]));
/// assert_eq!(detector.push(&silence), None);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SpeechDetector {
    format: AudioFormat,
    decoder: Decoder,
    /// `None` if the frames have the rate of the detector.
    resampler: Option<Resampler>,
    hiss: Hiss,
    detector: Box<dyn VoiceActivityDetector>,
    gate: SpeechGate,
    decoded: Vec<f32>,
    /// For how long the line has been without any sound; `None` if it does not matter.
    still: Option<Stillness>,
    /// Samples of a step that was rested in part.
    rested: u64,
    /// Samples at the detector's rate that do not fill a window yet.
    waiting: Vec<f32>,
    /// What the gate's position is short of, in `1 / detector rate` samples of the stream.
    fraction: u64,
    /// How much later the resampler's output comes, in samples of the stream.
    latency: u64,
    /// Whether a frame has come.
    begun: bool,
    edges: VecDeque<SpeechEdge>,
}

impl SpeechDetector {
    /// Makes a detector for frames of `format`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for Opus, for more than one
    /// channel and for sample rates below 4 kHz or above 192 kHz;
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for settings that make no sense.
    pub fn new(
        factory: &dyn VadFactory,
        format: AudioFormat,
        config: SpeechGateConfig,
    ) -> Result<Self> {
        let decoder = Decoder::new(format)?;
        let detector = factory.detector();
        let rate = detector.sample_rate();
        if rate == 0 || detector.window() == 0 {
            return Err(Error::config("a detector has a sample rate and a window above 0"));
        }
        let resampler =
            (rate != format.sample_rate).then(|| Resampler::new(format.sample_rate, rate));
        let latency = resampler.as_ref().map_or(0, |resampler| {
            (resampler.latency().as_secs_f64() * f64::from(format.sample_rate)).round() as u64
        });
        Ok(Self {
            gate: SpeechGate::new(config, format.sample_rate)?,
            format,
            decoder,
            hiss: Hiss(1),
            resampler,
            detector,
            decoded: Vec::new(),
            still: Some(Stillness::new(format)),
            rested: 0,
            waiting: Vec::new(),
            fraction: 0,
            latency,
            begun: false,
            // A frame of 20 ms has at most one edge.
            edges: VecDeque::with_capacity(4),
        })
    }

    /// Lets the detector hear lines without any sound as well, to measure what its rest changes.
    #[must_use]
    pub const fn without_rest(mut self) -> Self {
        self.still = None;
        self
    }

    /// Hears the next frame; gives the oldest edge that has not been given yet.
    ///
    /// A frame of usual length has at most one edge. After a frame that is longer than the gate's
    /// shortest silence, [`poll`](Self::poll) gives the others. A gap of more than 10 ms between
    /// frames counts as silence. A frame of another format is not heard.
    pub fn push(&mut self, frame: &AudioFrame) -> Option<SpeechEdge> {
        if frame.format == self.format {
            self.follow(frame.at);
            self.hear(&frame.payload);
        }
        self.poll()
    }

    /// Gives the oldest edge that has not been given yet.
    pub fn poll(&mut self) -> Option<SpeechEdge> {
        self.edges.pop_front()
    }

    /// Ends speech because audio stopped arriving; `at` is how far the stream came.
    pub fn force_stop(&mut self, at: MediaTime) -> Option<SpeechEdge> {
        self.drop_unfinished();
        self.detector.reset();
        let edge = self.gate.force_stop(at);
        self.note(edge);
        self.begun = true;
        self.poll()
    }

    /// Whether somebody speaks.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.gate.is_speaking()
    }

    /// Brings the gate to where the frame begins, if that is not where the last one ended.
    fn follow(&mut self, at: MediaTime) {
        let rate = u64::from(self.format.sample_rate);
        let expected = self.heard_to();
        // Clocks that count in milliseconds, or run a little fast, are no gaps.
        let tolerance = rate / 100;
        if self.begun && at.0.abs_diff(expected) <= tolerance {
            return;
        }
        self.drop_unfinished();
        if self.begun && at.0 > expected {
            let edge = self.gate.push(0.0, at.0 - self.gate.position().0);
            self.note(edge);
        } else {
            self.gate.seek(at);
        }
        self.begun = true;
    }

    /// How far the stream has come.
    fn heard_to(&self) -> u64 {
        let rate = u64::from(self.format.sample_rate);
        let waiting = self.waiting.len() as u64 * rate / u64::from(self.detector.sample_rate());
        self.gate.position().0.saturating_add(waiting + self.rested)
    }

    fn hear(&mut self, payload: &[u8]) {
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        self.decoder.decode(payload, &mut decoded);
        let mut left = &decoded[..];
        loop {
            let rested = self.still.as_mut().map_or(0, |still| still.rest(left));
            self.rest(rested as u64);
            left = &left[rested..];
            if left.is_empty() {
                break;
            }
            self.wake();
            let (length, may_rest) =
                self.still.as_mut().map_or((left.len(), false), |still| still.follow(left));
            self.listen(&left[..length]);
            left = &left[length..];
            if may_rest && !self.is_speaking() {
                self.still.as_mut().map(Stillness::begin_rest);
            }
        }
        self.decoded = decoded;
    }

    fn listen(&mut self, samples: &[f32]) {
        let begin = self.waiting.len();
        match &mut self.resampler {
            None => self.waiting.extend_from_slice(samples),
            Some(resampler) => resampler.process(samples, &mut self.waiting),
        }
        self.hiss.add(&mut self.waiting[begin..]);
        let window = self.detector.window();
        let rate = u64::from(self.detector.sample_rate());
        let scaled = window as u64 * u64::from(self.format.sample_rate);
        let mut heard = 0;
        while let Some(samples) = self.waiting.get(heard..heard + window) {
            let probability = self.detector.speech_probability(samples);
            heard += window;
            self.fraction += scaled;
            let edge = self.gate.push(probability, self.fraction / rate);
            self.fraction %= rate;
            self.note(edge);
        }
        self.waiting.drain(..heard);
    }

    /// Takes so many samples for silence, unheard, once they are a whole step.
    fn rest(&mut self, samples: u64) {
        self.rested += samples;
        let Some(step) = self.still.as_ref().map(Stillness::step) else { return };
        if self.rested < step {
            return;
        }
        let begun = self.rested % step;
        let silence = self.heard_to() - begun - self.gate.position().0;
        self.forget_waiting();
        self.rested = begun;
        let edge = self.gate.push(0.0, silence);
        self.note(edge);
    }

    /// Hears the step that has begun without a sound after all, so that windows lie where they
    /// would without the rest.
    fn wake(&mut self) {
        const SILENCE: [f32; 160] = [0.0; 160];
        let mut left = std::mem::take(&mut self.rested) as usize;
        while left > 0 {
            let length = left.min(SILENCE.len());
            self.listen(&SILENCE[..length]);
            left -= length;
        }
    }

    fn note(&mut self, edge: Option<SpeechEdge>) {
        let back = |since: MediaTime| MediaTime(since.0.saturating_sub(self.latency));
        self.edges.extend(edge.map(|edge| match edge {
            SpeechEdge::Started { since } => SpeechEdge::Started { since: back(since) },
            SpeechEdge::Stopped { since } => SpeechEdge::Stopped { since: back(since) },
        }));
    }

    /// Forgets audio that will not be continued.
    fn drop_unfinished(&mut self) {
        self.decoder.reset();
        self.rested = 0;
        self.still.as_mut().map(Stillness::begin_anew);
        self.forget_waiting();
    }

    fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.fraction = 0;
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
    }
}

/// White noise of -73 dBFS, the same in every call.
///
/// Detectors learn from recordings that are never quite empty anywhere. One that was made for
/// 16 kHz and gets the audio of a phone, with nothing above 4 kHz, takes the noise of the line
/// for speech; with noise that nobody could hear in that band, it does not. Streams of a higher
/// rate get it too, because a call may have come over a phone line before.
#[derive(Debug)]
struct Hiss(u32);

impl Hiss {
    /// Adds noise, and keeps what a filter overshot within the range that detectors are promised.
    fn add(&mut self, samples: &mut [f32]) {
        const PEAK: f32 = 4e-4;
        for sample in samples {
            // The generator of Numerical Recipes; its high bits, which count here, are good.
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = PEAK * (self.0 as f32 / 2_147_483_648.0 - 1.0);
            *sample = (*sample + noise).clamp(-1.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests;
