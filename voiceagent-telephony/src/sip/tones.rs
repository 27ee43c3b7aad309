use std::time::Duration;

use voiceagent_core::{
    CallTime, Result,
    audio::{AudioFrame, KeyListener},
};

/// A message about a key that comes so soon after its tone is about the same key. Phones send it when
/// the key is let go, or behind the tone of its packets.
const SAME: Duration = Duration::from_secs(1);

/// Keys that are only sounds, on calls whose other side sends no packets for them.
#[derive(Debug, Default)]
pub(super) struct Tones {
    listener: Option<KeyListener>,
    last: Option<(char, CallTime)>,
    /// The other side tells its keys in messages.
    are_told: bool,
}

impl Tones {
    /// Takes what is heard; it without its tones, and the keys.
    pub(super) fn hear(
        &mut self,
        now: CallTime,
        frame: AudioFrame,
    ) -> Result<(AudioFrame, Vec<char>)> {
        let mut keys = Vec::new();
        if self.are_told {
            return Ok((frame, keys));
        }
        let listener = match &mut self.listener {
            Some(listener) => listener,
            none => none.insert(KeyListener::new(frame.format)?),
        };
        let frame = listener.hear(frame, |key| keys.push(key));
        self.last = keys.last().map(|key| (*key, now)).or(self.last);
        Ok((frame, keys))
    }

    /// A key comes in a message: whether it was not heard before. From then on sounds are no keys.
    pub(super) fn told(&mut self, now: CallTime, key: char) -> bool {
        self.are_told = true;
        let heard = self.last.take();
        !heard.is_some_and(|(before, at)| before == key && now <= at + SAME)
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::audio::{AudioFormat, DtmfDetector, Encoder, MediaTime};

    use super::*;

    /// Presses a key for 100 ms, and lets it go for as long; the keys that are heard.
    fn press(tones: &mut Tones, key: char, begin: u64) -> Vec<char> {
        let format = AudioFormat::MULAW_8K;
        let mut samples =
            DtmfDetector::tone(key, format.sample_rate, Duration::from_millis(100)).unwrap();
        samples.resize(1_600, 0.0);
        let mut bytes = bytes::BytesMut::new();
        Encoder::new(format).unwrap().encode(&samples, &mut bytes);
        let mut keys = Vec::new();
        for (number, piece) in bytes.chunks(160).enumerate() {
            let at = MediaTime(begin * 8 + number as u64 * 160);
            let frame = AudioFrame::new(format, at, piece.to_vec().into());
            let now = CallTime::from_millis(begin + number as u64 * 20);
            keys.extend(tones.hear(now, frame).unwrap().1);
        }
        keys
    }

    #[test]
    fn cp49_a_key_that_is_heard_and_told_counts_once() {
        let mut tones = Tones::default();
        assert_eq!(press(&mut tones, '5', 0), ['5']);
        assert!(!tones.told(CallTime::from_millis(150), '5'));
        assert!(press(&mut tones, '5', 200).is_empty(), "its messages tell of it");
        assert!(tones.told(CallTime::from_millis(350), '5'));
        let mut tones = Tones::default();
        assert_eq!(press(&mut tones, '5', 0), ['5']);
        assert!(tones.told(CallTime::from_millis(150), '6'), "another key");
        let mut tones = Tones::default();
        press(&mut tones, '5', 0);
        assert!(tones.told(CallTime::from_millis(2_000), '5'), "the same key, later");
    }
}
