use super::{VadFactory, VoiceActivityDetector};

/// Windows of a block, and blocks whose quietest moments are remembered: 3.2 s.
const BLOCK: u32 = 20;
const BLOCKS: usize = 8;
/// No line is taken to be quieter, in dBFS: what lies below is inaudible anyway.
const QUIETEST: f32 = -60.0;
/// How far above the line's own noise sound is as likely speech as not, in dB.
const MARGIN: f32 = 8.0;
/// How many dB make the odds `e` times better.
const SLOPE: f32 = 2.0;

/// A detector without a model: everything well above the noise of the line counts as speech.
///
/// 8 kHz, windows of 20 ms. The noise of the line is the quietest moment of the last 3.2 s, so
/// that steady noise is learned; music, knocking and other people's voices are speech to it.
/// It is for tests, and for devices that cannot afford [`Telephone`](super::Telephone).
///
/// ```
/// use voiceagent_core::vad::{Energy, VadFactory};
///
/// let mut detector = Energy::default().detector();
/// assert!(detector.speech_probability(&[0.0; 160]) < 0.1);
/// let knock: Vec<f32> = (0..160).map(|n| if n % 8 < 4 { 0.3 } else { -0.3 }).collect();
/// assert!(detector.speech_probability(&knock) > 0.9);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Energy {}

impl VadFactory for Energy {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(EnergyDetector::NEW)
    }
}

#[derive(Debug)]
struct EnergyDetector {
    /// The last sample of the window before.
    last: f32,
    /// The level, smoothed over two windows, so that no single one sets the noise of the line.
    smooth: f32,
    /// The quietest moment of each block; the newest is not over.
    quietest: [f32; BLOCKS],
    /// Windows in the newest block.
    heard: u32,
}

impl EnergyDetector {
    const NEW: Self = Self { last: 0.0, smooth: QUIETEST, quietest: [QUIETEST; BLOCKS], heard: 0 };

    /// The level in dBFS, with the hum and the offset of bad lines held down.
    fn level(&mut self, window: &[f32]) -> f32 {
        let mut power = 0.0;
        for sample in window {
            let step = sample - 0.9 * self.last;
            power += step * step;
            self.last = *sample;
        }
        (10.0 * (power / window.len().max(1) as f32).log10()).max(QUIETEST)
    }

    fn noise(&mut self, level: f32) -> f32 {
        self.smooth = f32::midpoint(self.smooth, level);
        if self.heard == BLOCK {
            self.quietest.rotate_right(1);
            self.quietest[0] = f32::INFINITY;
            self.heard = 0;
        }
        self.heard += 1;
        self.quietest[0] = self.quietest[0].min(self.smooth);
        self.quietest.iter().copied().fold(f32::INFINITY, f32::min)
    }
}

impl VoiceActivityDetector for EnergyDetector {
    fn sample_rate(&self) -> u32 {
        8_000
    }

    fn window(&self) -> usize {
        160
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        let level = self.level(window);
        let above = level - self.noise(level);
        1.0 / (1.0 + ((MARGIN - above) / SLOPE).exp())
    }

    fn reset(&mut self) {
        *self = Self::NEW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of this peak, `windows` windows of it.
    fn scores(detector: &mut dyn VoiceActivityDetector, peak: f32, windows: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let mut sample = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            peak * (state as f32 / 2_147_483_648.0 - 1.0)
        };
        (0..windows)
            .map(|_| {
                let window: Vec<f32> = (0..160).map(|_| sample()).collect();
                detector.speech_probability(&window)
            })
            .collect()
    }

    #[test]
    fn steady_noise_is_learned_and_a_voice_above_it_is_heard() {
        let mut detector = Energy::default().detector();
        let noise = scores(&mut *detector, 0.05, 250);
        assert!(noise[0] > 0.9, "at first it may be a voice");
        assert!(noise[200..].iter().all(|score| *score < 0.2));
        assert!(scores(&mut *detector, 0.5, 10).iter().all(|score| *score > 0.9));
    }

    #[test]
    fn an_offset_of_the_line_is_no_sound() {
        let mut detector = Energy::default().detector();
        let scores: Vec<f32> = (0..50).map(|_| detector.speech_probability(&[0.01; 160])).collect();
        assert!(scores[1..].iter().all(|score| *score < 0.5), "{scores:?}");
    }
}
