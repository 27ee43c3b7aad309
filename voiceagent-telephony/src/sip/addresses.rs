use std::net::{IpAddr, SocketAddr};

use rsipstack::sip::{Auth, HostWithPort, Param, Scheme, Transport, Uri};
use voiceagent_core::{Error, ErrorKind, Result};

use super::SipConfig;

/// Where we listen for signalling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Addresses {
    pub(super) udp: SocketAddr,
    pub(super) tcp: Option<SocketAddr>,
    pub(super) tls: Option<SocketAddr>,
}

impl Addresses {
    /// The address of ours that media is bound to.
    pub(super) const fn ip(self) -> IpAddr {
        self.udp.ip()
    }

    /// Where requests by this transport come to. Where we do not listen for it, they come by the
    /// connection that we have made, and this is only a name.
    const fn of(self, transport: Transport) -> SocketAddr {
        let own = match transport {
            Transport::Tcp => self.tcp,
            Transport::Tls => self.tls,
            _ => None,
        };
        match own {
            Some(address) => address,
            None => self.udp,
        }
    }

    /// How requests of this side reach us.
    ///
    /// # Errors
    ///
    /// When there is no way to it.
    pub(super) fn seen_from(
        self,
        config: &SipConfig,
        transport: Transport,
        peer: SocketAddr,
    ) -> Result<SocketAddr> {
        let ours = self.of(transport);
        Ok(SocketAddr::new(seen(ours.ip(), config, peer)?, ours.port()))
    }

    /// How media of this side reaches us, whatever its signalling comes by.
    ///
    /// # Errors
    ///
    /// When there is no way to it.
    pub(super) fn heard_from(self, config: &SipConfig, peer: SocketAddr) -> Result<IpAddr> {
        seen(self.ip(), config, peer)
    }
}

/// How an address of ours is seen by somebody.
fn seen(ip: IpAddr, config: &SipConfig, peer: SocketAddr) -> Result<IpAddr> {
    match config.public_ip {
        Some(ip) => Ok(ip),
        None if ip.is_unspecified() => way_to(peer),
        None => Ok(ip),
    }
}

/// The address of ours at which requests of a call or for an account come.
pub(super) fn contact(at: SocketAddr, transport: Transport, user: Option<&str>) -> Uri {
    let is_default = transport == Transport::Udp;
    Uri {
        scheme: Some(Scheme::Sip),
        auth: user.map(|user| Auth { user: user.to_owned(), password: None }),
        host_with_port: HostWithPort::from(at),
        params: (!is_default).then_some(Param::Transport(transport)).into_iter().collect(),
        ..Uri::default()
    }
}

/// Which address of ours packets to this host leave from. Nothing is sent.
fn way_to(peer: SocketAddr) -> Result<IpAddr> {
    let any = if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let look = || {
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(peer)?;
        socket.local_addr()
    };
    let failed = |_| Error::new(ErrorKind::Overloaded, "find a way", "no way to the other side");
    look().map(|address| address.ip()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_is_told_the_address_that_it_reaches_us_by() {
        let config = SipConfig::new(([0, 0, 0, 0], 5_060).into(), vec![]);
        let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let ours = Addresses { udp: any(5_060), tcp: None, tls: Some(any(5_061)) };
        let peer = ([127, 0, 0, 1], 9).into();
        let seen = |config: &SipConfig, transport| {
            let at = ours.seen_from(config, transport, peer).unwrap();
            contact(at, transport, Some("agent")).to_string()
        };
        assert_eq!(seen(&config, Transport::Udp), "sip:agent@127.0.0.1:5060");
        assert_eq!(seen(&config, Transport::Tcp), "sip:agent@127.0.0.1:5060;transport=TCP");
        let public = SipConfig { public_ip: Some([203, 0, 113, 5].into()), ..config };
        assert_eq!(seen(&public, Transport::Tls), "sip:agent@203.0.113.5:5061;transport=TLS");
    }

    #[test]
    fn each_transport_has_the_address_that_is_listened_at_for_it_and_media_that_of_datagrams() {
        let [udp, tcp, tls]: [SocketAddr; 3] =
            ["192.0.2.1:5060", "192.0.2.2:5070", "192.0.2.3:5061"].map(|at| at.parse().unwrap());
        let config = SipConfig::new(udp, vec![]);
        let ours = Addresses { udp, tcp: Some(tcp), tls: Some(tls) };
        let peer = ([127, 0, 0, 1], 9).into();
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls];
        let seen = all.map(|transport| ours.seen_from(&config, transport, peer).unwrap());
        assert_eq!(seen, [udp, tcp, tls]);
        assert_eq!(ours.heard_from(&config, peer).unwrap(), udp.ip());
        let anywhere = Addresses { tcp: Some(([0, 0, 0, 0], 5_070).into()), ..ours };
        let seen = anywhere.seen_from(&config, Transport::Tcp, peer).unwrap();
        assert_eq!(seen, ([127, 0, 0, 1], 5_070).into(), "the one that leads there");
    }
}
