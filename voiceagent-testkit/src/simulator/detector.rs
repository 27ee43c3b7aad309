use voiceagent_core::vad::{VadFactory, VoiceActivityDetector};

use super::sound::{FRAME, Loudness};

/// A detector that reads from each frame how loud it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detector;

impl VadFactory for Detector {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(*self)
    }
}

impl VoiceActivityDetector for Detector {
    fn sample_rate(&self) -> u32 {
        8_000
    }

    fn window(&self) -> usize {
        FRAME
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        // The first samples may hold a word.
        match Loudness::of(window[FRAME - 1]) {
            Loudness::Silent => 0.02,
            Loudness::Murmur => 0.4,
            Loudness::Loud => 0.95,
        }
    }

    fn reset(&mut self) {}
}
