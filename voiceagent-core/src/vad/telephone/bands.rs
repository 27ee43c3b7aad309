use std::array;

use super::spectrum::{BINS, SPECTRUM};

/// How many bands there are.
pub(super) const BANDS: usize = 22;

/// The frequencies between which the bands lie, in Hz.
const LOWEST: f64 = 100.0;
const HIGHEST: f64 = 3_900.0;
/// The power that is added to each band: below the noise of any line.
const FLOOR: f32 = 1e-7;

/// Triangular bands of equal width on the mel scale, each reaching to its neighbours' centres.
#[derive(Debug)]
pub(super) struct Bands([Band; BANDS]);

#[derive(Debug)]
struct Band {
    first: usize,
    /// The share of each frequency from the first on; together 1.
    shares: Vec<f32>,
}

impl Bands {
    pub(super) fn new() -> Self {
        let (lowest, highest) = (mel(LOWEST), mel(HIGHEST));
        let width = (highest - lowest) / (BANDS + 1) as f64;
        let edge = |number: usize| hertz(lowest + width * number as f64);
        Self(array::from_fn(|band| Band::new(edge(band), edge(band + 1), edge(band + 2))))
    }

    /// The level of each band, in powers of ten.
    pub(super) fn levels(&self, power: &[f32; BINS]) -> [f32; BANDS] {
        array::from_fn(|band| {
            let Band { first, shares } = &self.0[band];
            let shared = shares.iter().zip(&power[*first..]).map(|(share, power)| share * power);
            (shared.sum::<f32>() + FLOOR).log10()
        })
    }
}

impl Band {
    fn new(from: f64, centre: f64, to: f64) -> Self {
        const STEP: f64 = 8_000.0 / SPECTRUM as f64;
        let rise = |at: f64| ((at - from) / (centre - from)).min((to - at) / (to - centre));
        let mut shares: [f64; BINS] = array::from_fn(|bin| rise(bin as f64 * STEP).max(0.0));
        // A band too narrow to hold a frequency takes its neighbours.
        if shares.iter().sum::<f64>() < 1.0 {
            shares =
                array::from_fn(|bin| (1.0 - (bin as f64 * STEP - centre).abs() / STEP).max(0.0));
        }
        let sum: f64 = shares.iter().sum();
        let first = shares.iter().position(|share| *share > 0.0).unwrap_or(0);
        let within = shares[first..].iter().take_while(|share| **share > 0.0);
        Self { first, shares: within.map(|share| (share / sum) as f32).collect() }
    }
}

fn mel(hertz: f64) -> f64 {
    (hertz / 700.0).ln_1p()
}

fn hertz(mel: f64) -> f64 {
    700.0 * mel.exp_m1()
}
