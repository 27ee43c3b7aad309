use std::time::Duration;

use voiceagent_core::CallTime;

use super::{packet::RtpPacket, telephone_event::TelephoneEvent};
use crate::DtmfKey;

/// The longest that a packet can say a key is held.
const SEGMENT: u32 = 0xFFFF;

/// How long after the last packet of a key one of a key of before may come.
const LATE: Duration = Duration::from_secs(2);

/// Tells keys that are pressed from packets that say so again.
///
/// All packets of a key have one timestamp, and that is what counts: marks are often left out, and
/// ends get lost (RFC 4733, section 2.5).
#[derive(Debug, Default)]
pub(super) struct KeyReader {
    last: Option<Last>,
    held: Option<(DtmfKey, CallTime)>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    event: TelephoneEvent,
    at: CallTime,
}

impl Last {
    /// Whether what comes now is of a key of before, and late. A clock that is put back counts on its
    /// packets, and packets that have overtaken another are soon there.
    fn overtook(&self, now: &Self) -> bool {
        let is_behind = now.timestamp.wrapping_sub(self.timestamp).cast_signed() < 0;
        let was_sent_before = now.sequence.wrapping_sub(self.sequence).cast_signed() <= 0;
        is_behind && was_sent_before && now.at - self.at < LATE
    }
}

impl KeyReader {
    /// The key that was pressed last, and when a packet last said that it is held.
    pub(super) const fn held(&self) -> Option<(DtmfKey, CallTime)> {
        self.held
    }

    /// The key that is pressed, if the packet is the first to say so.
    pub(super) fn read(&mut self, at: CallTime, packet: &RtpPacket) -> Option<DtmfKey> {
        let event = TelephoneEvent::parse(&packet.payload)?;
        let RtpPacket { ssrc, sequence, timestamp, .. } = *packet;
        let now = Last { ssrc, sequence, timestamp, event, at };
        let Some(last) = self.last.filter(|last| last.ssrc == now.ssrc) else {
            (self.last, self.held) = (Some(now), Some((event.key, at)));
            return Some(event.key);
        };
        if last.overtook(&now) {
            return None;
        }
        let later = now.timestamp.wrapping_sub(last.timestamp);
        (self.last, self.held) = (Some(now), Some((event.key, at)));
        let is_same = later == 0;
        // A key that is held for very long is said in pieces, of which none ends but the last.
        let goes_on = later == SEGMENT && !last.event.is_end && last.event.key == event.key;
        (!is_same && !goes_on).then_some(event.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(timestamp: u32, name: char, is_end: bool, duration: u16) -> RtpPacket {
        let event = TelephoneEvent { key: DtmfKey::new(name).unwrap(), is_end, duration };
        RtpPacket {
            payload_type: 101,
            is_marked: false,
            sequence: 0,
            timestamp,
            ssrc: 1,
            payload: event.write().to_vec().into(),
        }
    }

    fn read(packets: &[RtpPacket]) -> String {
        let mut reader = KeyReader::default();
        let at = CallTime::ZERO;
        packets.iter().filter_map(|packet| reader.read(at, packet)).map(DtmfKey::as_char).collect()
    }

    #[test]
    fn a_key_is_held_until_its_last_packet_whichever_others_come_late() {
        let (mut reader, at) = (KeyReader::default(), CallTime::from_millis);
        let held = |reader: &KeyReader| reader.held().map(|(key, at)| (key.as_char(), at));
        assert_eq!(held(&reader), None);
        reader.read(at(20), &packet(100, '1', false, 160));
        reader.read(at(2_000), &packet(100, '1', true, 16_000));
        assert_eq!(held(&reader), Some(('1', at(2_000))));
        reader.read(at(2_100), &packet(20_000, '2', false, 160));
        reader.read(at(2_120), &packet(100, '1', true, 16_000));
        assert_eq!(held(&reader), Some(('2', at(2_100))));
    }

    #[test]
    fn a_key_counts_once_without_its_mark_and_without_its_end() {
        let one = [packet(100, '1', false, 160), packet(100, '1', false, 320)];
        let again = [packet(900, '1', false, 160), packet(900, '1', true, 320)];
        let only_the_end = [packet(2_000, '5', true, 800), packet(2_000, '5', true, 800)];
        assert_eq!(read(&[&one[..], &again, &only_the_end].concat()), "115");
    }

    #[test]
    fn an_end_that_was_overtaken_by_the_next_key_is_no_key() {
        let packets = [
            packet(100, '1', false, 160),
            packet(900, '2', false, 160),
            packet(100, '1', true, 480),
            packet(900, '2', true, 480),
        ];
        assert_eq!(read(&packets), "12");
    }

    #[test]
    fn a_key_that_is_held_for_ten_seconds_counts_once() {
        let begin = u32::MAX - 100;
        let next = begin.wrapping_add(SEGMENT);
        let packets = [
            packet(begin, '9', false, 160),
            packet(begin, '9', false, 0xFFFF),
            packet(next, '9', false, 160),
            packet(next, '9', true, 14_465),
            packet(next.wrapping_add(20_000), '9', true, 800),
        ];
        assert_eq!(read(&packets), "99");
    }
    #[test]
    fn keys_behind_a_clock_that_is_put_back_are_told_and_late_packets_of_those_before_are_not() {
        let (mut reader, at) = (KeyReader::default(), CallTime::from_millis);
        let mut read = |millis, sequence, timestamp, name| {
            let packet = RtpPacket { sequence, ..packet(timestamp, name, true, 800) };
            reader.read(at(millis), &packet).map(DtmfKey::as_char)
        };
        assert_eq!(read(0, 65_530, 3_000_000_000, '1'), Some('1'));
        assert_eq!(
            read(1_000, 4, 1_000_000_000, '2'),
            Some('2'),
            "sent behind it, by another time"
        );
        assert_eq!(read(1_020, 5, 1_000_000_000, '2'), None);
        assert_eq!(read(1_500, 9, 1_000_004_000, '3'), Some('3'));
        assert_eq!(read(1_520, 6, 1_000_000_000, '2'), None, "it is late");
        // Packets may be counted anew, too, and no packet is late for so long.
        assert_eq!(read(3_600, 2, 7_000, '4'), Some('4'));
        assert_eq!(read(700_000, 40_000, 6_000, '5'), Some('5'));
    }
}
