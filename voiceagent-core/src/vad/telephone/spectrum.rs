use std::{array, f64::consts::TAU, mem};

/// Samples under a spectrum: 32 ms.
pub(super) const SPECTRUM: usize = 256;
/// Frequencies, 31.25 Hz apart.
pub(super) const BINS: usize = HALF + 1;

const HALF: usize = SPECTRUM / 2;

/// The power in each frequency of real samples, under a window of Hann.
///
/// The samples are taken in pairs, for half as many complex ones. The transform is Stockham's,
/// which leaves the frequencies in order.
#[derive(Debug)]
pub(super) struct Spectrum {
    /// So scaled that white noise has its power in each frequency.
    window: [f32; SPECTRUM],
    /// Half a turn, clockwise.
    cosines: [f32; HALF],
    sines: [f32; HALF],
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let angle = |step: usize| TAU * step as f64 / SPECTRUM as f64;
        let hann: [f64; SPECTRUM] = array::from_fn(|at| 0.5 - 0.5 * angle(at).cos());
        let power: f64 = hann.iter().map(|it| it * it).sum();
        Self {
            window: hann.map(|it| (it / power.sqrt()) as f32),
            cosines: array::from_fn(|step| angle(step).cos() as f32),
            sines: array::from_fn(|step| -angle(step).sin() as f32),
        }
    }

    pub(super) fn power(&self, samples: &[f32; SPECTRUM]) -> [f32; BINS] {
        let windowed = |at: usize| samples[at] * self.window[at];
        let real = array::from_fn(|at| windowed(2 * at));
        let imaginary = array::from_fn(|at| windowed(2 * at + 1));
        let (real, imaginary) = self.transform(real, imaginary);
        array::from_fn(|bin| {
            // Of the pairs' transform, what the even and what the odd samples gave.
            let (one, other) = (bin % HALF, (HALF - bin) % HALF);
            let even = (real[one] + real[other], imaginary[one] - imaginary[other]);
            let odd = (imaginary[one] + imaginary[other], real[other] - real[one]);
            let (cosine, sine) =
                if bin == HALF { (-1.0, 0.0) } else { (self.cosines[bin], self.sines[bin]) };
            let re = even.0 + odd.0 * cosine - odd.1 * sine;
            let im = even.1 + odd.0 * sine + odd.1 * cosine;
            (re * re + im * im) / 4.0
        })
    }

    fn transform(
        &self,
        mut real: [f32; HALF],
        mut imaginary: [f32; HALF],
    ) -> ([f32; HALF], [f32; HALF]) {
        let (mut next_real, mut next_imaginary) = ([0.0; HALF], [0.0; HALF]);
        let mut together = 1;
        while together < HALF {
            for (group, at) in (0..HALF / 2).step_by(together).enumerate() {
                let (cosine, sine) = (self.cosines[2 * at], self.sines[2 * at]);
                let to = 2 * group * together;
                for offset in 0..together {
                    let (one, other) = (at + offset, at + offset + HALF / 2);
                    let (re, im) = (real[one] - real[other], imaginary[one] - imaginary[other]);
                    next_real[to + offset] = real[one] + real[other];
                    next_imaginary[to + offset] = imaginary[one] + imaginary[other];
                    next_real[to + together + offset] = re * cosine - im * sine;
                    next_imaginary[to + together + offset] = re * sine + im * cosine;
                }
            }
            mem::swap(&mut real, &mut next_real);
            mem::swap(&mut imaginary, &mut next_imaginary);
            together *= 2;
        }
        (real, imaginary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_is_that_of_the_transform_by_its_definition() {
        let spectrum = Spectrum::new();
        let samples: [f32; SPECTRUM] =
            array::from_fn(|at| ((at * at % 97) as f32 / 48.0 - 1.0) + (at as f32 * 0.7).sin());
        let power = spectrum.power(&samples);
        for (bin, power) in power.into_iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (at, (sample, window)) in samples.iter().zip(&spectrum.window).enumerate() {
                let sample = f64::from(sample * window);
                let angle = TAU * (bin * at % SPECTRUM) as f64 / SPECTRUM as f64;
                re += sample * angle.cos();
                im -= sample * angle.sin();
            }
            let expected = re * re + im * im;
            assert!((f64::from(power) - expected).abs() < 1e-4 * expected.max(0.1), "at {bin}");
        }
    }
}
