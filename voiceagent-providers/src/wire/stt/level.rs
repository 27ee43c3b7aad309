use voiceagent_core::audio::{AudioFormat, Encoding};

/// Mean magnitude, on the logarithmic scale of G.711, from which audio counts as a voice.
///
/// A G.711 code has 3 bits of segment and 4 of step. 32 is the end of segment 1, about -50 dBFS:
/// above the noise of a line, well below a quiet talker.
const VOICE: u32 = 32;

/// The same place on the linear scale.
const LINEAR_VOICE: u32 = 100;

/// Whether the audio is loud enough that a recognizer should have something to say about it.
///
/// This only guards against a vendor that went silent, so that a guess is good enough.
pub(crate) fn is_loud(format: AudioFormat, payload: &[u8]) -> bool {
    match format.encoding {
        Encoding::Mulaw => mean(payload.iter().map(|code| u32::from(!code & 0x7F))) > VOICE,
        Encoding::Alaw => mean(payload.iter().map(|code| u32::from((code ^ 0x55) & 0x7F))) > VOICE,
        Encoding::PcmS16Le => {
            let samples =
                payload.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            mean(samples.map(|sample| u32::from(sample.unsigned_abs()))) > LINEAR_VOICE
        }
        Encoding::Opus | _ => false,
    }
}

fn mean(magnitudes: impl ExactSizeIterator<Item = u32>) -> u32 {
    let count = u32::try_from(magnitudes.len()).unwrap_or(u32::MAX).max(1);
    magnitudes.fold(0_u32, u32::saturating_add) / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_not_loud_in_any_encoding() {
        for format in [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_16K] {
            assert!(!is_loud(format, &[format.silence().unwrap(); 160]), "{format:?}");
            assert!(!is_loud(format, &[]), "{format:?}");
        }
    }

    #[test]
    fn full_scale_is_loud_in_every_encoding() {
        assert!(is_loud(AudioFormat::MULAW_8K, &[0x80, 0x00]));
        assert!(is_loud(AudioFormat::ALAW_8K, &[0x2A, 0xAA]));
        assert!(is_loud(AudioFormat::PCM_16K, &[0xFF, 0x7F, 0x00, 0x80]));
    }
}
