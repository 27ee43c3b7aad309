use std::{array, f64::consts::TAU, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex};

/// Samples a second, and samples of the 8 s that the model hears.
pub(super) const RATE: u32 = 16_000;
pub(super) const SAMPLES: usize = 8 * RATE as usize;
/// Levels of each moment, and moments.
pub(super) const BANDS: usize = 80;
pub(super) const MOMENTS: usize = SAMPLES / HOP;

/// Samples under a spectrum, and from one to the next.
const SPECTRUM: usize = 400;
const HOP: usize = 160;
const BINS: usize = SPECTRUM / 2 + 1;

/// The least power that is told from none.
const FLOOR: f32 = 1e-10;
/// How far below the loudest level all others are kept, in powers of ten.
const DEPTH: f32 = 8.0;

/// The logarithmic levels of mel bands that Whisper hears.
///
/// As `WhisperFeatureExtractor` of Hugging Face's transformers computes them with
/// `chunk_length=8` and `do_normalize=True`, which Smart Turn was trained with: the 8 s are brought
/// to a mean of 0 and a variance of 1, silence in front included; spectra under a window of Hann
/// are centred on their moments, with the ends mirrored; 80 triangular bands of Slaney's mel scale,
/// each of the same area; the logarithm, no deeper than 8 below the loudest; `(x + 4) / 4`.
pub(super) struct Features {
    transform: Arc<dyn RealToComplex<f32>>,
    window: [f32; SPECTRUM],
    bands: Vec<Band>,
}

struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Features {
    pub(super) fn new() -> Self {
        let angle = |at: usize| TAU * at as f64 / SPECTRUM as f64;
        let edges: Vec<f64> = (0..BANDS + 2)
            .map(|edge| hertz(mel(f64::from(RATE) / 2.0) * edge as f64 / (BANDS + 1) as f64))
            .collect();
        Self {
            transform: RealFftPlanner::new().plan_fft_forward(SPECTRUM),
            window: array::from_fn(|at| (0.5 - 0.5 * angle(at).cos()) as f32),
            bands: edges.array_windows().map(Band::new).collect(),
        }
    }

    /// `BANDS` rows of `MOMENTS` levels. Of the samples, the last 8 s count; with fewer, the time
    /// before them is silent.
    pub(super) fn levels(&self, samples: &[f32]) -> Vec<f32> {
        let mirrored = mirrored(&normal(samples));
        let mut input = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut room = self.transform.make_scratch_vec();
        let mut levels = vec![0.0; BANDS * MOMENTS];
        for moment in 0..MOMENTS {
            let samples = &mirrored[moment * HOP..][..SPECTRUM];
            for ((input, sample), window) in input.iter_mut().zip(samples).zip(&self.window) {
                *input = sample * window;
            }
            self.transform
                .process_with_scratch(&mut input, &mut spectrum, &mut room)
                .expect("all three have the lengths that it asks for");
            let power: [f32; BINS] = array::from_fn(|bin| spectrum[bin].norm_sqr());
            for (number, band) in self.bands.iter().enumerate() {
                let within = band.weights.iter().zip(&power[band.first..]);
                let level: f32 = within.map(|(weight, power)| weight * power).sum();
                levels[number * MOMENTS + moment] = level.max(FLOOR).log10();
            }
        }
        let deepest = levels.iter().copied().fold(f32::MIN, f32::max) - DEPTH;
        for level in &mut levels {
            *level = (level.max(deepest) + 4.0) / 4.0;
        }
        levels
    }
}

impl Band {
    /// A triangle over three frequencies, in Hz.
    fn new([from, centre, to]: &[f64; 3]) -> Self {
        let weight = |bin: usize| {
            let at = (bin * RATE as usize) as f64 / SPECTRUM as f64;
            let rise = ((at - from) / (centre - from)).min((to - at) / (to - centre));
            (rise.max(0.0) * 2.0 / (to - from)) as f32
        };
        let first = (0..BINS).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
        Self { first, weights: (first..BINS).map(weight).take_while(|it| *it > 0.0).collect() }
    }
}

/// The last 8 s with a mean of 0 and a variance of 1.
fn normal(samples: &[f32]) -> Vec<f32> {
    let samples = &samples[samples.len().saturating_sub(SAMPLES)..];
    let mut normal = vec![0.0; SAMPLES];
    normal[SAMPLES - samples.len()..].copy_from_slice(samples);
    let count = SAMPLES as f64;
    let mean = normal.iter().map(|it| f64::from(*it)).sum::<f64>() / count;
    let variance = normal.iter().map(|it| (f64::from(*it) - mean).powi(2)).sum::<f64>() / count;
    let scale = (variance + 1e-7).sqrt().recip();
    for sample in &mut normal {
        *sample = ((f64::from(*sample) - mean) * scale) as f32;
    }
    normal
}

/// The samples with half a spectrum of their mirror image at both ends.
fn mirrored(samples: &[f32]) -> Vec<f32> {
    const SIDE: usize = SPECTRUM / 2;
    let before = samples[1..=SIDE].iter().rev();
    let after = samples[samples.len() - SIDE - 1..samples.len() - 1].iter().rev();
    before.chain(samples).chain(after).copied().collect()
}

/// Slaney's mel scale: linear to 1 kHz, where it is 15, and logarithmic above.
fn mel(hertz: f64) -> f64 {
    if hertz < 1_000.0 {
        hertz * 0.015
    } else {
        15.0 + (hertz / 1_000.0).ln() * 27.0 / 6.4_f64.ln()
    }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 { mel / 0.015 } else { 1_000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// As `make.py` beside the expected numbers makes them.
    fn samples(count: usize) -> Vec<f32> {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state) / f64::from(1_u32 << 31) - 1.0) * 0.01
        };
        let hum =
            |time: f64| (TAU * (200.0 + 100.0 * time) * time).sin() * (time / 4.0).min(1.0) * 0.3;
        (0..count).map(|at| (hum(at as f64 / f64::from(RATE)) + noise()) as f32).collect()
    }

    #[test]
    fn the_levels_are_those_of_the_library_that_the_model_was_trained_with() {
        let expected = include_str!("../../tests/detectors/smart_turn/expected.json");
        let expected: Vec<Value> = serde_json::from_str(expected).unwrap();
        let features = Features::new();
        for case in expected {
            let count = case["samples"].as_u64().unwrap() as usize;
            let levels = features.levels(&samples(count));
            let some = levels.chunks(MOMENTS).step_by(9).flat_map(|band| band.iter().step_by(57));
            let expected = case["every_9th_band_and_57th_moment"].as_array().unwrap();
            assert_eq!(some.clone().count(), expected.len());
            for (level, expected) in some.zip(expected) {
                let off = f64::from(*level) - expected.as_f64().unwrap();
                assert!(off.abs() < 1e-3, "{count} samples: {level} is not {expected}");
            }
        }
    }
}
