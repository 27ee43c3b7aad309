use std::{io, net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use rsipstack::platform::net::UdpSocket as StackSocket;
use tokio::net::UdpSocket;

use super::{
    SipConfig,
    screening::{Screened, screen},
};

/// The socket of signalling over UDP. The stack gets from it what peers have sent and what it can
/// read; what is to be refused before is refused here.
pub(super) struct Datagrams {
    socket: UdpSocket,
    config: Arc<SipConfig>,
}

impl Datagrams {
    /// # Errors
    ///
    /// When the address is taken or not ours.
    pub(super) async fn bind(config: &SipConfig) -> io::Result<Self> {
        let socket = UdpSocket::bind(config.listen).await?;
        Ok(Self { socket, config: Arc::new(config.clone()) })
    }
}

#[async_trait]
impl StackSocket for Datagrams {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, from) = self.socket.recv_from(buffer).await?;
            if !self.config.may_call(from.ip()) {
                continue;
            }
            let datagram = &buffer[..length];
            // What asks whether we are there is short, and answered by the stack.
            if datagram.trim_ascii().is_empty() {
                return Ok((length, from));
            }
            match screen(datagram, false) {
                Screened::Pass(message) if message.len() <= buffer.len() => {
                    let message = message.into_owned();
                    buffer[..message.len()].copy_from_slice(&message);
                    return Ok((message.len(), from));
                }
                Screened::Answer(answer) => {
                    // Whoever asked may have gone.
                    let _ = self.socket.send_to(&answer, from).await;
                }
                Screened::Pass(_) | Screened::Drop => {}
            }
        }
    }

    async fn send_to(&self, datagram: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(datagram, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
