//! A stream through a detector, as a call leads it.

use std::{
    error::Error,
    iter, mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use voiceagent_core::{
    SpeechDetector, SpeechEdge, SpeechGateConfig,
    audio::{AudioFormat, AudioFrame, Decoder, MediaTime, Resampler},
    vad::{VadFactory, VoiceActivityDetector},
};

/// An edge, and when it was known, in milliseconds of the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Edge {
    pub(crate) starts: bool,
    /// Where speech started or stopped.
    pub(crate) since: usize,
    /// The end of the frame that told.
    pub(crate) known: usize,
}

/// What came of a stream.
#[derive(Debug)]
pub(crate) struct Heard {
    /// How likely each window was speech.
    pub(crate) scores: Vec<f32>,
    /// How long a window lasts, in milliseconds.
    pub(crate) window: f64,
    pub(crate) edges: Vec<Edge>,
}

/// Leads the stream through a detector that hears every window, and through the gate.
pub(crate) fn listen(
    vad: &Arc<dyn VadFactory>,
    frames: &[AudioFrame],
) -> Result<Heard, Box<dyn Error>> {
    let overheard = Overheard { vad: Arc::clone(vad), scores: Arc::default() };
    let detector = vad.detector();
    let window = detector.window() as f64 * 1_000.0 / f64::from(detector.sample_rate());
    let edges = edges(ears(&overheard, frames)?.without_rest(), frames);
    let scores = mem::take(&mut *overheard.scores.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Heard { scores, window, edges })
}

/// What a detector says of the stream without the inaudible noise that a call adds, and without a
/// gate.
pub(super) fn listen_without_hiss(
    vad: &dyn VadFactory,
    frames: &[AudioFrame],
) -> Result<Heard, Box<dyn Error>> {
    let format = format_of(frames)?;
    let (mut decoder, mut detector) = (Decoder::new(format)?, vad.detector());
    let (rate, window) = (detector.sample_rate(), detector.window());
    let mut resampler = Resampler::new(format.sample_rate, rate);
    let (mut decoded, mut samples) = (Vec::new(), Vec::new());
    for frame in frames {
        decoded.clear();
        decoder.decode(&frame.payload, &mut decoded);
        resampler.process(&decoded, &mut samples);
    }
    for sample in &mut samples {
        *sample = sample.clamp(-1.0, 1.0);
    }
    let scores = samples.chunks_exact(window).map(|it| detector.speech_probability(it)).collect();
    let window = window as f64 * 1_000.0 / f64::from(rate);
    Ok(Heard { scores, window, edges: Vec::new() })
}

/// The edges that a call would notice, with the detector at rest where nothing sounds.
pub(super) fn edges_with_rest(
    vad: &dyn VadFactory,
    frames: &[AudioFrame],
) -> Result<Vec<Edge>, Box<dyn Error>> {
    Ok(edges(ears(vad, frames)?, frames))
}

/// The edges when the stream begins 7 ms later and the detector does not rest.
pub(super) fn edges_when_shifted(
    vad: &dyn VadFactory,
    frames: &[AudioFrame],
) -> Result<Vec<Edge>, Box<dyn Error>> {
    const SHIFT: usize = 7;
    let mut ears = ears(vad, frames)?.without_rest();
    let format = format_of(frames)?;
    let silence = format.silence().ok_or("nothing to shift by")?;
    let payload = vec![silence; format.bytes_in(Duration::from_millis(SHIFT as u64))];
    let first = AudioFrame::new(format, MediaTime(0), payload.into());
    let later = first.samples();
    let shifted = frames
        .iter()
        .map(|it| AudioFrame::new(format, MediaTime(it.at.0 + later), it.payload.clone()));
    let mut edges = edges_of(&mut ears, iter::once(first).chain(shifted));
    for edge in &mut edges {
        edge.since = edge.since.saturating_sub(SHIFT);
        edge.known -= SHIFT;
    }
    Ok(edges)
}

/// Ears with the settings of a call.
pub(super) fn ears(
    vad: &dyn VadFactory,
    frames: &[AudioFrame],
) -> Result<SpeechDetector, Box<dyn Error>> {
    Ok(SpeechDetector::new(vad, format_of(frames)?, SpeechGateConfig::default())?)
}

fn format_of(frames: &[AudioFrame]) -> Result<AudioFormat, Box<dyn Error>> {
    Ok(frames.first().ok_or("nothing to hear")?.format)
}

fn edges(mut ears: SpeechDetector, frames: &[AudioFrame]) -> Vec<Edge> {
    edges_of(&mut ears, frames.iter().cloned())
}

pub(super) fn edges_of(
    ears: &mut SpeechDetector,
    frames: impl Iterator<Item = AudioFrame>,
) -> Vec<Edge> {
    let mut edges = Vec::new();
    for frame in frames {
        let rate = frame.format.sample_rate as usize;
        let millis = |at: u64| at as usize * 1_000 / rate;
        let known = millis(frame.at.0 + frame.samples());
        edges.extend(ears.push(&frame).map(|edge| match edge {
            SpeechEdge::Started { since } => Edge { starts: true, since: millis(since.0), known },
            SpeechEdge::Stopped { since } => Edge { starts: false, since: millis(since.0), known },
        }));
    }
    edges
}

/// Writes down what a detector says.
#[derive(Debug)]
struct Overheard {
    vad: Arc<dyn VadFactory>,
    scores: Arc<Mutex<Vec<f32>>>,
}

impl VadFactory for Overheard {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        let (inner, scores) = (self.vad.detector(), Arc::clone(&self.scores));
        Box::new(OverheardDetector { inner, scores })
    }
}

#[derive(Debug)]
struct OverheardDetector {
    inner: Box<dyn VoiceActivityDetector>,
    scores: Arc<Mutex<Vec<f32>>>,
}

impl VoiceActivityDetector for OverheardDetector {
    fn sample_rate(&self) -> u32 {
        self.inner.sample_rate()
    }

    fn window(&self) -> usize {
        self.inner.window()
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        let score = self.inner.speech_probability(window);
        self.scores.lock().unwrap_or_else(PoisonError::into_inner).push(score);
        score
    }

    fn reset(&mut self) {
        self.inner.reset();
    }
}
