//! The contract of voice activity detection, and the detectors that come with the crate.

mod energy;
mod telephone;

use std::fmt::{self, Debug};

pub use energy::Energy;
pub use telephone::Telephone;

use crate::SpeechGateConfig;

/// Scores short windows of audio: speech or not.
///
/// A detector has no memory of edges; [`SpeechGate`](crate::SpeechGate) turns its scores into
/// speech that starts and stops, the same way for every detector. It runs on the call's own task,
/// so it must be quick and must not allocate.
pub trait VoiceActivityDetector: Debug + Send + 'static {
    /// Samples a second that the windows must have.
    fn sample_rate(&self) -> u32;

    /// Samples in a window.
    fn window(&self) -> usize;

    /// How likely it is, from 0 to 1, that the window holds speech.
    ///
    /// `window` has exactly [`window`](Self::window) samples from -1 to 1.
    fn speech_probability(&mut self, window: &[f32]) -> f32;

    /// Forgets everything heard so far.
    fn reset(&mut self);
}

/// Makes a detector for each call.
pub trait VadFactory: Debug + Send + Sync + 'static {
    /// A detector in its initial state.
    fn detector(&self) -> Box<dyn VoiceActivityDetector>;

    /// The settings of the gate that suit its scores, for calls that have no others.
    fn gate(&self) -> SpeechGateConfig {
        SpeechGateConfig::default()
    }
}

/// Another embedded neural detector: [earshot](https://docs.rs/earshot), 16 kHz, windows of 16 ms,
/// no download, no allocation. It starts falsely least of all, and is slow in noise.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Earshot;

impl VadFactory for Earshot {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(EarshotDetector(Box::default()))
    }
}

struct EarshotDetector(Box<earshot::Detector>);

impl VoiceActivityDetector for EarshotDetector {
    fn sample_rate(&self) -> u32 {
        16_000
    }

    fn window(&self) -> usize {
        256
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        self.0.predict_f32(window).clamp(0.0, 1.0)
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Debug for EarshotDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarshotDetector").finish_non_exhaustive()
    }
}
