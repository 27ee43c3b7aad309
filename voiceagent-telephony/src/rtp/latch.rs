use std::net::{IpAddr, SocketAddr};

use super::packet::RtpPacket;

/// Where the other side's packets come from, and ours go to.
///
/// Behind a translator of addresses, packets do not come from where signalling said. So the first
/// valid source counts (RFC 7362), with these limits: it is the address that was said, or it has the
/// host of it or of the signalling, and sends two packets in a row. Nobody takes its place later but
/// the address that was said.
#[derive(Debug)]
pub(crate) struct MediaPeer {
    said: SocketAddr,
    signalling: IpAddr,
    latched: Option<SocketAddr>,
    /// A source that has sent one packet, and the number and source of its next.
    candidate: Option<(SocketAddr, u32, u16)>,
}

impl MediaPeer {
    /// The address that its description says, and the host that the description came from.
    pub(crate) const fn new(said: SocketAddr, signalling: IpAddr) -> Self {
        Self { said, signalling, latched: None, candidate: None }
    }

    /// Whether a packet is the other side's.
    pub(super) fn accepts(&mut self, from: SocketAddr, packet: &RtpPacket) -> bool {
        if from != self.said {
            if let Some(latched) = self.latched {
                return from == latched;
            }
            if from.ip() != self.said.ip() && from.ip() != self.signalling {
                return false;
            }
            let next = packet.sequence.wrapping_add(1);
            let before = self.candidate.replace((from, packet.ssrc, next));
            if before != Some((from, packet.ssrc, packet.sequence)) {
                return false;
            }
        }
        self.latched = Some(from);
        true
    }

    /// Whether a report may be the other side's.
    pub(super) fn accepts_report(&self, from: SocketAddr) -> bool {
        from.ip() == self.latched.unwrap_or(self.said).ip()
    }

    /// Where packets go.
    pub(super) fn address(&self) -> SocketAddr {
        self.latched.unwrap_or(self.said)
    }

    /// A new description says an address: if it is another, sources count anew.
    pub(super) fn move_to(&mut self, said: SocketAddr) {
        if said != self.said {
            *self = Self::new(said, self.signalling);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const SAID: SocketAddr =
        SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7)), 4_000);

    fn packet(sequence: u16) -> RtpPacket {
        RtpPacket {
            payload_type: 0,
            is_marked: false,
            sequence,
            timestamp: 0,
            ssrc: 1,
            payload: Bytes::new(),
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn peer() -> MediaPeer {
        MediaPeer::new(SAID, address("192.0.2.1:1").ip())
    }

    #[test]
    fn the_address_that_was_said_counts_at_once_and_for_good() {
        let mut peer = peer();
        assert!(peer.accepts(SAID, &packet(1)));
        for number in 2..10 {
            assert!(!peer.accepts(address("192.0.2.1:9000"), &packet(number)));
        }
        assert_eq!(peer.address(), SAID);
    }

    #[test]
    fn a_translated_address_counts_from_its_second_packet_on() {
        let mut peer = peer();
        let public = address("192.0.2.1:9000");
        assert!(!peer.accepts(public, &packet(1)));
        assert!(!peer.accepts(public, &packet(7)));
        assert_eq!(peer.address(), SAID);
        assert!(peer.accepts(public, &packet(8)));
        assert_eq!(peer.address(), public);
        assert!(!peer.accepts(address("192.0.2.1:9001"), &packet(9)));
        assert!(peer.accepts(SAID, &packet(1)) && !peer.accepts(public, &packet(9)));
    }

    #[test]
    fn a_stranger_is_never_heard_and_gets_nothing() {
        let mut peer = peer();
        for number in 1..100 {
            assert!(!peer.accepts(address("203.0.113.9:4000"), &packet(number)));
        }
        assert_eq!(peer.address(), SAID);
        assert!(peer.accepts(SAID, &packet(1)));
    }

    #[test]
    fn a_new_description_moves_the_stream_and_a_repeated_one_does_not() {
        let mut peer = peer();
        let public = address("192.0.2.1:9000");
        assert!(!peer.accepts(public, &packet(1)) && peer.accepts(public, &packet(2)));
        peer.move_to(SAID);
        assert_eq!(peer.address(), public);
        let moved = address("10.0.0.8:5000");
        peer.move_to(moved);
        assert!(peer.accepts(moved, &packet(1)) && !peer.accepts(public, &packet(3)));
    }
}
