mod pair;

use std::{f32::consts::TAU, fmt, time::Duration};

use crate::{Error, ErrorKind, Result};

/// The tones of a key: one of each group (ITU-T Q.23).
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// How long a stretch is that is looked at as a whole: two of them lie in every tone of 40 ms, the
/// shortest that must be understood, and no tone of 22 ms makes up two.
const BLOCK: Duration = Duration::from_micros(13_250);
/// The mean square below which nothing is looked for: tones of 39 dB below one of full scale.
const FAINTEST: f32 = 1.25e-4;
/// How much a tone exceeds the others of its group: 4 dB. Some of a tone is found beside it, because
/// a block is short.
const OVER_OTHERS: f32 = 2.5;
/// Blocks without a key after which it was let go. Each pause of 40 ms fills two, and at least half of
/// one before or behind them; a gap of 12 ms, which is none, is part of two.
const LET_GO: u8 = 3;
/// How much of a block the two tones make, so that it is worth a closer look.
const SHARE: f32 = 0.5;
/// And so that a key is held throughout. Tones that fill half of a block make about half of it; tones
/// that fill it, over a noise 10 dB below, nine tenths.
const HELD_SHARE: f32 = 0.6;

/// Hears the keys of a phone by their tones, where the carrier does not report them.
///
/// It takes tones from 40 ms on and none up to 22 ms, up to 1.5 % off and none from 3.5 % on, with the
/// low one up to 8 dB louder and the high one up to 4 dB (ITU-T Q.24, table A-1), and from 38 dB below
/// a tone of full scale. A key is told once, 27 to 40 ms after its beginning, however long it is held.
/// Pieces may be cut anywhere. Nothing is allocated.
///
/// Speech hits two of the tones now and then, but it has more besides: a key makes up nine tenths of
/// all sound for 27 ms.
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
    /// The last block, and this one.
    samples: Box<[f32]>,
    /// What a closer look is taken at.
    looked_at: Box<[f32]>,
    /// Of each group, in turns a sample.
    tones: [[f32; 4]; 2],
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
        let tones = [LOW, HIGH].map(|group| group.map(|tone| tone / sample_rate as f32));
        let mut each = tones.into_iter().flatten();
        let block = (BLOCK.as_secs_f32() * sample_rate as f32) as usize;
        Ok(Self {
            resonators: [(); 8].map(|()| Resonator::new(each.next().unwrap_or(0.0))),
            energy: 0.0,
            filled: 0,
            block,
            samples: vec![0.0; 2 * block].into(),
            looked_at: vec![0.0; 2 * block].into(),
            tones,
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
            self.samples[self.block + self.filled..][..piece.len()].copy_from_slice(piece);
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
        let found = self.tones_of_block();
        let tones = found.map(|(tones, _)| tones);
        let key = tones.map(|(row, column)| KEYS[row][column]);
        let again = std::mem::replace(&mut self.last, key) == key;
        let is_held = key == self.held && found.is_some_and(|(_, share)| share >= HELD_SHARE);
        self.without = if is_held { 0 } else { self.without.saturating_add(1) };
        if self.without >= LET_GO {
            self.held = None;
        }
        let is_new = again && key != self.held;
        let pressed = tones.filter(|tones| is_new && self.is_pair(*tones)).and(key);
        if pressed.is_some() {
            self.held = pressed;
            self.without = 0;
        }
        self.energy = 0.0;
        self.filled = 0;
        self.samples.copy_within(self.block.., 0);
        pressed
    }

    /// Which tones may make up the block, by their place in each group, and how much of it they do.
    fn tones_of_block(&mut self) -> Option<((usize, usize), f32)> {
        let powers = self.resonators.each_mut().map(Resonator::take);
        let (low, high) = powers.split_at(4);
        if self.energy < FAINTEST * self.block as f32 {
            return None;
        }
        let ((row, low), (column, high)) = (strongest(low)?, strongest(high)?);
        let share = (low + high) / (self.energy * self.block as f32 / 2.0);
        (share >= SHARE).then_some(((row, column), share))
    }

    /// Whether this block and the last are these tones and nothing else.
    fn is_pair(&mut self, (row, column): (usize, usize)) -> bool {
        self.looked_at.copy_from_slice(&self.samples);
        pair::is_pair(&mut self.looked_at, [self.tones[0][row], self.tones[1][column]])
    }
}

impl fmt::Debug for DtmfDetector {
    /// Keys spell card numbers and codes, and are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtmfDetector").field("is_held", &self.is_held()).finish_non_exhaustive()
    }
}

impl Resonator {
    /// Hears a tone of so many turns a sample.
    fn new(tone: f32) -> Self {
        let coefficient = 2.0 * (TAU * tone).cos();
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
mod tests;
