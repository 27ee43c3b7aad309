use super::telephone_event::TelephoneEvent;
use crate::DtmfKey;

/// The end of a key is said three times, as a packet may get lost (RFC 4733, section 2.5.1.4).
const ENDS: u8 = 3;

/// Says in packets that a key is held. Times are in units of the timestamp.
#[derive(Debug)]
pub(super) struct KeySender {
    key: DtmfKey,
    /// When the key, or the piece of it that is being said, began.
    timestamp: u32,
    elapsed: u32,
    duration: u32,
    is_first: bool,
}

/// A packet for a key, as often as it is to be sent.
#[derive(Debug, PartialEq)]
pub(super) struct KeyPacket {
    pub(super) timestamp: u32,
    pub(super) is_marked: bool,
    pub(super) payload: [u8; 4],
    pub(super) times: u8,
}

impl KeySender {
    pub(super) const fn new(key: DtmfKey, timestamp: u32, duration: u32) -> Self {
        Self { key, timestamp, elapsed: 0, duration, is_first: true }
    }

    /// The packet after so much more time; whether it is the last.
    pub(super) fn next(&mut self, step: u32) -> (KeyPacket, bool) {
        self.elapsed += step;
        let is_end = self.elapsed >= self.duration;
        if self.elapsed > u32::from(u16::MAX) {
            // A piece that is as long as can be said is followed by another.
            self.timestamp = self.timestamp.wrapping_add(u16::MAX.into());
            self.elapsed -= u32::from(u16::MAX);
            self.duration -= u32::from(u16::MAX);
        }
        let duration = u16::try_from(self.elapsed).unwrap_or(u16::MAX);
        let event = TelephoneEvent { key: self.key, is_end, duration };
        let is_marked = std::mem::take(&mut self.is_first);
        let times = if is_end { ENDS } else { 1 };
        let packet =
            KeyPacket { timestamp: self.timestamp, is_marked, payload: event.write(), times };
        (packet, is_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(duration: u32) -> Vec<KeyPacket> {
        let mut sender = KeySender::new(DtmfKey::new('7').unwrap(), 1_000, duration);
        let mut packets = Vec::new();
        loop {
            let (packet, is_last) = sender.next(160);
            packets.push(packet);
            if is_last {
                return packets;
            }
        }
    }

    #[test]
    fn a_key_is_marked_once_and_ends_three_times_with_one_timestamp() {
        let packets = say(800);
        assert_eq!(packets.len(), 5);
        assert!(packets.iter().all(|packet| packet.timestamp == 1_000));
        let marks: Vec<bool> = packets.iter().map(|packet| packet.is_marked).collect();
        assert_eq!(marks, [true, false, false, false, false]);
        let times: Vec<u8> = packets.iter().map(|packet| packet.times).collect();
        assert_eq!(times, [1, 1, 1, 1, 3]);
        let end = TelephoneEvent::parse(&packets[4].payload).unwrap();
        assert!(end.is_end && end.duration == 800);
    }

    #[test]
    fn a_key_of_ten_seconds_is_said_in_two_pieces() {
        let packets = say(80_000);
        let events: Vec<_> =
            packets.iter().map(|packet| TelephoneEvent::parse(&packet.payload).unwrap()).collect();
        let (first, second): (Vec<_>, Vec<_>) =
            packets.iter().zip(&events).partition(|(packet, _)| packet.timestamp == 1_000);
        assert!(first.iter().all(|(_, event)| !event.is_end));
        assert!(second.iter().all(|(packet, _)| packet.timestamp == 1_000 + 65_535));
        let (_, end) = second.last().unwrap();
        assert!(end.is_end);
        assert_eq!(u32::from(end.duration) + 65_535, 80_000);
    }
}
