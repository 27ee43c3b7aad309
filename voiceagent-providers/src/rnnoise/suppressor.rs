use std::{fmt, time::Duration};

use bytes::BytesMut;
use nnnoiseless::DenoiseState;
use voiceagent_core::{
    Result,
    audio::{AudioFilter, AudioFormat, AudioFrame, Decoder, Encoder, Resampler},
};

/// What RNNoise listens to, in samples a second and at a time: 10 ms.
const RATE: u32 = 48_000;
const HOP: usize = DenoiseState::FRAME_SIZE;
/// It was trained on samples of 16 bits.
const SCALE: f32 = 32_768.0;

/// Takes the noise out of the caller's audio, for the detector, the recognizer and whatever else
/// comes behind it.
///
/// It suits callers in the street and in cars. Whoever listens to a quiet line, or to a recognizer
/// that was trained on noise, is better off without it. What comes out is [`latency`](Self::latency)
/// later than what goes in: 26 ms on a line of 8 kHz, by which each answer is later. Audio that
/// cannot be decoded passes as it is.
///
/// ```
/// use voiceagent_core::Agent;
/// use voiceagent_providers::rnnoise::NoiseSuppressor;
///
/// let builder = Agent::builder().filter(NoiseSuppressor::new);
/// ```
#[derive(Debug, Default)]
pub struct NoiseSuppressor {
    stage: Option<(AudioFormat, Option<Box<Stage>>)>,
}

impl NoiseSuppressor {
    /// Makes one, for the audio of whatever format comes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How much later the output is at a sample rate: 10 ms until RNNoise has heard enough, 10 ms by
    /// which it lags, and the delay of two resamplers.
    ///
    /// # Panics
    ///
    /// If the rate is 0.
    #[must_use]
    pub fn latency(sample_rate: u32) -> Duration {
        let resamplers =
            [(sample_rate, RATE), (RATE, sample_rate)].map(|(from, to)| match from == to {
                true => Duration::ZERO,
                false => Resampler::new(from, to).latency(),
            });
        Duration::from_millis(20) + resamplers.into_iter().sum::<Duration>()
    }
}

impl AudioFilter for NoiseSuppressor {
    fn apply(&mut self, frame: AudioFrame) -> AudioFrame {
        if self.stage.as_ref().is_none_or(|(format, _)| *format != frame.format) {
            // What cannot be decoded stays as it is, and is not tried again with each frame.
            self.stage = Some((frame.format, Stage::new(frame.format).ok().map(Box::new)));
        }
        match &mut self.stage {
            Some((_, Some(stage))) => stage.apply(frame),
            Some((_, None)) | None => frame,
        }
    }
}

struct Stage {
    decoder: Decoder,
    up: Resampler,
    state: Box<DenoiseState<'static>>,
    down: Resampler,
    encoder: Encoder,
    samples: Vec<f32>,
    /// At the rate of RNNoise: what waits for the rest of its 10 ms, and what came out of it.
    waiting: Vec<f32>,
    cleaned: [f32; HOP],
    /// What may leave. So much lies in it beforehand that no frame ever has to wait.
    ready: Vec<f32>,
    block: BytesMut,
}

impl Stage {
    fn new(format: AudioFormat) -> Result<Self> {
        let (decoder, encoder) = (Decoder::new(format)?, Encoder::new(format)?);
        Ok(Self {
            decoder,
            up: Resampler::new(format.sample_rate, RATE),
            state: DenoiseState::new(),
            down: Resampler::new(RATE, format.sample_rate),
            encoder,
            samples: Vec::new(),
            waiting: Vec::new(),
            cleaned: [0.0; HOP],
            ready: vec![0.0; (format.sample_rate / 100) as usize],
            block: BytesMut::new(),
        })
    }

    fn apply(&mut self, frame: AudioFrame) -> AudioFrame {
        self.samples.clear();
        self.decoder.decode(&frame.payload, &mut self.samples);
        let count = self.samples.len();
        self.samples.iter_mut().for_each(|sample| *sample *= SCALE);
        self.up.process(&self.samples, &mut self.waiting);
        let mut hops = self.waiting.chunks_exact(HOP);
        for hop in hops.by_ref() {
            self.state.process_frame(&mut self.cleaned, hop);
            self.down.process(&self.cleaned, &mut self.ready);
        }
        let rest = hops.remainder().len();
        self.waiting.drain(..self.waiting.len() - rest);
        let leaving = self.ready.drain(..count.min(self.ready.len())).map(|sample| sample / SCALE);
        self.samples.clear();
        self.samples.extend(leaving);
        self.encoder.encode(&self.samples, &mut self.block);
        AudioFrame::new(frame.format, frame.at, self.block.split().freeze())
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
