use bytes::Bytes;

/// The fixed part of a header.
const HEAD: usize = 12;

/// One packet of media (RFC 3550, section 5.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RtpPacket {
    pub(crate) payload_type: u8,
    /// The first packet of speech after a pause, or of a key.
    pub(crate) is_marked: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: Bytes,
}

impl RtpPacket {
    /// Reads a datagram; `None` for what is no packet of media, packets of RTCP among them.
    pub(crate) fn parse(datagram: &Bytes) -> Option<Self> {
        let head: [u8; HEAD] = *datagram.first_chunk()?;
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = head;
        // Payload types 64 to 95 with the marker are the packets of RTCP (RFC 5761, section 4).
        if first >> 6 != 2 || (192..=223).contains(&second) {
            return None;
        }
        let mut begin = HEAD + 4 * usize::from(first & 0x0F);
        if first & 0x10 != 0 {
            let [_, _, high, low] = *datagram.get(begin..)?.first_chunk()?;
            begin += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        let padding = if first & 0x20 == 0 { 0 } else { usize::from(*datagram.last()?).max(1) };
        let end = datagram.len().checked_sub(padding).filter(|end| *end >= begin)?;
        Some(Self {
            payload_type: second & 0x7F,
            is_marked: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            payload: datagram.slice(begin..end),
        })
    }

    /// Writes the datagram.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(HEAD + self.payload.len());
        datagram.push(2 << 6);
        datagram.push(self.payload_type & 0x7F | u8::from(self.is_marked) << 7);
        datagram.extend(self.sequence.to_be_bytes());
        datagram.extend(self.timestamp.to_be_bytes());
        datagram.extend(self.ssrc.to_be_bytes());
        datagram.extend_from_slice(&self.payload);
        datagram
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sources_extensions_and_padding_are_not_sound() {
        let wire = [
            &[0xB2, 0x80, 0, 7, 0, 0, 0, 9, 0, 0, 0, 5][..],
            &[1; 8],
            &[0xBE, 0xDE, 0, 1, 2, 2, 2, 2],
            &[3, 4],
            &[0, 0, 3],
        ]
        .concat();
        let packet = RtpPacket::parse(&wire.into()).unwrap();
        assert_eq!((packet.sequence, packet.timestamp, packet.ssrc), (7, 9, 5));
        assert!(packet.is_marked && packet.payload_type == 0);
        assert_eq!(packet.payload, [3, 4][..]);
    }

    #[test]
    fn what_is_no_media_is_not_read() {
        let sender_report = [&[0x80, 200][..], &[0; 26]].concat();
        for wire in [vec![], vec![0x80; 11], vec![0x40; 40], sender_report, vec![0xBF; 12]] {
            assert_eq!(RtpPacket::parse(&wire.into()), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            payload_type in 0..64_u8, is_marked: bool, sequence: u16, timestamp: u32, ssrc: u32,
            payload: Vec<u8>,
        ) {
            let payload = payload.into();
            let packet =
                RtpPacket { payload_type, is_marked, sequence, timestamp, ssrc, payload };
            prop_assert_eq!(RtpPacket::parse(&packet.write().into()), Some(packet));
        }

        #[test]
        fn no_datagram_breaks_the_reader(wire: Vec<u8>) {
            let length = wire.len();
            if let Some(packet) = RtpPacket::parse(&wire.into()) {
                prop_assert!(packet.payload.len() + HEAD <= length);
            }
        }
    }
}
