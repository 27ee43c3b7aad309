//! Sines through the resampler.

use std::{f64::consts::TAU, fmt};

use voiceagent_core::audio::Resampler;

const RATES: [u32; 4] = [8_000, 16_000, 24_000, 48_000];
/// Sines of a sweep.
const SINES: u32 = 60;

/// What becomes of sines between two rates, in dB at the worst of them.
pub(super) struct Sweep {
    from: u32,
    to: u32,
    /// How far the level is off.
    pub(super) ripple: f64,
    /// How strong what has no right to be there is, against the sine.
    pub(super) alias: f64,
}

pub(super) fn all() -> impl Iterator<Item = Sweep> {
    let pairs = RATES.into_iter().flat_map(|from| RATES.map(|to| (from, to)));
    pairs.filter(|(from, to)| from != to).map(|(from, to)| Sweep::new(from, to))
}

impl Sweep {
    fn new(from: u32, to: u32) -> Self {
        let band = f64::from(from.min(to)) / 2.0;
        let mut sweep = Self { from, to, ripple: 0.0, alias: f64::NEG_INFINITY };
        for sine in between(100.0, 0.85 * band) {
            let (level, rest) = measure(from, to, sine);
            sweep.ripple = sweep.ripple.max(level.abs());
            sweep.alias = sweep.alias.max(rest);
        }
        // Above the band nothing of a sine is its own: all that comes out is alias.
        for sine in between(1.0625 * band, 0.98 * f64::from(from) / 2.0) {
            let (level, rest) = measure(from, to, sine);
            sweep.alias = sweep.alias.max(level.max(rest));
        }
        sweep
    }
}

/// No sines, where the range is empty.
fn between(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let count = if low < high { SINES } else { 0 };
    (0..count).map(move |at| low + (high - low) * f64::from(at) / f64::from(SINES - 1))
}

/// How strong a sine is afterwards, and everything else, in dB against what it was.
fn measure(from: u32, to: u32, frequency: f64) -> (f64, f64) {
    let turn = |rate: u32, at: usize| TAU * (frequency / f64::from(rate) * at as f64).fract();
    let input: Vec<f32> = (0..from as usize / 4).map(|at| turn(from, at).sin() as f32).collect();
    let mut output = Vec::new();
    Resampler::new(from, to).process(&input, &mut output);
    let settled = &output[output.len() / 4..];
    let sum = |weigh: &dyn Fn(f64) -> f64| -> f64 {
        (0..).zip(settled).map(|(at, sample)| weigh(turn(to, at)) * f64::from(*sample)).sum()
    };
    // Least squares: sine and cosine are not quite at right angles over a stretch of them.
    let of = |one: &dyn Fn(f64) -> f64, other: &dyn Fn(f64) -> f64| -> f64 {
        (0..settled.len()).map(|at| one(turn(to, at)) * other(turn(to, at))).sum()
    };
    let (ss, cc, sc) =
        (of(&f64::sin, &f64::sin), of(&f64::cos, &f64::cos), of(&f64::sin, &f64::cos));
    let (s, c) = (sum(&f64::sin), sum(&f64::cos));
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((s * cc - c * sc) / determinant, (c * ss - s * sc) / determinant);
    let rest: f64 = (0..)
        .zip(settled)
        .map(|(at, sample)| {
            let angle = turn(to, at);
            (f64::from(*sample) - a * angle.sin() - b * angle.cos()).powi(2)
        })
        .sum();
    let rest = (2.0 * rest / settled.len() as f64).sqrt();
    let decibels = |amplitude: f64| 20.0 * amplitude.max(1e-9).log10();
    (decibels(a.hypot(b)), decibels(rest))
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, ripple, alias } = self;
        let delay = Resampler::new(*from, *to).latency().as_secs_f64() * 1e3;
        let (from, to) = (from / 1_000, to / 1_000);
        write!(f, "| {from} to {to} kHz | {ripple:.3} dB | {alias:.1} dB | {delay:.2} ms |")
    }
}
