use bytes::Bytes;
use voiceagent_core::audio::{AudioFormat, AudioFrame, Decibels, MediaTime};

/// The level from which audio counts as a voice: above the noise of a line, below a quiet talker.
const VOICE: Decibels = Decibels(-45.0);

/// Whether the audio is loud enough that a recognizer should have something to say about it, in
/// whichever encoding it comes.
///
/// This only guards against a vendor that went silent, so that a guess is good enough.
pub(crate) fn is_loud(format: AudioFormat, payload: &Bytes) -> bool {
    let frame = AudioFrame::new(format, MediaTime(0), payload.clone());
    Decibels::of_frame(&frame).is_some_and(|level| level.0 > VOICE.0)
}

#[cfg(test)]
mod tests {
    use voiceagent_core::audio::g711::Law;

    use super::*;

    /// Frames of a square wave in each encoding.
    fn waves(amplitude: i16) -> [(AudioFormat, Bytes); 3] {
        let wave: Vec<_> =
            (0..160).map(|at| if at % 8 < 4 { amplitude } else { -amplitude }).collect();
        let law = |law: Law| wave.iter().map(|sample| law.encode(*sample)).collect();
        let linear = wave.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        [
            (AudioFormat::MULAW_8K, law(Law::Mulaw)),
            (AudioFormat::ALAW_8K, law(Law::Alaw)),
            (AudioFormat::PCM_16K, linear),
        ]
    }

    #[test]
    fn silence_is_not_loud_in_any_encoding() {
        for format in [AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_16K] {
            let silence = Bytes::from(vec![format.silence().unwrap(); 160]);
            assert!(!is_loud(format, &silence), "{format:?}");
            assert!(!is_loud(format, &Bytes::new()), "{format:?}");
        }
    }

    #[test]
    fn what_is_loud_begins_at_the_same_level_in_every_encoding() {
        // -45.7, -44.1 and 0 dBFS.
        for (amplitude, loud) in [(170, false), (205, true), (i16::MAX, true)] {
            for (format, wave) in waves(amplitude) {
                assert_eq!(is_loud(format, &wave), loud, "{amplitude} in {format:?}");
            }
        }
    }
}
