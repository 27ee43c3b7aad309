use std::time::Duration;

use voiceagent_core::CallTime;

use super::{packet::RtpPacket, rtcp::ReportBlock, unwrap::Unwrapped};

/// Counts what arrives of a stream, as reports tell it (RFC 3550, appendices A.3 and A.8).
#[derive(Debug)]
pub(super) struct Reception {
    clock_rate: u32,
    stream: Option<Stream>,
    /// In units of the timestamp.
    jitter: f64,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    numbers: Unwrapped<16>,
    first: i64,
    received: u64,
    /// The last arrival and its timestamp.
    last: Option<(CallTime, u32)>,
    /// At the last report.
    reported: Tally,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    expected: u64,
    received: u64,
}

impl Tally {
    const fn lost(self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    /// From 0 to 1.
    fn loss(self) -> f64 {
        self.lost() as f64 / self.expected.max(1) as f64
    }
}

impl Reception {
    pub(super) fn new(clock_rate: u32) -> Self {
        Self { clock_rate, stream: None, jitter: 0.0 }
    }

    /// Counts a packet of the stream. Packets of a key have no time of their own.
    pub(super) fn note(&mut self, now: CallTime, packet: &RtpPacket, has_time: bool) {
        let stream = self.stream.get_or_insert_with(|| Stream::new(packet));
        let place = stream.numbers.place(packet.sequence.into());
        stream.numbers.move_to(place.max(stream.numbers.latest()));
        stream.received += 1;
        if !has_time {
            return;
        }
        if let Some((arrived, timestamp)) = stream.last.replace((now, packet.timestamp)) {
            let apart = now.as_micros() as f64 - arrived.as_micros() as f64;
            let apart = apart * f64::from(self.clock_rate) / 1e6;
            let meant = f64::from(packet.timestamp.wrapping_sub(timestamp).cast_signed());
            // A pause between two packets is none of the line's doing, nor is another clock behind
            // it or one that stood still in it.
            let second = f64::from(self.clock_rate);
            if meant.abs() < second && apart < second {
                self.jitter += ((apart - meant).abs() - self.jitter) / 16.0;
            }
        }
    }

    /// What follows is another stream, perhaps by another clock.
    pub(super) fn restart(&mut self, clock_rate: u32) {
        self.stream = None;
        self.count_in(clock_rate);
    }

    /// The stream goes on by another clock.
    pub(super) fn count_in(&mut self, clock_rate: u32) {
        if clock_rate == self.clock_rate {
            return;
        }
        self.jitter *= f64::from(clock_rate) / f64::from(self.clock_rate);
        self.clock_rate = clock_rate;
        if let Some(stream) = &mut self.stream {
            stream.last = None;
        }
    }

    pub(super) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter / f64::from(self.clock_rate))
    }

    /// What is to be told of the stream, and counts as told.
    pub(super) fn report(&mut self) -> Option<ReportBlock> {
        let stream = self.stream.as_mut()?;
        let now = stream.tally();
        let since = Tally {
            expected: now.expected.saturating_sub(stream.reported.expected),
            received: now.received.saturating_sub(stream.reported.received),
        };
        stream.reported = now;
        Some(ReportBlock {
            ssrc: stream.ssrc,
            fraction_lost: (since.loss() * 256.0).min(255.0) as u8,
            lost: u32::try_from(now.lost()).unwrap_or(u32::MAX).min(0x7F_FFFF),
            // The number and how often numbers began again; one turn is our own.
            highest: (stream.numbers.latest() - (1 << 16)) as u32,
            jitter: self.jitter as u32,
            last_report: 0,
            since_report: 0,
        })
    }
}

impl Stream {
    const fn new(packet: &RtpPacket) -> Self {
        let numbers = Unwrapped::new(packet.sequence as u32);
        Self {
            ssrc: packet.ssrc,
            numbers,
            first: numbers.latest(),
            received: 0,
            last: None,
            reported: Tally { expected: 0, received: 0 },
        }
    }

    const fn tally(&self) -> Tally {
        let expected = self.numbers.latest().abs_diff(self.first) + 1;
        Tally { expected, received: self.received }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn packet(sequence: u16, timestamp: u32) -> RtpPacket {
        RtpPacket {
            payload_type: 0,
            is_marked: false,
            sequence,
            timestamp,
            ssrc: 1,
            payload: Bytes::new(),
        }
    }

    #[test]
    fn losses_are_told_since_the_last_report_and_in_all() {
        let mut reception = Reception::new(8_000);
        for number in (0..100_u16).filter(|number| number % 4 != 3) {
            let at = CallTime::from_millis(u64::from(number) * 20);
            reception.note(at, &packet(number, u32::from(number) * 160), true);
        }
        let report = reception.report().unwrap();
        assert_eq!((report.lost, report.fraction_lost, report.highest), (24, 62, 98));
        assert_eq!(report.jitter, 0);
        reception.note(CallTime::from_millis(2_000), &packet(99, 99 * 160), true);
        assert_eq!(reception.report().unwrap().fraction_lost, 0);
        let tally = reception.stream.unwrap().tally();
        assert_eq!(tally, Tally { expected: 100, received: 76 });
    }

    #[test]
    fn jitter_is_how_far_packets_come_from_their_time() {
        let mut reception = Reception::new(8_000);
        for number in 0..1_000_u16 {
            let late = if number % 2 == 0 { 0 } else { 10 };
            let at = CallTime::from_millis(u64::from(number) * 20 + late);
            reception.note(at, &packet(number, u32::from(number) * 160), true);
        }
        assert!((9.0..11.0).contains(&(reception.jitter().as_secs_f64() * 1e3)));
    }
    #[test]
    fn neither_a_pause_nor_a_clock_that_jumps_or_stands_still_in_it_is_jitter() {
        for (pause, step) in [(30_020, 160), (30_020, 240_160), (20, 240_160), (20, 4_000_000_000)]
        {
            let mut reception = Reception::new(8_000);
            reception.note(CallTime::ZERO, &packet(0, 0), true);
            reception.note(CallTime::from_millis(pause), &packet(1, step), true);
            assert_eq!(reception.jitter(), Duration::ZERO, "{pause} ms, {step} ticks");
            reception.note(CallTime::from_millis(pause + 36), &packet(2, step + 160), true);
            assert_eq!(reception.jitter(), Duration::from_millis(1), "a sixteenth of 16 ms");
        }
    }
}
