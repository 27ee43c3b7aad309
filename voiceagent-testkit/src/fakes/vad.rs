use voiceagent_core::vad::{VadFactory, VoiceActivityDetector};

use crate::tone;

/// A voice activity detector that takes everything audible for speech.
///
/// It has no memory: each window is judged by its loudness alone.
#[derive(Clone, Copy, Debug)]
pub struct FakeVad {
    sample_rate: u32,
    window: usize,
}

impl FakeVad {
    /// A detector for windows of so many samples at this rate.
    #[must_use]
    pub const fn new(sample_rate: u32, window: usize) -> Self {
        Self { sample_rate, window }
    }
}

impl Default for FakeVad {
    /// 8 kHz, windows of 20 ms.
    fn default() -> Self {
        Self::new(8_000, 160)
    }
}

impl VadFactory for FakeVad {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(*self)
    }
}

impl VoiceActivityDetector for FakeVad {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn window(&self) -> usize {
        self.window
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        assert_eq!(window.len(), self.window, "a detector gets windows of the size it asks for");
        if tone::rms(window) > tone::AUDIBLE { 0.95 } else { 0.02 }
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn it_passes_what_every_detector_must_pass() {
        conformance::vad("fake", &FakeVad::default()).assert();
        conformance::vad("fake at 16 kHz", &FakeVad::new(16_000, 512)).assert();
    }

    #[test]
    #[should_panic(expected = "windows of the size")]
    fn a_window_of_another_size_is_a_fault_of_the_caller() {
        FakeVad::default().speech_probability(&[0.0; 80]);
    }
}
