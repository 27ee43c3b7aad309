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
    /// Where it wants reports, if that was said.
    reports: Option<SocketAddr>,
    signalling: IpAddr,
    latched: Option<SocketAddr>,
    /// A source that has sent one packet, and the number and source of its next.
    candidate: Option<(SocketAddr, u32, u16)>,
}

impl MediaPeer {
    /// The address that its description says, and the host that the description came from.
    pub(crate) const fn new(said: SocketAddr, signalling: IpAddr) -> Self {
        Self { said, reports: None, signalling, latched: None, candidate: None }
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
        from.ip() == self.address().ip() || self.reports.is_some_and(|at| from.ip() == at.ip())
    }

    /// Says where reports are wanted; at the next port if not said.
    pub(super) const fn report_to(&mut self, reports: Option<SocketAddr>) {
        self.reports = reports;
    }

    /// Where reports go: the next port (RFC 3550, section 11), or where they are wanted (RFC 3605).
    /// Whoever says no host, as the old way to hold a call does (RFC 3264, section 8.4), gets none: a
    /// system takes that for itself.
    pub(super) fn report_address(&self) -> Option<SocketAddr> {
        let media = self.address();
        let to = match self.reports {
            // Behind a translator of addresses it is on the host that the media comes from.
            Some(at) if at.ip() == self.said.ip() => SocketAddr::new(media.ip(), at.port()),
            Some(at) => at,
            None => SocketAddr::new(media.ip(), media.port().saturating_add(1)),
        };
        Some(to).filter(|to| !to.ip().is_unspecified())
    }

    /// Where packets go.
    pub(super) fn address(&self) -> SocketAddr {
        self.latched.unwrap_or(self.said)
    }

    /// A new description says an address: if it is another, sources count anew.
    pub(super) fn move_to(&mut self, said: SocketAddr) {
        if said != self.said {
            *self = Self { reports: self.reports, ..Self::new(said, self.signalling) };
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
    fn reports_are_taken_from_the_hosts_of_the_other_side_only_and_go_where_it_wants_them() {
        let mut peer = peer();
        let (media, elsewhere) = (address("10.0.0.7:9"), address("10.0.0.9:4700"));
        assert!(peer.accepts_report(media) && !peer.accepts_report(elsewhere));
        assert_eq!(peer.report_address(), Some(address("10.0.0.7:4001")));
        peer.report_to(Some(address("10.0.0.7:4700")));
        assert_eq!(peer.report_address(), Some(address("10.0.0.7:4700")));
        peer.report_to(Some(elsewhere));
        assert_eq!(peer.report_address(), Some(elsewhere));
        assert!(peer.accepts_report(elsewhere) && peer.accepts_report(media));
        assert!(!peer.accepts_report(address("192.0.2.1:4700")));
        // A new address of the media changes nothing about that, and a translated one of both does.
        peer.move_to(address("10.0.0.8:5000"));
        assert_eq!(peer.report_address(), Some(elsewhere));
        peer.report_to(Some(address("10.0.0.8:4700")));
        let public = address("192.0.2.1:9000");
        assert!(!peer.accepts(public, &packet(1)) && peer.accepts(public, &packet(2)));
        assert_eq!(peer.report_address(), Some(address("192.0.2.1:4700")));
        assert!(peer.accepts_report(public));
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
