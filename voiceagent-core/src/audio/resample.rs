use std::{f64::consts::PI, fmt, time::Duration};

/// Taps of each phase, in samples of the lower rate. With [`ATTENUATION`] this gives a transition
/// of a fifth of the band: 3.4 kHz passes and 4.25 kHz is gone when one side is 8 kHz, at 3 ms
/// of delay.
const TAPS: u64 = 48;

/// What the design aims at in the stop band, in dB; a little more than is promised.
const ATTENUATION: f64 = 82.0;

/// Where the response is half, as a share of the lower rate's band: the middle of the transition.
const CUTOFF: f64 = 0.945;

/// The most taps of all phases: more than 44.1 kHz needs on its way to or from any multiple of 8 kHz
/// up to 192 kHz.
const LARGEST: usize = 32_768;

/// Phases for each sample of the lower rate, where there would be more taps than that: what lies
/// between two phases is a mean of both, and 100 dB right.
const PHASES: u64 = 512;

/// By how many times a rate may fall. A thousand times needs 48,000 taps, and no sound is sampled as
/// seldom.
const STEEPEST: u32 = 1_000;

/// Outputs that are computed side by side: four registers of four samples on every x86-64.
const LANES: usize = 16;

/// What follows the end of a stream, a piece at a time.
const NOTHING: [f32; 64] = [0.0; 64];

/// Changes the sample rate of a mono stream, piece by piece.
///
/// A polyphase low-pass filter of linear phase (windowed sinc, Kaiser window): one dot product
/// for each output sample, whatever the pieces are. Images and aliases are at least 80 dB down
/// from 1.06 times the band of the lower rate; the band is flat within 0.2 dB up to 0.85 of it.
/// The filter has 48 taps for each sample of the lower rate in each of its phases, so odd rates
/// (44.1 kHz) take more memory than multiples of 8 kHz, up to 128 KiB. Rates that have next to
/// nothing in common take no more: their phases are interpolated, for twice the work.
///
/// ```
/// use voiceagent_core::audio::Resampler;
///
/// let mut resampler = Resampler::new(8_000, 16_000);
/// let mut output = Vec::new();
/// resampler.process(&[0.0; 160], &mut output);
/// assert_eq!(output.len(), 320);
/// ```
#[derive(Clone)]
pub struct Resampler {
    from: u32,
    up: usize,
    down: usize,
    /// The taps of each phase, oldest sample first, one phase after the other.
    filter: Box<[f32]>,
    /// Into how many phases the filter is cut, and the first of the next sample behind them; `None`
    /// where it has exactly those that come up.
    phases: Option<usize>,
    /// Taps of a phase.
    taps: usize,
    /// The last `taps - 1` samples, and behind them the piece at hand.
    samples: Vec<f32>,
    /// Where the next output sample lies behind the next input sample, in `1 / up` of one.
    phase: usize,
    /// Something of the input is held back.
    begun: bool,
}

impl Resampler {
    /// Makes a converter between two sample rates; equal ones pass through.
    ///
    /// # Panics
    ///
    /// If a rate is 0, or `from` is more than a thousand times `to`. Rates that come from elsewhere
    /// are best left to a [`Transcoder`](super::Transcoder), which refuses what is below 4 kHz or
    /// above 192 kHz.
    #[must_use]
    pub fn new(from: u32, to: u32) -> Self {
        assert!(from > 0 && to > 0, "a sample rate is at least 1 Hz");
        assert!(from / STEEPEST <= to, "a sample rate falls by a thousand times at most");
        let common = greatest_common_divisor(from, to);
        let (up, down) = ((to / common) as usize, (from / common) as usize);
        let span = TAPS * u64::from(from.max(to)) / u64::from(to);
        // Eight at a time is how the dot product runs.
        let taps = if from == to { 1 } else { (span as usize).next_multiple_of(8) };
        let phases = (taps.saturating_mul(up) > LARGEST)
            .then(|| (PHASES * u64::from(to)).div_ceil(u64::from(from.max(to))) as usize);
        let filter = match phases {
            _ if from == to => Box::from([1.0]),
            None => design(up, down, taps, up, up),
            Some(phases) => design(up, down, taps, phases, phases + 1),
        };
        Self {
            from,
            up,
            down,
            filter,
            phases,
            taps,
            samples: vec![0.0; taps - 1],
            phase: 0,
            begun: false,
        }
    }

    /// Begins as if these had been the samples before, the latest first.
    pub(super) fn prime(&mut self, before: impl Iterator<Item = f32>) {
        self.reset();
        self.samples.iter_mut().rev().zip(before).for_each(|(sample, before)| *sample = before);
    }

    /// Appends the output that `input` completes.
    ///
    /// After `n` input samples in total there have been `n * to / from` output samples, rounded
    /// up. The result does not depend on how the input is cut into pieces. Nothing is allocated
    /// once `output` has room and the largest piece has been seen.
    pub fn process(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.begun |= !input.is_empty();
        self.samples.extend_from_slice(input);
        if self.down == 1 && self.phases.is_none() {
            return self.raise(output);
        }
        let mut start = self.phase / self.up;
        let mut phase = self.phase % self.up;
        while let Some(window) = self.samples.get(start..start + self.taps) {
            output.push(match self.phases {
                None => dot(window, self.filter_of(phase)),
                Some(phases) => {
                    let place = phase as u64 * phases as u64;
                    let (before, rest) = (place / self.up as u64, place % self.up as u64);
                    let before = before as usize;
                    let behind = rest as f32 / self.up as f32;
                    let low = dot(window, self.filter_of(before));
                    low + behind * (dot(window, self.filter_of(before + 1)) - low)
                }
            });
            phase += self.down;
            start += phase / self.up;
            phase %= self.up;
        }
        let consumed = self.samples.len() + 1 - self.taps;
        self.phase = (start - consumed) * self.up + phase;
        self.samples.drain(..consumed);
    }

    /// Appends what is held back of the input, as if silence followed, and begins anew: after it the
    /// output is longer by [`latency`](Self::latency) than the input. Where nothing came, or the rates
    /// are equal, nothing is held back.
    ///
    /// Nothing is allocated once `output` has room.
    pub fn finish(&mut self, output: &mut Vec<f32>) {
        let end = output.len() + if self.begun { self.lead() } else { 0 };
        while output.len() < end {
            self.process(&NOTHING, output);
        }
        output.truncate(end);
        self.reset();
    }

    fn filter_of(&self, phase: usize) -> &[f32] {
        &self.filter[phase * self.taps..][..self.taps]
    }

    /// Raises the rate by a whole factor. Phase by phase, neighbouring outputs of one phase are
    /// neighbouring windows, so that one tap serves [`LANES`] of them at once: a third of the
    /// instructions of one dot product after the other.
    fn raise(&mut self, output: &mut Vec<f32>) {
        let consumed = self.samples.len() + 1 - self.taps;
        let begin = output.len();
        output.resize(begin + consumed * self.up, 0.0);
        let output = &mut output[begin..];
        for (phase, filter) in self.filter.chunks_exact(self.taps).enumerate() {
            let mut start = 0;
            while let Some(windows) = self.samples.get(start..start + self.taps + LANES - 1) {
                let mut sums = [0.0_f32; LANES];
                for (samples, tap) in windows.windows(LANES).zip(filter) {
                    for (sum, sample) in sums.iter_mut().zip(samples) {
                        *sum += sample * tap;
                    }
                }
                for (lane, sum) in sums.into_iter().enumerate() {
                    output[(start + lane) * self.up + phase] = sum;
                }
                start += LANES;
            }
            // The same order of sums, so that a result does not depend on where a piece ends.
            for start in start..consumed {
                let window = &self.samples[start..start + self.taps];
                let products = window.iter().zip(filter).map(|(sample, tap)| sample * tap);
                output[start * self.up + phase] = products.fold(0.0, |sum, product| sum + product);
            }
        }
        self.samples.drain(..consumed);
    }

    /// How much later the output comes than the input.
    #[must_use]
    pub fn latency(&self) -> Duration {
        Duration::from_secs_f64(self.delay() / f64::from(self.from))
    }

    /// How many samples of the output come before that of the first input.
    pub(super) fn lead(&self) -> usize {
        (self.delay() * self.up as f64 / self.down as f64).round() as usize
    }

    /// How much later the output comes, in samples of the input.
    fn delay(&self) -> f64 {
        (self.taps as f64 - 1.0 / self.up as f64) / 2.0
    }

    /// Forgets everything heard so far.
    pub fn reset(&mut self) {
        self.samples.clear();
        self.samples.resize(self.taps - 1, 0.0);
        self.phase = 0;
        self.begun = false;
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from", &self.from)
            .field("up", &self.up)
            .field("down", &self.down)
            .field("taps", &self.taps)
            .finish_non_exhaustive()
    }
}

/// Eight sums at once: what the compiler turns into vector instructions.
fn dot(samples: &[f32], filter: &[f32]) -> f32 {
    let (mut samples, mut filter) = (samples.chunks_exact(8), filter.chunks_exact(8));
    let mut sums = [0.0_f32; 8];
    for (samples, filter) in samples.by_ref().zip(filter.by_ref()) {
        for ((sum, sample), tap) in sums.iter_mut().zip(samples).zip(filter) {
            *sum += sample * tap;
        }
    }
    let rest: f32 =
        samples.remainder().iter().zip(filter.remainder()).map(|(sample, tap)| sample * tap).sum();
    rest + sums.iter().sum::<f32>()
}

/// The first `count` phases of the low-pass filter, of which `phases` make up a sample of the input.
fn design(up: usize, down: usize, taps: usize, phases: usize, count: usize) -> Box<[f32]> {
    // All in samples of the input.
    let cutoff = CUTOFF * (up as f64 / up.max(down) as f64);
    let beta = 0.1102 * (ATTENUATION - 8.7);
    let middle = (taps as f64 - 1.0 / up as f64) / 2.0;
    let prototype = |place: f64| {
        let offset = place - middle;
        let ratio = 2.0 * offset / taps as f64;
        sinc(cutoff * offset) * bessel_i0(beta * (1.0 - ratio * ratio).max(0.0).sqrt())
    };
    let mut filter = Vec::with_capacity(taps * count);
    for phase in 0..count {
        let phase = phase as f64 / phases as f64;
        let mut one: Vec<f64> = (0..taps).rev().map(|tap| prototype(tap as f64 + phase)).collect();
        // Each phase passes a constant unchanged, so that a constant has no image.
        let gain: f64 = one.iter().sum();
        one.iter_mut().for_each(|tap| *tap /= gain);
        filter.extend(one.into_iter().map(|tap| tap as f32));
    }
    filter.into_boxed_slice()
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The modified Bessel function of the first kind and order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut order = 1.0;
    while term > sum * 1e-16 {
        term *= (x / (2.0 * order)) * (x / (2.0 * order));
        sum += term;
        order += 1.0;
    }
    sum
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
