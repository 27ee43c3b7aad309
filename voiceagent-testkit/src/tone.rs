//! Deterministic audio: speech-like sound, silence, and sound that spells a text.

mod g711;
mod spelling;

use std::{f64::consts::TAU, time::Duration};

use bytes::Bytes;
use voiceagent_core::audio::{AudioFormat, Encoding, MediaTime};

pub use spelling::{read, spell};

/// Loudness (root mean square, of 1) above which audio counts as speech for the fakes.
///
/// Silence of every format lies far below it, and [`speech`] far above it.
pub const AUDIBLE: f32 = 0.01;

/// How long one vowel of [`speech`] lasts, in seconds.
const VOWEL: f64 = 0.2;

/// The first three formants of a, i, u and e, in hertz (Peterson and Barney, 1952, men).
const FORMANTS: [[f64; 3]; 4] = [
    [730.0, 1090.0, 2440.0],
    [270.0, 2290.0, 3010.0],
    [300.0, 870.0, 2240.0],
    [530.0, 1840.0, 2480.0],
];

/// Sound like a voice that says vowels, five a second, from position `at` of a stream.
///
/// The sound is a function of the position alone: pieces that follow each other fit together, and
/// two runs give the same bytes.
///
/// # Panics
///
/// For packetised formats (Opus).
#[must_use]
pub fn speech(format: AudioFormat, at: MediaTime, samples: u64) -> Bytes {
    let rate = f64::from(format.sample_rate);
    encode(format, (at.0..at.0 + samples).map(|sample| voice(sample as f64 / rate, rate / 2.0)))
}

/// Silence as the format writes it.
///
/// # Panics
///
/// For packetised formats (Opus).
#[must_use]
pub fn silence(format: AudioFormat, duration: Duration) -> Bytes {
    let silent = format.silence().expect("the format has samples");
    Bytes::from(vec![silent; format.bytes_in(duration)])
}

/// The loudness of a piece of audio: root mean square, from 0 to 1.
///
/// # Panics
///
/// For packetised formats (Opus).
#[must_use]
pub fn level(format: AudioFormat, payload: &[u8]) -> f32 {
    rms(&samples(format, payload))
}

/// The samples of a piece of audio, from -1 to 1.
///
/// # Panics
///
/// For packetised formats (Opus).
#[must_use]
pub fn samples(format: AudioFormat, payload: &[u8]) -> Vec<f32> {
    let scaled = |sample: i16| f32::from(sample) / 32_768.0;
    match format.encoding {
        Encoding::Alaw => payload.iter().map(|byte| scaled(g711::from_alaw(*byte))).collect(),
        Encoding::Mulaw => payload.iter().map(|byte| scaled(g711::from_mulaw(*byte))).collect(),
        Encoding::PcmS16Le => payload
            .chunks_exact(2)
            .map(|pair| scaled(i16::from_le_bytes([pair[0], pair[1]])))
            .collect(),
        Encoding::Opus | _ => panic!("{format:?} has no samples"),
    }
}

pub(crate) fn rms(samples: &[f32]) -> f32 {
    let power: f32 = samples.iter().map(|sample| sample * sample).sum();
    (power / samples.len().max(1) as f32).sqrt()
}

fn encode(format: AudioFormat, sound: impl Iterator<Item = f64>) -> Bytes {
    let mut payload = Vec::new();
    for sample in sound.map(|level| (level.clamp(-1.0, 1.0) * 32_767.0) as i16) {
        for _ in 0..format.channels {
            match format.encoding {
                Encoding::Alaw => payload.push(g711::to_alaw(sample)),
                Encoding::Mulaw => payload.push(g711::to_mulaw(sample)),
                Encoding::PcmS16Le => payload.extend(sample.to_le_bytes()),
                Encoding::Opus | _ => panic!("{format:?} has no samples"),
            }
        }
    }
    payload.into()
}

/// The sum of the harmonics of a gently moving pitch, each as loud as the vowel's formants let it.
fn voice(second: f64, limit: f64) -> f64 {
    let (pitch, sway, depth) = (125.0, 0.7, 18.0);
    let frequency = pitch + depth * (TAU * sway * second).sin();
    let phase = TAU * pitch * second - depth / sway * (TAU * sway * second).cos();
    let vowel = second / VOWEL;
    let formants = FORMANTS[vowel as usize % FORMANTS.len()];
    let swell = 0.4 + 0.6 * (TAU / 2.0 * vowel.fract()).sin();
    let harmonics = (limit.min(3_400.0) / frequency) as u32;
    // The sine of each multiple of the phase follows from the two before it.
    let twice = 2.0 * phase.cos();
    let (mut before, mut sine, mut sum) = (0.0, phase.sin(), 0.0);
    for harmonic in 1..=harmonics {
        sum += loudness(f64::from(harmonic) * frequency, formants) * sine;
        (before, sine) = (sine, twice * sine - before);
    }
    0.12 * swell * sum
}

fn loudness(frequency: f64, formants: [f64; 3]) -> f64 {
    let resonance = |formant: f64, gain: f64| {
        let away = (frequency - formant) / 90.0;
        gain / (1.0 + away * away)
    };
    let [first, second, third] = formants;
    0.02 + resonance(first, 1.0) + resonance(second, 0.5) + resonance(third, 0.25)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [AudioFormat; 4] =
        [AudioFormat::ALAW_8K, AudioFormat::MULAW_8K, AudioFormat::PCM_16K, AudioFormat::PCM_24K];

    #[test]
    fn speech_is_audible_in_every_window_and_silence_in_none() {
        for format in FORMATS {
            let window = format.samples_in(Duration::from_millis(16));
            for number in 0..200 {
                let spoken = speech(format, MediaTime(number * window), window);
                assert!(level(format, &spoken) > 2.0 * AUDIBLE, "{format:?} window {number}");
            }
            assert!(level(format, &silence(format, Duration::from_secs(1))) < AUDIBLE / 10.0);
        }
    }

    #[test]
    fn speech_does_not_clip() {
        let spoken = speech(AudioFormat::PCM_16K, MediaTime(0), 64_000);
        let loudest = samples(AudioFormat::PCM_16K, &spoken).into_iter().fold(0.0, f32::max);
        assert!((0.1..0.95).contains(&loudest), "{loudest}");
    }

    #[test]
    fn pieces_of_speech_fit_together() {
        let format = AudioFormat::MULAW_8K;
        let whole = speech(format, MediaTime(80), 400);
        let first = speech(format, MediaTime(80), 160);
        let second = speech(format, MediaTime(240), 240);
        assert_eq!(whole, [first, second].concat());
    }

    #[test]
    fn audio_has_the_length_that_was_asked_for() {
        for format in FORMATS {
            let samples = format.samples_in(Duration::from_millis(20));
            assert_eq!(format.samples(speech(format, MediaTime(7), samples).len()), samples);
            assert_eq!(
                silence(format, Duration::from_millis(20)).len(),
                format.bytes_in(Duration::from_millis(20))
            );
        }
    }
}
