use std::{collections::BTreeMap, time::Duration};

use voiceagent_core::CallTime;

use super::{packet::RtpPacket, unwrap::Unwrapped};

/// Packets that are held at most: 320 ms. It bounds the memory whatever arrives.
const HELD: usize = 16;

/// A number this far ahead or behind is not of this stream, unless the next follows it (RFC 3550,
/// appendix A.1).
const FARTHEST_AHEAD: i64 = 3_000;
const FARTHEST_BEHIND: i64 = 100;

/// Puts packets in order.
///
/// What comes in order leaves at once, so that an ear which is no loudspeaker pays nothing for
/// packets that might be late. Only behind a gap packets wait, for the [patience](Self::set_patience)
/// that the line needs.
#[derive(Debug)]
pub(super) struct JitterBuffer {
    stream: Option<Stream>,
    /// The last packet that did not fit: another like it makes a new stream.
    strange: Option<RtpPacket>,
    patience: Duration,
    pub(super) counters: Counters,
}

/// What became of packets. `lost` are those that were not there in time, of which `late` came after
/// all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub(super) played: u64,
    pub(super) late: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) restarts: u64,
    pub(super) strange: u64,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    latest: Unwrapped<16>,
    /// A bit for each packet that has come, the latest the lowest: as many as may come behind it.
    seen: u128,
    /// The first that was expected.
    first: i64,
    next: i64,
    held: BTreeMap<i64, (CallTime, RtpPacket)>,
    is_new: bool,
}

/// What a packet is to the stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fit {
    Follows,
    Restarts,
    Strange,
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub(super) enum Ordered {
    /// So many packets did not come.
    Lost(u64),
    Packet(RtpPacket),
    /// Another stream begins: no number or time of before says anything about it.
    Restarted,
}

impl JitterBuffer {
    pub(super) fn new(patience: Duration) -> Self {
        Self { stream: None, strange: None, patience, counters: Counters::default() }
    }

    /// Sets how long packets wait for one that they overtook.
    pub(super) const fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Whether the stream is from this source.
    pub(super) fn is_of(&self, ssrc: u32) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.ssrc == ssrc)
    }

    /// Takes a packet.
    pub(super) fn insert(&mut self, now: CallTime, packet: RtpPacket) -> Fit {
        let number = u32::from(packet.sequence);
        let Some(stream) = &mut self.stream else {
            self.stream = Some(Stream::new(now, packet, false));
            return Fit::Follows;
        };
        let place = stream.latest.place(number);
        let is_near = (stream.latest.latest() - FARTHEST_BEHIND
            ..=stream.latest.latest() + FARTHEST_AHEAD)
            .contains(&place);
        if packet.ssrc != stream.ssrc || !is_near {
            return self.meet(now, packet);
        }
        self.strange = None;
        if !stream.sees(place) {
            self.counters.repeated += 1;
        } else if place < stream.next {
            self.counters.late += 1;
            // Nobody has missed what was before the beginning until it came.
            self.counters.lost += u64::from(place < stream.first);
        } else {
            stream.held.insert(place, (now, packet));
        }
        Fit::Follows
    }

    /// A packet of another stream. One alone may be a stray or a forgery; a second that follows it
    /// is a new stream.
    fn meet(&mut self, now: CallTime, packet: RtpPacket) -> Fit {
        self.counters.strange += 1;
        let follows = self.strange.take().is_some_and(|before| {
            before.ssrc == packet.ssrc && before.sequence.wrapping_add(1) == packet.sequence
        });
        if follows {
            self.counters.restarts += 1;
            self.stream = Some(Stream::new(now, packet, true));
            return Fit::Restarts;
        }
        self.strange = Some(packet);
        Fit::Strange
    }

    pub(super) fn poll(&mut self, now: CallTime) -> Option<Ordered> {
        let due = self.poll_timeout();
        let stream = self.stream.as_mut()?;
        if std::mem::take(&mut stream.is_new) {
            return Some(Ordered::Restarted);
        }
        let (&first, _) = stream.held.first_key_value()?;
        if first > stream.next {
            let is_full = stream.held.len() >= HELD;
            if !is_full && due.is_some_and(|due| now < due) {
                return None;
            }
            let lost = first.abs_diff(stream.next);
            self.counters.lost += lost;
            stream.next = first;
            return Some(Ordered::Lost(lost));
        }
        let (_, (_, packet)) = stream.held.pop_first()?;
        stream.next += 1;
        self.counters.played += 1;
        Some(Ordered::Packet(packet))
    }

    /// When a packet that is held has waited long enough.
    pub(super) fn poll_timeout(&self) -> Option<CallTime> {
        let stream = self.stream.as_ref()?;
        let oldest = stream.held.values().map(|(arrived, _)| *arrived).min()?;
        Some(oldest + self.patience)
    }
}

impl Stream {
    fn new(now: CallTime, packet: RtpPacket, is_new: bool) -> Self {
        let latest = Unwrapped::new(packet.sequence.into());
        let next = latest.latest();
        let ssrc = packet.ssrc;
        let held = BTreeMap::from([(next, (now, packet))]);
        Self { ssrc, latest, seen: 1, first: next, next, held, is_new }
    }

    /// Notes that a packet has come; whether it is the first time.
    fn sees(&mut self, place: i64) -> bool {
        let ahead = place - self.latest.latest();
        if ahead > 0 {
            self.seen =
                u32::try_from(ahead).ok().and_then(|by| self.seen.checked_shl(by)).unwrap_or(0);
            self.latest.move_to(place);
        }
        let bit = 1_u128 << ahead.min(0).unsigned_abs().min(127);
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(40);

    fn packet(ssrc: u32, sequence: u16) -> RtpPacket {
        RtpPacket {
            payload_type: 0,
            is_marked: false,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc,
            payload: Bytes::new(),
        }
    }

    /// What has come out: the numbers of packets, and what is lost as negative counts.
    fn drain(buffer: &mut JitterBuffer, millis: u64) -> Vec<i64> {
        let now = CallTime::from_millis(millis);
        std::iter::from_fn(|| buffer.poll(now))
            .map(|ordered| match ordered {
                Ordered::Lost(count) => -i64::try_from(count).unwrap(),
                Ordered::Packet(packet) => packet.sequence.into(),
                Ordered::Restarted => 0,
            })
            .collect()
    }

    fn feed(buffer: &mut JitterBuffer, millis: u64, numbers: &[u16]) {
        for &number in numbers {
            buffer.insert(CallTime::from_millis(millis), packet(1, number));
        }
    }

    #[test]
    fn what_comes_in_order_leaves_at_once_and_over_the_end_of_the_numbers() {
        let mut buffer = JitterBuffer::new(PATIENCE);
        feed(&mut buffer, 0, &[65_534, 65_535, 0, 1]);
        assert_eq!(drain(&mut buffer, 0), [65_534, 65_535, 0, 1]);
    }

    #[test]
    fn what_was_overtaken_is_waited_for_and_what_comes_twice_is_heard_once() {
        let mut buffer = JitterBuffer::new(PATIENCE);
        feed(&mut buffer, 0, &[10, 12, 12]);
        assert_eq!(drain(&mut buffer, 39), [10]);
        feed(&mut buffer, 39, &[11, 11]);
        assert_eq!(drain(&mut buffer, 39), [11, 12]);
        assert_eq!(buffer.counters.repeated, 2);
    }

    #[test]
    fn what_does_not_come_is_lost_after_the_patience_and_late_after_that() {
        let mut buffer = JitterBuffer::new(PATIENCE);
        feed(&mut buffer, 0, &[10, 13]);
        assert_eq!(drain(&mut buffer, 0), [10]);
        assert_eq!(buffer.poll_timeout(), Some(CallTime::from_millis(40)));
        assert_eq!(drain(&mut buffer, 40), [-2, 13]);
        feed(&mut buffer, 41, &[12]);
        assert_eq!(drain(&mut buffer, 100), [0_i64; 0]);
        assert_eq!((buffer.counters.lost, buffer.counters.late), (2, 1));
        feed(&mut buffer, 101, &[12, 13, 9]);
        let Counters { played, lost, late, repeated, .. } = buffer.counters;
        assert_eq!((played, lost, late, repeated), (2, 3, 2, 2));
    }

    #[test]
    fn a_stray_packet_is_nothing_and_two_in_a_row_are_a_new_stream() {
        let mut buffer = JitterBuffer::new(PATIENCE);
        feed(&mut buffer, 0, &[10, 9_000, 11]);
        assert_eq!(buffer.insert(CallTime::ZERO, packet(2, 700)), Fit::Strange);
        feed(&mut buffer, 0, &[12]);
        assert_eq!(drain(&mut buffer, 0), [10, 11, 12]);
        assert_eq!(buffer.insert(CallTime::ZERO, packet(2, 700)), Fit::Strange);
        assert_eq!(buffer.insert(CallTime::ZERO, packet(2, 701)), Fit::Restarts);
        assert_eq!(drain(&mut buffer, 0), [0, 701]);
        feed(&mut buffer, 0, &[13, 9_001]);
        assert_eq!(drain(&mut buffer, 0), [0_i64; 0]);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut buffer = JitterBuffer::new(Duration::from_secs(60));
        let numbers: Vec<u16> = (10..500).step_by(2).collect();
        feed(&mut buffer, 0, &numbers);
        let left = drain(&mut buffer, 0);
        assert!(left.len() > 400, "{}", left.len());
        assert!(buffer.stream.unwrap().held.len() < HELD);
    }
}
