use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tracing::debug;

/// What the kernel takes for a peer that does not read, before it takes nothing: with the message
/// that crosses this mark, less than half a second of the slowest format.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 4 * 1024;

/// A connection whose kernel holds little that is not under way, so that audio waits where a clear
/// can still overtake it.
#[derive(Debug)]
pub(super) struct Line(TcpStream);

impl Line {
    pub(super) fn new(connection: TcpStream) -> Self {
        if let Err(error) = connection.set_nodelay(true) {
            debug!(%error, "TCP_NODELAY cannot be set");
        }
        #[cfg(target_os = "linux")]
        if let Err(error) = socket2::SockRef::from(&connection).set_tcp_notsent_lowat(UNSENT) {
            debug!(%error, "TCP_NOTSENT_LOWAT cannot be set");
        }
        Self(connection)
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    /// Each write is a record of its own for the kernel of Linux. Otherwise it fills up the last
    /// segment that it has before it looks at any limit, which is up to 64 KiB: four seconds.
    #[cfg(target_os = "linux")]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let send = || {
            let flags = libc::MSG_EOR | libc::MSG_NOSIGNAL;
            socket2::SockRef::from(&self.0).send_with_flags(bytes, flags)
        };
        loop {
            std::task::ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_io(tokio::io::Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
