use std::{collections::VecDeque, time::Duration};

use voiceagent_core::{
    CallTime, Result,
    audio::{AudioFrame, KeyListener},
};

/// A message about a key that comes so soon after the end of its tone or of its packets, or before
/// them, is about the same key. Phones send it when the key is let go, however long it was held.
const SAME: Duration = Duration::from_secs(1);

/// Keys that may wait for their other report: more than a hand presses within [`SAME`], or a
/// machine, whose tones of 40 ms and pauses of 40 ms make 12. The oldest gives way.
const MOST: usize = 16;

/// Keys that come by more than one way: as sounds where the other side sends no packets for them,
/// as packets, and in messages.
#[derive(Debug, Default)]
pub(super) struct Tones {
    listener: Option<KeyListener>,
    /// Keys that have counted, and of which the other way has not told yet.
    counted: VecDeque<(Way, char, CallTime)>,
    /// The key that was heard last.
    heard: Option<char>,
    /// The other side tells its keys in messages.
    are_told: bool,
}

/// How a key comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Media,
    Message,
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
        let payload = frame.payload.clone();
        let frame = listener.hear(frame, |key| keys.push(key));
        // It takes the tone out for as long as a key is held.
        let is_held = frame.payload != payload;
        if let Some(key) = self.heard.filter(|_| is_held && keys.is_empty()) {
            self.held(now, key);
        }
        self.heard = keys.last().copied().or(self.heard);
        keys.retain(|key| self.counts(now, *key, Way::Media));
        Ok((frame, keys))
    }

    /// A key comes in packets: whether no message has told of it.
    pub(super) fn sent(&mut self, now: CallTime, key: char) -> bool {
        self.counts(now, key, Way::Media)
    }

    /// The key that came last as a tone or in packets was held until then.
    pub(super) fn held(&mut self, until: CallTime, key: char) {
        let mut media = self.counted.iter_mut().rev().filter(|(way, ..)| *way == Way::Media);
        if let Some((_, _, at)) = media.next().filter(|(_, known, _)| *known == key) {
            *at = until.max(*at);
        }
    }

    /// A key comes in a message: whether it came neither as a tone nor in packets. From then on
    /// sounds are no keys.
    pub(super) fn told(&mut self, now: CallTime, key: char) -> bool {
        self.are_told = true;
        self.counts(now, key, Way::Message)
    }

    /// Each key pairs with the oldest one of the other way that has no pair yet, so that the same
    /// key again still counts.
    fn counts(&mut self, now: CallTime, key: char, way: Way) -> bool {
        self.counted.retain(|(_, _, at)| now <= *at + SAME);
        let pair = self.counted.iter().position(|(other, known, _)| *other != way && *known == key);
        if let Some(pair) = pair {
            self.counted.remove(pair);
            return false;
        }
        if self.counted.len() == MOST {
            self.counted.pop_front();
        }
        self.counted.push_back((way, key, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::audio::{AudioFormat, DtmfDetector, Encoder, MediaTime};

    use super::*;

    /// Presses a key for 100 ms, and lets it go for as long; the keys that are heard.
    fn press(tones: &mut Tones, key: char, begin: u64) -> Vec<char> {
        press_for(tones, key, begin, Duration::from_millis(100))
    }

    fn press_for(tones: &mut Tones, key: char, begin: u64, held: Duration) -> Vec<char> {
        let format = AudioFormat::MULAW_8K;
        let mut samples = DtmfDetector::tone(key, format.sample_rate, held).unwrap();
        samples.resize(samples.len() + 800, 0.0);
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

    #[test]
    fn cp49_a_key_that_is_held_for_long_and_told_when_it_is_let_go_counts_once() {
        let held = Duration::from_millis(2_500);
        let mut tones = Tones::default();
        assert_eq!(press_for(&mut tones, '5', 0, held), ['5']);
        assert!(!tones.told(CallTime::from_millis(2_700), '5'));
        assert!(tones.told(CallTime::from_millis(2_900), '5'), "pressed again");
        let (mut tones, at) = (Tones::default(), CallTime::from_millis);
        assert!(tones.sent(at(0), '5'));
        tones.held(at(2_500), '5');
        assert!(!tones.told(at(2_600), '5'));
        assert!(tones.told(at(2_700), '5'), "pressed again");
        assert!(tones.sent(at(3_000), '7') && tones.sent(at(3_100), '8'));
        tones.held(at(9_000), '7');
        assert!(tones.told(at(9_100), '7'), "another key was pressed since");
    }

    #[test]
    fn cp49_quick_keys_are_each_told_once_whatever_their_messages_come_behind() {
        let mut tones = Tones::default();
        assert_eq!(press(&mut tones, '5', 0), ['5']);
        assert_eq!(press(&mut tones, '6', 200), ['6']);
        assert!(!tones.told(CallTime::from_millis(450), '5'));
        assert!(!tones.told(CallTime::from_millis(460), '6'));
        assert!(tones.told(CallTime::from_millis(600), '6'), "pressed again");
    }

    #[test]
    fn cp49_a_key_in_packets_and_in_a_message_counts_once_in_either_order() {
        let at = CallTime::from_millis;
        let mut tones = Tones::default();
        for begin in [0, 300, 600] {
            assert!(tones.sent(at(begin), '5'));
            assert!(!tones.told(at(begin + 100), '5'));
        }
        assert!(tones.told(at(900), '5'));
        assert!(!tones.sent(at(1_000), '5'));
        assert!(tones.sent(at(1_100), '5') && tones.sent(at(1_200), '5'), "two of one way");
        assert!(tones.told(at(1_300), '6'), "another key");
        assert!(!tones.told(at(1_300), '5') && !tones.told(at(1_300), '5'));
        assert!(tones.sent(at(2_400), '6'), "the same key, later");
    }

    #[test]
    fn keys_that_wait_for_their_other_report_are_bounded() {
        let mut tones = Tones::default();
        for _ in 0..=MOST {
            assert!(tones.sent(CallTime::ZERO, '1'));
        }
        assert_eq!(tones.counted.len(), MOST);
    }
}
