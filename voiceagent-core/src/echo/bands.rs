use std::f32::consts::PI;

/// Bands of a telephone line.
pub(super) const BANDS: usize = 12;
/// Samples of a hop: 10 ms at 8 kHz.
pub(super) const HOP: usize = 80;
/// What is quieter in a band counts as nothing, in dBFS: G.711 has no smaller steps.
pub(super) const NOTHING: f32 = -90.0;

/// Middles of the bands, in Hz, about as far apart as an ear's.
const MIDDLES: [f32; BANDS] = [
    280.0, 380.0, 500.0, 640.0, 800.0, 990.0, 1_210.0, 1_480.0, 1_800.0, 2_180.0, 2_620.0, 3_150.0,
];
const RATE: f32 = 8_000.0;

/// Twelve resonators, side by side: each step is the same for all of them.
#[derive(Clone, Debug)]
pub(super) struct Bands {
    gain: [f32; BANDS],
    near: [f32; BANDS],
    far: [f32; BANDS],
    first: [f32; BANDS],
    second: [f32; BANDS],
    energy: [f32; BANDS],
    count: usize,
}

impl Bands {
    pub(super) fn new() -> Self {
        let zeros = [0.0; BANDS];
        let mut bands = Self {
            gain: zeros,
            near: zeros,
            far: zeros,
            first: zeros,
            second: zeros,
            energy: zeros,
            count: 0,
        };
        for (band, middle) in MIDDLES.into_iter().enumerate() {
            let width = 0.15 * middle + 50.0;
            let alpha = (PI * width / RATE).tan();
            bands.gain[band] = alpha / (1.0 + alpha);
            bands.near[band] = -2.0 * (2.0 * PI * middle / RATE).cos() / (1.0 + alpha);
            bands.far[band] = (1.0 - alpha) / (1.0 + alpha);
        }
        bands
    }

    /// Takes a sample. Returns the levels of the hop that it completes.
    pub(super) fn push(&mut self, sample: f32) -> Option<[f32; BANDS]> {
        for band in 0..BANDS {
            let input = self.gain[band] * sample;
            let output = input + self.first[band];
            self.first[band] = self.second[band] - self.near[band] * output;
            self.second[band] = -input - self.far[band] * output;
            self.energy[band] += output * output;
        }
        self.count += 1;
        if self.count < HOP {
            return None;
        }
        self.count = 0;
        let energy = std::mem::take(&mut self.energy);
        Some(energy.map(|energy| (10.0 * (energy / HOP as f32 + 1e-9).log10()).max(NOTHING)))
    }

    /// Begins a hop with the next sample.
    pub(super) fn restart(&mut self) {
        self.count = 0;
        self.energy = [0.0; BANDS];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_sounds_in_its_band_at_its_level() {
        for (band, middle) in MIDDLES.into_iter().enumerate() {
            let mut bands = Bands::new();
            let tone = |n: usize| 0.1 * (2.0 * PI * middle * n as f32 / RATE).sin();
            let levels = (0..10 * HOP).filter_map(|n| bands.push(tone(n))).last().unwrap();
            let loudest = (0..BANDS).max_by(|a, b| levels[*a].total_cmp(&levels[*b]));
            assert_eq!(loudest, Some(band));
            assert!((levels[band] + 23.0).abs() < 1.0, "{middle} Hz: {levels:?}");
        }
    }
}
