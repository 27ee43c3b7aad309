use std::f32::consts::TAU;

/// How far off a tone may be: between 1.5 %, which must be understood, and 3.5 %, which must not be
/// (ITU-T Q.24, table A-1).
const OFF: f32 = 0.022;
/// How much stronger the low tone may be than the high one, and the other way round: 8 and 4 dB, with
/// 1 dB for what noise does.
const LOW_OVER_HIGH: f32 = 7.9;
const HIGH_OVER_LOW: f32 = 3.2;
/// How much of the sound may be something else: 9.4 dB below. Speech that resembles a key has twice as
/// much.
const ELSE: f32 = 0.115;

/// Whether a stretch of sound is two steady tones, and next to nothing besides, of these frequencies
/// in turns a sample. It is spent.
pub(super) fn is_pair(sound: &mut [f32], [low, high]: [f32; 2]) -> bool {
    let (Some(low), Some(high)) = (frequency(sound, low), frequency(sound, high)) else {
        return false;
    };
    let before = energy(sound);
    let (mut first, mut second) = (Wave::default(), Wave::default());
    // Some of each is found with the other, and most of that the next time.
    for _ in 0..3 {
        first.take(sound, low);
        second.take(sound, high);
    }
    let (first, second) = (first.power(), second.power());
    let is_level = first <= second * LOW_OVER_HIGH && second <= first * HIGH_OVER_LOW;
    is_level && energy(sound) <= ELSE * before
}

/// The frequency of a tone that is near this one; `None` if it is too far off. The phase of one half
/// against that of the other tells.
fn frequency(sound: &[f32], near: f32) -> Option<f32> {
    let half = sound.len() / 2;
    let (before, behind) = (Wave::of(sound, 0..half, near), Wave::of(sound, half..2 * half, near));
    let turned = (behind.sine * before.cosine - behind.cosine * before.sine)
        .atan2(behind.cosine * before.cosine + behind.sine * before.sine);
    let off = -turned / (TAU * half as f32);
    (off.abs() <= OFF * near).then_some(near + off)
}

fn energy(sound: &[f32]) -> f32 {
    sound.iter().map(|sample| sample * sample).sum()
}

/// The amplitude of a tone.
#[derive(Clone, Copy, Default)]
struct Wave {
    sine: f32,
    cosine: f32,
}

impl Wave {
    fn of(sound: &[f32], stretch: std::ops::Range<usize>, frequency: f32) -> Self {
        let scale = 2.0 / stretch.len() as f32;
        stretch.fold(Self::default(), |sum, at| {
            let (sine, cosine) = turn(at, frequency).sin_cos();
            let sample = scale * sound[at];
            Self { sine: sum.sine + sample * sine, cosine: sum.cosine + sample * cosine }
        })
    }

    /// Takes what there is of a tone out of the sound.
    fn take(&mut self, sound: &mut [f32], frequency: f32) {
        let found = Self::of(sound, 0..sound.len(), frequency);
        for (at, sample) in sound.iter_mut().enumerate() {
            let (sine, cosine) = turn(at, frequency).sin_cos();
            *sample -= found.sine * sine + found.cosine * cosine;
        }
        self.sine += found.sine;
        self.cosine += found.cosine;
    }

    fn power(self) -> f32 {
        self.sine * self.sine + self.cosine * self.cosine
    }
}

fn turn(at: usize, frequency: f32) -> f32 {
    TAU * (at as f32 * frequency).fract()
}
