use std::{f64::consts::TAU, time::Duration};

use bytes::Bytes;
use voiceagent_core::audio::{AudioFormat, Encoding};

/// A syllable: this long a tone, and this long a pause behind it.
const TONE: Duration = Duration::from_millis(160);
const PAUSE: Duration = Duration::from_millis(40);

/// The tone: 20 samples of a period at 8 kHz, and a whole number of them at all usual rates.
const PITCH: u32 = 400;
const LOUDNESS: f64 = 8_000.0;

/// Sound that a scripted vendor takes for speech: tone bursts like syllables. Empty for Opus.
#[must_use]
pub fn speech(format: AudioFormat, duration: Duration) -> Bytes {
    let mut audio = Vec::with_capacity(format.bytes_in(duration));
    while audio.len() < format.bytes_in(duration) {
        let before = audio.len();
        append_tone(&mut audio, format, TONE);
        audio.extend_from_slice(&silence(format, PAUSE));
        if audio.len() == before {
            break;
        }
    }
    audio.truncate(format.bytes_in(duration));
    audio.into()
}

/// Silence. Empty for Opus.
#[must_use]
pub fn silence(format: AudioFormat, duration: Duration) -> Bytes {
    vec![format.silence().unwrap_or_default(); format.bytes_in(duration)].into()
}

/// Appends a tone, by copies of one period.
pub(super) fn append_tone(audio: &mut Vec<u8>, format: AudioFormat, duration: Duration) {
    let Some(width) = format.sample_bytes() else { return };
    let samples = (format.sample_rate / PITCH).max(1);
    let mut period = Vec::with_capacity(samples as usize * width);
    for sample in 0..samples {
        let phase = f64::from(sample) / f64::from(samples);
        #[expect(clippy::cast_possible_truncation, reason = "the loudness is far below i16::MAX")]
        let linear = ((phase * TAU).sin() * LOUDNESS) as i16;
        append_sample(&mut period, format.encoding, linear);
    }
    let bytes = format.bytes_in(duration);
    audio.extend(period.iter().copied().cycle().take(bytes));
}

fn append_sample(audio: &mut Vec<u8>, encoding: Encoding, linear: i16) {
    match encoding {
        Encoding::PcmS16Le => audio.extend_from_slice(&linear.to_le_bytes()),
        // The nearest code: slow, but only for one period.
        Encoding::Alaw | Encoding::Mulaw | Encoding::Opus | _ => {
            audio.extend((0..=u8::MAX).min_by_key(|code| level(encoding, *code).abs_diff(linear)))
        }
    }
}

/// The linear value of a G.711 code (ITU-T G.711, tables 1 and 2); 0 for other encodings.
pub(super) fn level(encoding: Encoding, code: u8) -> i16 {
    let (magnitude, negative) = match encoding {
        Encoding::Mulaw => {
            let code = !code;
            let (segment, step) = ((code >> 4) & 7, i16::from(code & 15));
            ((((step << 3) + 0x84) << segment) - 0x84, code & 0x80 != 0)
        }
        Encoding::Alaw => {
            let code = code ^ 0x55;
            let (segment, step) = ((code >> 4) & 7, i16::from(code & 15));
            let magnitude = match segment {
                0 => (step << 4) + 8,
                _ => ((step << 4) + 0x108) << (segment - 1),
            };
            (magnitude, code & 0x80 == 0)
        }
        Encoding::Opus | Encoding::PcmS16Le | _ => (0, false),
    };
    if negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn speech_lasts_as_long_as_asked_in_every_format() {
        for format in [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_24K] {
            assert_eq!(speech(format, SECOND).len(), format.bytes_in(SECOND));
        }
        assert!(speech(AudioFormat::mono(Encoding::Opus, 48_000), SECOND).is_empty());
    }

    #[test]
    fn known_codes_have_their_levels() {
        assert_eq!(level(Encoding::Mulaw, 0xFF), 0);
        assert_eq!(level(Encoding::Mulaw, 0x80), 32_124);
        assert_eq!(level(Encoding::Mulaw, 0x00), -32_124);
        assert_eq!(level(Encoding::Alaw, 0xD5), 8);
        assert_eq!(level(Encoding::Alaw, 0xAA), 32_256);
    }
}
