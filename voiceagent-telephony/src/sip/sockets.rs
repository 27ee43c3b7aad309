use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{net::UdpSocket, time::sleep};
use voiceagent_core::{Error, ErrorKind, Result};

use super::ports::{Lease, Ports};

/// How long ports that somebody was told of stay taken after their call, so that its last packets do
/// not reach the next one.
const REST: Duration = Duration::from_secs(30);

/// The longest datagram that is read; the media of 20 ms takes at most 652 bytes.
const LONGEST: usize = 2_048;

/// The sockets of a call's media and of its reports.
#[derive(Debug)]
pub(super) struct Sockets {
    pair: Option<(UdpSocket, UdpSocket)>,
    /// Given back behind the sockets.
    lease: Option<Lease>,
    /// Whether the other side knows of them.
    is_told: bool,
}

impl Sockets {
    /// Takes two ports that follow each other, at a random place.
    ///
    /// # Errors
    ///
    /// [`Overloaded`](ErrorKind::Overloaded) when none are free.
    pub(super) fn bind(ports: &Arc<Ports>, ip: IpAddr) -> Result<Self> {
        let taken = ports.take(|port| {
            let bind = |port| bind(SocketAddr::new(ip, port)).ok();
            Some((bind(port)?, bind(port + 1)?))
        })?;
        let none =
            || Error::new(ErrorKind::Overloaded, "take a port", "no ports for media are free");
        let (lease, pair) = taken.ok_or_else(none)?;
        Ok(Self { pair: Some(pair), lease: Some(lease), is_told: false })
    }

    /// The port of the media.
    pub(super) fn port(&self) -> u16 {
        self.media().local_addr().map_or(0, |address| address.port())
    }

    /// The other side is told of them now. Others are free as soon as they are dropped.
    pub(super) const fn tell(&mut self) {
        self.is_told = true;
    }

    /// Drops what came before anybody listened.
    pub(super) fn flush(&self) {
        let mut buffer = [0; LONGEST];
        while self.media().try_recv(&mut buffer).is_ok() {}
        while self.reports().try_recv(&mut buffer).is_ok() {}
    }

    /// The next datagram of either socket.
    pub(super) async fn receive(&self) -> io::Result<(SocketAddr, Bytes)> {
        let (mut media, mut reports) = ([0; LONGEST], [0; LONGEST]);
        let (received, buffer) = tokio::select! {
            received = self.media().recv_from(&mut media) => (received, &media),
            received = self.reports().recv_from(&mut reports) => (received, &reports),
        };
        let (length, from) = received?;
        Ok((from, Bytes::copy_from_slice(&buffer[..length])))
    }

    /// Sends without waiting: a socket that takes nothing has lost the packet's time anyway.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let _ = self.media().try_send_to(datagram, to);
    }

    pub(super) fn send_report(&self, to: SocketAddr, datagram: &[u8]) {
        let _ = self.reports().try_send_to(datagram, to);
    }

    fn media(&self) -> &UdpSocket {
        &self.pair.as_ref().expect("taken by the drop only").0
    }

    fn reports(&self) -> &UdpSocket {
        &self.pair.as_ref().expect("taken by the drop only").1
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let lease = self.lease.take();
        if let Some(pair) = self.pair.take()
            && self.is_told
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                sleep(REST).await;
                drop((pair, lease));
            });
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::random_number, sip::SipConfig};

    /// An address of this host that nobody else uses, so that its ports are ours.
    fn host() -> IpAddr {
        let [_, number @ ..] = random_number("name a host").unwrap().to_be_bytes();
        let [one, two, three] = number.map(|number| number.clamp(1, 254));
        IpAddr::from([127, one, two, three])
    }

    fn ports(first: u16, last: u16) -> Arc<Ports> {
        let mut config = SipConfig::new(([127, 0, 0, 1], 0).into(), Vec::new());
        config.media_ports = (first, last);
        Ports::new(&config)
    }

    /// Two ports, taken from a server that has no others.
    fn only_two(host: IpAddr) -> (Sockets, Arc<Ports>) {
        let ports = ports(12_000, 12_001);
        (Sockets::bind(&ports, host).unwrap(), ports)
    }

    #[tokio::test(start_paused = true)]
    async fn ports_that_somebody_was_told_of_rest_for_half_a_minute_and_others_do_not() {
        let host = host();
        let (sockets, ports) = only_two(host);
        let taken = Sockets::bind(&ports, host).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::Overloaded);
        drop(sockets);
        let mut sockets = Sockets::bind(&ports, host).unwrap();
        sockets.tell();
        drop(sockets);
        sleep(Duration::from_secs(29)).await;
        assert!(Sockets::bind(&ports, host).is_err(), "packets may still come there");
        sleep(Duration::from_secs(2)).await;
        assert!(Sockets::bind(&ports, host).is_ok());
    }

    #[tokio::test]
    async fn each_pair_of_ports_is_found_as_long_as_one_is_free() {
        let (host, ports) = (host(), ports(11_000, 11_399));
        let mut taken = Vec::new();
        for _ in 0..200 {
            taken.push(Sockets::bind(&ports, host).unwrap());
        }
        let none = Sockets::bind(&ports, host).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::Overloaded);
        let free = taken.swap_remove(77).port();
        assert_eq!(Sockets::bind(&ports, host).unwrap().port(), free);
    }

    #[tokio::test]
    async fn what_came_before_anybody_listened_is_not_heard() {
        let host = host();
        let (sockets, _) = only_two(host);
        let phone = std::net::UdpSocket::bind((host, 0)).unwrap();
        for packet in ["early", "earlier"] {
            phone.send_to(packet.as_bytes(), (host, sockets.port())).unwrap();
            phone.send_to(packet.as_bytes(), (host, sockets.port() + 1)).unwrap();
        }
        sockets.media().readable().await.unwrap();
        sockets.reports().readable().await.unwrap();
        sockets.flush();
        phone.send_to(b"now", (host, sockets.port())).unwrap();
        assert_eq!(sockets.receive().await.unwrap().1, "now");
        phone.send_to(b"report", (host, sockets.port() + 1)).unwrap();
        assert_eq!(sockets.receive().await.unwrap().1, "report");
    }
}
