use std::{f32::consts::TAU, fmt, time::Duration};

use crate::{Error, ErrorKind, Result};

/// The tones of a key: one of each group (ITU-T Q.23).
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// How long a stretch is that is looked at as a whole: two of them lie in every tone of 40 ms, the
/// shortest that must be understood, and no two in one of less than 13 ms.
const BLOCK: Duration = Duration::from_micros(12_750);
/// The mean square below which nothing is looked for: a tone of -36 dB below full scale.
const FAINTEST: f32 = 1.25e-4;
/// How much stronger the low tone may be than the high one, and the other way round (ITU-T Q.24,
/// table A-1: 8 dB and 4 dB), with 2 dB for what is found of one beside the other.
const LOW_OVER_HIGH: f32 = 10.0;
const HIGH_OVER_LOW: f32 = 4.0;
/// How much a tone exceeds the others of its group: 6 dB. Some of a tone is found beside it, because
/// a block is short.
const OVER_OTHERS: f32 = 4.0;
/// Blocks without a key after which it was let go: as many lie in each pause of 40 ms, and only two
/// in a gap of 12 ms, which is none.
const LET_GO: u8 = 3;
/// How much of the sound the two tones make. Speech has more besides.
const SHARE: f32 = 0.65;

/// Hears the keys of a phone by their tones, where the carrier does not report them.
///
/// It takes tones from 40 ms on, up to 1.5 % off, from about -33 dB below full scale, with the
/// difference in level that lines make (ITU-T Q.24). A key is told once, some 25 ms after its
/// beginning, however long it is held. Pieces may be cut anywhere. Nothing is allocated.
///
/// ```
/// use std::time::Duration;
/// use voiceagent_core::audio::DtmfDetector;
///
/// let mut detector = DtmfDetector::new(8_000)?;
/// let mut keys = String::new();
/// for key in "42#".chars() {
///     let tone = DtmfDetector::tone(key, 8_000, Duration::from_millis(80)).unwrap();
///     detector.push(&tone, |key| keys.push(key));
///     detector.push(&[0.0; 400], |key| keys.push(key));
/// }
/// assert_eq!(keys, "42#");
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone)]
pub struct DtmfDetector {
    /// Of the tones of both groups.
    resonators: [Resonator; 8],
    energy: f32,
    /// Samples of the block so far, and of a whole one.
    filled: usize,
    block: usize,
    /// The key of the last block.
    last: Option<char>,
    /// The key that was told and is not let go.
    held: Option<char>,
    /// Blocks in a row without it.
    without: u8,
}

/// The share of one frequency in a block (Goertzel's algorithm).
#[derive(Clone, Copy)]
struct Resonator {
    coefficient: f32,
    last: f32,
    before: f32,
}

impl DtmfDetector {
    /// Makes a detector for samples of this rate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] below 8 kHz, and above 192 kHz.
    pub fn new(sample_rate: u32) -> Result<Self> {
        if !(8_000..=192_000).contains(&sample_rate) {
            let what = format!("cannot hear keys at {sample_rate} Hz: 8 to 192 kHz");
            return Err(Error::new(ErrorKind::Unsupported, "hear keys", what));
        }
        let mut tones = LOW.into_iter().chain(HIGH);
        Ok(Self {
            resonators: [(); 8].map(|()| Resonator::new(tones.next().unwrap_or(0.0), sample_rate)),
            energy: 0.0,
            filled: 0,
            block: (BLOCK.as_secs_f32() * sample_rate as f32).round() as usize,
            last: None,
            held: None,
            without: 0,
        })
    }

    /// The tone of a key, at 9 dB below full scale; `None` for what is no key.
    #[must_use]
    pub fn tone(key: char, sample_rate: u32, duration: Duration) -> Option<Vec<f32>> {
        let (row, keys) = (0..).zip(KEYS).find(|(_, keys)| keys.contains(&key))?;
        let column = keys.iter().position(|known| *known == key)?;
        let step = |tone: f32| tone / sample_rate as f32;
        let (low, high): (f32, f32) = (step(LOW[row]), step(HIGH[column]));
        let samples = (duration.as_secs_f32() * sample_rate as f32) as u32;
        // The fraction of a turn, so that a long tone is as exact as a short one.
        let wave = |at: u32, step: f32| (f64::from(at) * f64::from(step)).fract() as f32;
        let sample = |at| 0.25 * ((TAU * wave(at, low)).sin() + (TAU * wave(at, high)).sin());
        Some((0..samples).map(sample).collect())
    }

    /// Takes samples from -1 to 1, and tells each key that has been pressed.
    pub fn push(&mut self, samples: &[f32], mut pressed: impl FnMut(char)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(self.block - self.filled));
            for resonator in &mut self.resonators {
                resonator.push(piece);
            }
            self.energy += piece.iter().map(|sample| sample * sample).sum::<f32>();
            self.filled += piece.len();
            rest = behind;
            if self.filled == self.block
                && let Some(key) = self.complete()
            {
                pressed(key);
            }
        }
    }

    /// Whether a key that was told is still held.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Judges a whole block. Returns a key that was not told yet.
    fn complete(&mut self) -> Option<char> {
        let key = self.key();
        self.energy = 0.0;
        self.filled = 0;
        let again = std::mem::replace(&mut self.last, key) == key;
        self.without = if key == self.held { 0 } else { self.without.saturating_add(1) };
        if self.without >= LET_GO {
            self.held = None;
        }
        let pressed = key.filter(|_| again && key != self.held)?;
        self.held = key;
        self.without = 0;
        Some(pressed)
    }

    /// The key whose tones make up the block.
    fn key(&mut self) -> Option<char> {
        let powers = self.resonators.each_mut().map(Resonator::take);
        let (low, high) = powers.split_at(4);
        if self.energy < FAINTEST * self.block as f32 {
            return None;
        }
        let ((row, low), (column, high)) = (strongest(low)?, strongest(high)?);
        let is_level = low <= high * LOW_OVER_HIGH && high <= low * HIGH_OVER_LOW;
        let is_pure = low + high >= SHARE * self.energy * self.block as f32 / 2.0;
        (is_level && is_pure).then_some(KEYS[row][column])
    }
}

impl fmt::Debug for DtmfDetector {
    /// Keys spell card numbers and codes, and are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtmfDetector").field("is_held", &self.is_held()).finish_non_exhaustive()
    }
}

impl Resonator {
    fn new(tone: f32, sample_rate: u32) -> Self {
        let coefficient = 2.0 * (TAU * tone / sample_rate as f32).cos();
        Self { coefficient, last: 0.0, before: 0.0 }
    }

    fn push(&mut self, samples: &[f32]) {
        for sample in samples {
            let next = sample + self.coefficient * self.last - self.before;
            (self.before, self.last) = (self.last, next);
        }
    }

    /// The power of the block, which ends here.
    fn take(&mut self) -> f32 {
        let (last, before) = (std::mem::take(&mut self.last), std::mem::take(&mut self.before));
        last * last + before * before - self.coefficient * last * before
    }
}

/// The tone of a group that stands out, and its power.
fn strongest(powers: &[f32]) -> Option<(usize, f32)> {
    let (place, power) =
        powers.iter().copied().enumerate().max_by(|one, other| one.1.total_cmp(&other.1))?;
    let others = powers.iter().enumerate().filter(|(other, _)| *other != place);
    others.into_iter().all(|(_, other)| power >= other * OVER_OTHERS).then_some((place, power))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "1234567890*#ABCD";
    const RATE: u32 = 8_000;

    fn keys(samples: &[f32], rate: u32, piece: usize) -> String {
        let mut detector = DtmfDetector::new(rate).unwrap();
        let mut keys = String::new();
        for piece in samples.chunks(piece) {
            detector.push(piece, |key| keys.push(key));
        }
        keys
    }

    /// Two tones, so many percent off and at these levels, for so many milliseconds.
    fn pair(row: usize, column: usize, off: f32, levels: [f32; 2], millis: f32) -> Vec<f32> {
        let wave =
            |at: usize, tone: f32| (TAU * tone * (1.0 + off / 100.0) * at as f32 / 8e3).sin();
        let samples = 0..(millis * 8.0) as usize;
        let sample = |at| levels[0] * wave(at, LOW[row]) + levels[1] * wave(at, HIGH[column]);
        samples.map(sample).collect()
    }

    /// Noise of this loudness that is the same each time.
    fn noise(samples: usize, loudness: f32) -> Vec<f32> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..samples).map(|_| loudness * next()).collect()
    }

    #[test]
    fn every_key_is_told_once_at_every_rate_however_the_audio_is_cut() {
        for rate in [8_000, 16_000, 24_000, 48_000] {
            let pause = vec![0.0; rate as usize / 20];
            let tone = |key| DtmfDetector::tone(key, rate, Duration::from_millis(100)).unwrap();
            let audio: Vec<f32> =
                ALL.chars().flat_map(|key| [tone(key), pause.clone()].concat()).collect();
            for piece in [1, 7, 160, 10_000] {
                assert_eq!(keys(&audio, rate, piece), ALL, "{rate} Hz in pieces of {piece}");
            }
        }
        assert_eq!(DtmfDetector::tone('x', RATE, Duration::from_secs(1)), None);
    }

    #[test]
    fn tones_of_40_ms_with_pauses_as_long_are_told_wherever_they_begin() {
        for offset in 0..102 {
            let tone = pair(1, 2, 0.0, [0.2, 0.2], 40.0);
            let twice = [vec![0.0; offset], tone.clone(), vec![0.0; 320], tone, vec![0.0; 320]];
            assert_eq!(keys(&twice.concat(), RATE, 160), "66", "at {offset}");
            let short = [vec![0.0; offset], pair(1, 2, 0.0, [0.2, 0.2], 12.0), vec![0.0; 320]];
            assert_eq!(keys(&short.concat(), RATE, 160), "", "at {offset}");
        }
    }

    #[test]
    fn tones_are_taken_within_what_lines_do_to_them() {
        for (row, column) in (0..16).map(|key| (key / 4, key % 4)) {
            let told = |off, levels| keys(&pair(row, column, off, levels, 60.0), RATE, 160);
            let key = KEYS[row][column].to_string();
            for off in [-1.5, 1.5] {
                assert_eq!(told(off, [0.2, 0.2]), key, "{off} %");
            }
            assert_eq!(told(0.0, [0.4, 0.16]), key, "8 dB weaker high tone");
            assert_eq!(told(0.0, [0.13, 0.2]), key, "4 dB weaker low tone");
            assert_eq!(told(0.0, [0.02, 0.02]), key, "faint");
            assert_eq!(told(0.0, [0.4, 0.05]), "", "18 dB weaker high tone");
            assert_eq!(told(0.0, [0.05, 0.4]), "", "18 dB weaker low tone");
            assert_eq!(told(0.0, [0.002, 0.002]), "", "below any line");
        }
    }

    #[test]
    fn noise_hides_no_key_and_makes_none() {
        for seed in 0..20 {
            let tone = pair(2, 1, 0.0, [0.2, 0.2], 60.0);
            // 15 dB below the tones, and 5 dB above them.
            let soft = noise(tone.len() + seed, 0.06).split_off(seed);
            let noisy: Vec<f32> = tone.iter().zip(soft).map(|(one, other)| one + other).collect();
            assert_eq!(keys(&noisy, RATE, 160), "8");
        }
        assert_eq!(keys(&noise(80_000, 0.6), RATE, 160), "");
    }

    #[test]
    fn a_key_that_is_held_is_told_once_and_again_when_it_was_let_go() {
        let mut detector = DtmfDetector::new(RATE).unwrap();
        let mut keys = String::new();
        let tone = DtmfDetector::tone('5', RATE, Duration::from_secs(3)).unwrap();
        detector.push(&tone, |key| keys.push(key));
        assert!(detector.is_held());
        detector.push(&[0.0; 100], |key| keys.push(key));
        detector.push(&tone[..400], |key| keys.push(key));
        assert_eq!(keys, "5", "a gap of 12 ms lets nothing go");
        detector.push(&[0.0; 320], |key| keys.push(key));
        assert!(!detector.is_held());
        detector.push(&tone[..400], |key| keys.push(key));
        assert_eq!(keys, "55");
        assert!(!format!("{detector:?}").contains('5'));
    }

    #[test]
    fn rates_at_which_the_tones_cannot_be_told_apart_are_refused() {
        for rate in [0, 7_999, 192_001] {
            assert_eq!(DtmfDetector::new(rate).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
