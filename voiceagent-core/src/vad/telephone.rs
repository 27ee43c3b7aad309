mod bands;
mod network;
mod spectrum;

use std::{fmt, sync::LazyLock, time::Duration};

use self::{
    bands::Bands,
    network::{Memory, Network},
    spectrum::{SPECTRUM, Spectrum},
};
use super::{VadFactory, VoiceActivityDetector};
use crate::SpeechGateConfig;

/// Samples of a window: 16 ms.
const WINDOW: usize = SPECTRUM / 2;

static EARS: LazyLock<Ears> = LazyLock::new(Ears::new);

/// The embedded neural detector, made for telephones: 8 kHz, windows of 16 ms, no download, no
/// allocation.
///
/// It hears the levels of 22 bands up to 3.9 kHz, through a recurrent network of 16,000 weights
/// that was fitted to speech in noise behind telephone lines. `docs/vad.md` tells how good it is
/// and how it was fitted.
///
/// ```
/// use voiceagent_core::vad::{Telephone, VadFactory};
///
/// let mut detector = Telephone::default().detector();
/// assert!(detector.speech_probability(&[0.0; 128]) < 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Telephone;

impl VadFactory for Telephone {
    fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        Box::new(TelephoneDetector::new(&EARS))
    }

    /// Three windows of nearly certain speech: fewer false starts than the usual settings make, as
    /// soon.
    fn gate(&self) -> SpeechGateConfig {
        SpeechGateConfig {
            start_threshold: 0.8,
            min_speech: Duration::from_millis(45),
            ..SpeechGateConfig::default()
        }
    }
}

/// What all detectors share.
#[derive(Debug)]
struct Ears {
    spectrum: Spectrum,
    bands: Bands,
    network: Network,
}

impl Ears {
    fn new() -> Self {
        Self { spectrum: Spectrum::new(), bands: Bands::new(), network: Network::embedded() }
    }
}

struct TelephoneDetector {
    ears: &'static Ears,
    /// The window before, and the window.
    samples: [f32; SPECTRUM],
    memory: Memory,
}

impl TelephoneDetector {
    const fn new(ears: &'static Ears) -> Self {
        Self { ears, samples: [0.0; SPECTRUM], memory: Memory::NEW }
    }
}

impl VoiceActivityDetector for TelephoneDetector {
    fn sample_rate(&self) -> u32 {
        8_000
    }

    fn window(&self) -> usize {
        WINDOW
    }

    fn speech_probability(&mut self, window: &[f32]) -> f32 {
        self.samples.copy_within(WINDOW.., 0);
        self.samples[WINDOW..].copy_from_slice(window);
        let power = self.ears.spectrum.power(&self.samples);
        let levels = self.ears.bands.levels(&power);
        self.ears.network.speech_probability(&mut self.memory, &levels)
    }

    fn reset(&mut self) {
        *self = Self::new(self.ears);
    }
}

impl fmt::Debug for TelephoneDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelephoneDetector").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SpeechEdge, SpeechGate};

    /// A quarter of a second of noise, as much of a hum of many harmonics in it that comes and
    /// goes as a voice would, and noise again.
    fn samples() -> Vec<f32> {
        let mut state = 1_u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state) / 2_147_483_648.0 - 1.0) * 0.01
        };
        let hum = |at: usize| {
            let time = at as f64 / 8_000.0;
            let pitch = |harmonic: i32| (time * 700.0 * f64::from(harmonic)).sin();
            (time * 25.0).sin().max(0.0) * (1..20).map(pitch).sum::<f64>() * 0.02
        };
        (0..6_144)
            .map(|at| (noise() + if at / 2_048 == 1 { hum(at) } else { 0.0 }) as f32)
            .collect()
    }

    /// What `benches/telephone/fit.py write` gives for the same samples: PyTorch's layers.
    #[test]
    fn the_network_is_the_one_that_was_fitted() {
        let expected = [
            0.3134, 0.1964, 0.0694, 0.0402, 0.9674, 0.9847, 0.9869, 0.9709, 0.7885, 0.4585, 0.2326,
            0.0662,
        ];
        let mut detector = Telephone.detector();
        let heard: Vec<f32> =
            samples().chunks(WINDOW).map(|window| detector.speech_probability(window)).collect();
        let heard: Vec<f32> = heard.into_iter().skip(2).step_by(4).collect();
        assert_eq!(heard.len(), expected.len());
        for (heard, expected) in heard.iter().zip(expected) {
            assert!((heard - expected).abs() < 1e-3, "{heard} is not {expected}");
        }
    }

    #[test]
    fn its_gate_opens_to_three_windows_of_nearly_certain_speech_and_to_nothing_less() {
        let mut gate = SpeechGate::new(Telephone.gate(), 8_000).unwrap();
        let mut start = |probability: f32, windows: usize| {
            let edges = (0..windows).map(|_| gate.push(probability, WINDOW as u64));
            edges.collect::<Vec<_>>()
        };
        assert_eq!(start(0.79, 100), vec![None; 100]);
        assert_eq!(start(0.81, 2), vec![None; 2]);
        let since = crate::audio::MediaTime(100 * WINDOW as u64);
        assert_eq!(start(0.81, 1), [Some(SpeechEdge::Started { since })]);
    }

    #[test]
    fn a_reset_detector_is_as_new() {
        let mut detector = Telephone.detector();
        let samples = samples();
        let mut listen = || -> Vec<f32> {
            let heard = samples.chunks(WINDOW).map(|it| detector.speech_probability(it)).collect();
            detector.reset();
            heard
        };
        assert_eq!(listen(), listen());
    }
}
