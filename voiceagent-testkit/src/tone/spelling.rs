use std::time::Duration;

use bytes::Bytes;
use voiceagent_core::audio::{AudioFormat, Encoding};

/// What the first sample of a character holds. UTF-8 uses this byte for nothing but NUL.
const ONSET: u8 = 0x00;
/// What the samples after a character's letters hold. UTF-8 never uses this byte.
const REST: u8 = 0xFF;
/// The high byte of a 16-bit sample that spells; it keeps letters apart from digital silence.
const LOUD: u8 = 0x20;

/// Sound that takes `per_char` for each character of `text`, and that [`read`] turns back into
/// the text.
///
/// It lets a test ask which words of a synthesizer reached an ear: whoever cuts, paces or drops
/// this audio cuts, paces or drops the text. It must not be transcoded on the way.
///
/// # Panics
///
/// For packetised formats, and when `per_char` is shorter than 5 samples.
#[must_use]
pub fn spell(format: AudioFormat, text: &str, per_char: Duration) -> Bytes {
    let samples = usize::try_from(format.samples_in(per_char)).expect("characters are short");
    assert!(samples >= 5, "{per_char:?} is too short to spell a character");
    let mut payload = Vec::with_capacity(text.len() * format.bytes_in(per_char));
    for character in text.chars() {
        let mut letters = [0; 4];
        let letters = character.encode_utf8(&mut letters).as_bytes();
        let rest = samples - 1 - letters.len();
        let spelled = [ONSET].into_iter().chain(letters.iter().copied());
        for byte in spelled.chain(std::iter::repeat_n(REST, rest)) {
            for _ in 0..format.channels {
                write(format, byte, &mut payload);
            }
        }
    }
    payload.into()
}

/// The text that a piece of spelled audio holds. A character counts once its beginning was heard;
/// sound that spells nothing is skipped.
///
/// # Panics
///
/// For packetised formats.
#[must_use]
pub fn read(format: AudioFormat, payload: &[u8]) -> String {
    let mut text = String::new();
    let mut letters = None::<Vec<u8>>;
    let one = format.sample_bytes().expect("the format has samples");
    for sample in payload.chunks_exact(one * usize::from(format.channels)) {
        match (spelled(&sample[..one]), &mut letters) {
            (Some(ONSET), _) => letters = Some(Vec::new()),
            (Some(byte), Some(heard)) if byte != REST => {
                heard.push(byte);
                if let Ok(character) = str::from_utf8(heard) {
                    text.push_str(character);
                    letters = None;
                }
            }
            _ => letters = None,
        }
    }
    text
}

fn write(format: AudioFormat, byte: u8, payload: &mut Vec<u8>) {
    match format.encoding {
        Encoding::Alaw | Encoding::Mulaw => payload.push(byte),
        Encoding::PcmS16Le => payload.extend([byte, LOUD]),
        Encoding::Opus | _ => panic!("{format:?} has no samples"),
    }
}

fn spelled(sample: &[u8]) -> Option<u8> {
    match sample {
        [byte, high] => (*high == LOUD).then_some(*byte),
        _ => sample.first().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Duration = Duration::from_millis(60);

    #[test]
    fn what_is_spelled_can_be_read() {
        for format in [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_16K] {
            let audio = spell(format, "Hello, größer 日本!", PACE);
            assert_eq!(read(format, &audio), "Hello, größer 日本!");
            assert_eq!(audio.len(), 17 * format.bytes_in(PACE));
        }
    }

    #[test]
    fn a_cut_text_ends_where_it_was_cut() {
        let format = AudioFormat::MULAW_8K;
        let audio = spell(format, "Hello", PACE);
        assert_eq!(read(format, &audio[..2 * 480]), "He");
        assert_eq!(read(format, &audio[..2 * 480 + 160]), "Hel");
        let resumed = [&audio[..700], &spell(format, "Bye", PACE)].concat();
        assert_eq!(read(format, &resumed), "HeBye");
    }

    #[test]
    fn silence_spells_nothing() {
        for format in [AudioFormat::MULAW_8K, AudioFormat::PCM_16K] {
            let quiet = super::super::silence(format, Duration::from_secs(1));
            assert_eq!(read(format, &quiet), "");
        }
    }
}
