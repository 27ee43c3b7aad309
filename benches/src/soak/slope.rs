use std::fmt;

use serde::Serialize;

/// Samples of one second are no independent evidence: memory goes up and down with the calls. The
/// means of so many parts of the run are nearly so, each of them longer than a call in a run of an
/// hour.
const PARTS: usize = 30;

/// Fewer samples in each part say nothing.
const FEWEST: usize = 2;

/// How a quantity grows, with the interval in which its growth lies in 95 of a hundred runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Slope {
    /// In kibibytes an hour.
    pub(super) per_hour: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) percent_per_hour: f64,
}

impl Slope {
    /// The line with the least squares through samples of seconds and kibibytes; `None` for too few.
    pub(super) fn of(samples: &[(f64, u64)]) -> Option<Self> {
        let length = samples.len() / PARTS;
        if length < FEWEST {
            return None;
        }
        let means: Vec<(f64, f64)> = samples
            .chunks_exact(length)
            .map(|part| {
                let count = part.len() as f64;
                let hours: f64 = part.iter().map(|(seconds, _)| seconds / 3_600.0).sum();
                let kib: f64 = part.iter().map(|(_, kib)| *kib as f64).sum();
                (hours / count, kib / count)
            })
            .collect();
        let count = means.len() as f64;
        let mean_x = means.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = means.iter().map(|(_, y)| y).sum::<f64>() / count;
        let spread: f64 = means.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let together: f64 = means.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        let slope = together / spread;
        let residual = |(x, y): &(f64, f64)| (y - mean_y - slope * (x - mean_x)).powi(2);
        let variance = means.iter().map(residual).sum::<f64>() / (count - 2.0);
        let margin = student(count - 2.0) * (variance / spread).sqrt();
        Some(Self {
            per_hour: slope,
            low: slope - margin,
            high: slope + margin,
            percent_per_hour: 100.0 * slope / mean_y,
        })
    }
}

impl fmt::Display for Slope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:+.0} KiB/h ({:+.2} %/h), 95 % interval {:+.0} to {:+.0}",
            self.per_hour, self.percent_per_hour, self.low, self.high
        )
    }
}

/// The 97.5 % quantile of Student's t for at least 10 degrees of freedom, within 0.003: the
/// first terms of its expansion about the normal one (Abramowitz and Stegun, 26.7.5).
fn student(degrees: f64) -> f64 {
    const Z: f64 = 1.959_964;
    Z + (Z.powi(3) + Z) / (4.0 * degrees)
        + (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * degrees.powi(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of samples around 100 MiB that grow by so many KiB.
    fn hour(growth: f64) -> Vec<(f64, u64)> {
        let wave = |second: u32| 500.0 * (f64::from(second) / 7.0).sin();
        let at = |second: u32| 102_400.0 + growth * f64::from(second) / 3_600.0 + wave(second);
        (0..3_600).map(|second| (f64::from(second), at(second) as u64)).collect()
    }

    #[test]
    fn growth_is_found_and_a_wave_is_none() {
        let flat = Slope::of(&hour(0.0)).unwrap();
        assert!(flat.low < 0.0 && flat.high > 0.0, "{flat}");
        let grows = Slope::of(&hour(1_024.0)).unwrap();
        assert!(grows.low > 900.0 && grows.high < 1_150.0, "{grows}");
        assert!((grows.percent_per_hour - 1.0).abs() < 0.1, "{grows}");
        assert!(Slope::of(&hour(0.0)[..50]).is_none(), "too short");
    }

    #[test]
    fn the_quantile_is_that_of_the_tables() {
        for (degrees, expected) in [(10.0, 2.228), (28.0, 2.048), (100.0, 1.984)] {
            assert!((student(degrees) - expected).abs() < 0.003, "{degrees}");
        }
    }
}
