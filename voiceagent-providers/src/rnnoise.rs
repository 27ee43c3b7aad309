//! The noise suppression and the voice activity detector of
//! [RNNoise](https://jmvalin.ca/demo/rnnoise), by [nnnoiseless](https://docs.rs/nnnoiseless): the
//! model is compiled in.
//!
//! ```
//! use voiceagent_core::vad::VadFactory;
//! use voiceagent_providers::rnnoise::RnNoise;
//!
//! assert_eq!(RnNoise::default().detector().sample_rate(), 48_000);
//! ```

mod suppressor;

use std::{fmt, sync::Arc};

use nnnoiseless::DenoiseState;
use serde::Deserialize;
use voiceagent_core::{
    registry::Registry,
    vad::{VadFactory, VoiceActivityDetector},
};

pub use suppressor::NoiseSuppressor;

/// Registers the detector `rnnoise`, which has no settings.
pub fn register(registry: &mut Registry) {
    registry.vad.register("rnnoise", |config: RnNoise| Ok(Arc::new(config) as Arc<dyn VadFactory>));
}

/// Makes RNNoise detectors: 48 kHz, windows of 10 ms.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RnNoise {}

impl VadFactory for RnNoise {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(Detector {
            state: DenoiseState::new(),
            scaled: [0.0; DenoiseState::FRAME_SIZE],
            cleaned: [0.0; DenoiseState::FRAME_SIZE],
        })
    }
}

struct Detector {
    state: Box<DenoiseState<'static>>,
    scaled: [f32; DenoiseState::FRAME_SIZE],
    /// What the noise filter leaves, which nobody asked for.
    cleaned: [f32; DenoiseState::FRAME_SIZE],
}

impl VoiceActivityDetector for Detector {
    fn sample_rate(&self) -> u32 {
        48_000
    }

    fn window(&self) -> usize {
        DenoiseState::FRAME_SIZE
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        for (scaled, sample) in self.scaled.iter_mut().zip(window) {
            // It was trained on samples of 16 bits.
            *scaled = sample * 32_768.0;
        }
        self.state.process_frame(&mut self.cleaned, &self.scaled).clamp(0.0, 1.0)
    }

    fn reset(&mut self) {
        self.state = DenoiseState::new();
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RnNoiseDetector").finish_non_exhaustive()
    }
}
