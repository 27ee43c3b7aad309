use voiceagent_core::CallTime;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// What a side tells of the stream that it receives (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ReportBlock {
    pub(super) ssrc: u32,
    /// Since the last report, in 256ths.
    pub(super) fraction_lost: u8,
    /// In all; 24 bits travel.
    pub(super) lost: u32,
    pub(super) highest: u32,
    /// In units of the timestamp.
    pub(super) jitter: u32,
    /// The middle of the time in the last report of the other side, and how long ago it came, in
    /// 65,536ths of a second.
    pub(super) last_report: u32,
    pub(super) since_report: u32,
}

/// What a side tells of the stream that it sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sent {
    pub(super) time: u64,
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// One report, with or without a stream that is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Report {
    pub(super) ssrc: u32,
    pub(super) sent: Option<Sent>,
    pub(super) blocks: Vec<ReportBlock>,
}

/// A moment in the form that reports have: seconds and their fractions, 32 bits each. Ours count
/// from the beginning of the call, which section 6.4.1 allows.
pub(super) fn ntp(now: CallTime) -> u64 {
    let micros = u128::from(now.as_micros());
    u64::try_from((micros << 32) / 1_000_000).unwrap_or(u64::MAX)
}

/// The middle of a moment: 65,536ths of a second.
pub(super) const fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

impl Report {
    /// Reads the reports of a datagram; `None` when it is no RTCP.
    pub(super) fn parse_all(mut datagram: &[u8]) -> Option<Vec<Self>> {
        let mut reports = Vec::new();
        while !datagram.is_empty() {
            let [first, kind, high, low] = *datagram.first_chunk()?;
            if first >> 6 != 2 || !(192..=223).contains(&kind) {
                return None;
            }
            let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
            let packet = datagram.get(4..length)?;
            datagram = datagram.get(length..)?;
            if kind == SENDER_REPORT || kind == RECEIVER_REPORT {
                reports.push(Self::parse(packet, kind == SENDER_REPORT, first & 0x1F)?);
            }
        }
        Some(reports)
    }

    fn parse(packet: &[u8], is_sender: bool, count: u8) -> Option<Self> {
        let mut words = packet.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
        let ssrc = words.next()?;
        let sent = if is_sender {
            let time = u64::from(words.next()?) << 32 | u64::from(words.next()?);
            let (timestamp, packets, octets) = (words.next()?, words.next()?, words.next()?);
            Some(Sent { time, timestamp, packets, octets })
        } else {
            None
        };
        let block = |_| {
            let ssrc = words.next()?;
            let [fraction_lost, l0, l1, l2] = words.next()?.to_be_bytes();
            Some(ReportBlock {
                ssrc,
                fraction_lost,
                lost: u32::from_be_bytes([0, l0, l1, l2]),
                highest: words.next()?,
                jitter: words.next()?,
                last_report: words.next()?,
                since_report: words.next()?,
            })
        };
        Some(Self { ssrc, sent, blocks: (0..count).map_while(block).collect() })
    }

    /// Writes the report, and who sends it, as every datagram must say (section 6.1).
    pub(super) fn write(&self, name: &str) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(sent) = self.sent {
            body.extend(sent.time.to_be_bytes());
            body.extend([sent.timestamp, sent.packets, sent.octets].map(u32::to_be_bytes).concat());
        }
        for block in &self.blocks {
            body.extend(block.ssrc.to_be_bytes());
            let [_, l0, l1, l2] = block.lost.to_be_bytes();
            body.extend([block.fraction_lost, l0, l1, l2]);
            let rest = [block.highest, block.jitter, block.last_report, block.since_report];
            body.extend(rest.map(u32::to_be_bytes).concat());
        }
        let kind = if self.sent.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let mut datagram = Vec::new();
        append(&mut datagram, kind, self.blocks.len(), self.ssrc, &body);
        let name = &name.as_bytes()[..name.len().min(255)];
        // The name, the end of the list, and zeros up to a whole word.
        let mut description = vec![1, u8::try_from(name.len()).unwrap_or(0)];
        description.extend_from_slice(name);
        description.push(0);
        description.resize(description.len().next_multiple_of(4), 0);
        append(&mut datagram, DESCRIPTION, 1, self.ssrc, &description);
        datagram
    }
}

/// Writes that a stream is over, and whose it was.
pub(super) fn goodbye(ssrc: u32, name: &str) -> Vec<u8> {
    let mut datagram = Report { ssrc, sent: None, blocks: Vec::new() }.write(name);
    append(&mut datagram, GOODBYE, 1, ssrc, &[]);
    datagram
}

fn append(datagram: &mut Vec<u8>, kind: u8, count: usize, ssrc: u32, body: &[u8]) {
    let words = u16::try_from(body.len() / 4 + 1).expect("what we report is short");
    datagram.extend([2 << 6 | (count as u8 & 0x1F), kind]);
    datagram.extend(words.to_be_bytes());
    datagram.extend(ssrc.to_be_bytes());
    datagram.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn block() -> ReportBlock {
        ReportBlock {
            ssrc: 9,
            fraction_lost: 12,
            lost: 345,
            highest: 70_000,
            jitter: 99,
            last_report: 0x0102_0304,
            since_report: 65_536,
        }
    }

    #[test]
    fn a_report_is_read_as_it_is_written() {
        let sent = Sent { time: 7 << 32 | 5, timestamp: 160, packets: 3, octets: 480 };
        for (sent, blocks) in
            [(Some(sent), vec![block()]), (Some(sent), vec![]), (None, vec![block()])]
        {
            let report = Report { ssrc: 4, sent, blocks };
            for name in ["a", "ab", "abc", "abcd"] {
                let wire = report.write(name);
                assert!(wire.len().is_multiple_of(4));
                assert_eq!(Report::parse_all(&wire), Some(vec![report.clone()]));
            }
        }
    }

    #[test]
    fn a_goodbye_says_whose_stream_is_over() {
        let wire = goodbye(4, "abc");
        assert_eq!(Report::parse_all(&wire).unwrap().len(), 1);
        let name = [&[0x81, 202, 0, 3, 0, 0, 0, 4, 1, 3][..], b"abc", &[0; 3]].concat();
        assert_eq!(
            wire,
            [&[0x80, 201, 0, 1, 0, 0, 0, 4][..], &name[..], &[0x81, 203, 0, 1, 0, 0, 0, 4]]
                .concat()
        );
    }

    #[test]
    fn a_moment_is_seconds_and_fractions() {
        let moment = ntp(CallTime::ZERO + Duration::from_millis(2_500));
        assert_eq!(moment, 2 << 32 | 1 << 31);
        assert_eq!(middle(moment), 2 << 16 | 1 << 15);
    }

    proptest! {
        #[test]
        fn no_datagram_breaks_the_reader(wire: Vec<u8>, kind in 200..204_u8) {
            let _ = Report::parse_all(&wire);
            let length = u16::try_from(wire.len() / 4).unwrap().to_be_bytes();
            let framed = [&[0x9F, kind], &length[..], &wire].concat();
            let _ = Report::parse_all(&framed);
        }
    }
}
