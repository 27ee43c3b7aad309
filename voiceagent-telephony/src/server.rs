//! Serving calls with the socket options and the limits that they need.

mod complaint;
mod guests;
mod limits;
mod line;
mod lobby;

use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::{Router, extract::WebSocketUpgrade};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket},
    time::sleep,
};
use tracing::debug;

pub use self::limits::ServerLimits;
pub(crate) use self::lobby::{Lobby, Seat};
use self::{complaint::Complaint, guests::Guests, line::Line};

/// What the kernel may hold of messages that the peer has not acknowledged. Linux doubles it and
/// counts its own bookkeeping, which leaves some twenty messages: enough for a peer 300 ms away. Its
/// default grows to minutes, in which nobody notices that the caller hears nothing.
const SEND_BUFFER: u32 = 16 * 1024;

/// Connections that may wait to be accepted.
const WAITING: u32 = 1_024;

/// Before connections are accepted again, when the system had nothing left for one.
const BREATH: Duration = Duration::from_millis(100);

/// A message of a media stream is 400 bytes; the library's 128 KiB for each socket would be the
/// largest part of a call's memory.
const READ_BUFFER: usize = 8 * 1024;

const WRITE_BUFFER: usize = 4 * 1024;
const LARGEST_WRITE_BUFFER: usize = 256 * 1024;

/// What is read of a message. The sockets of calls take less, and so can pass over what is longer
/// or still say goodbye.
const LONGEST_MESSAGE: usize = 256 * 1024;

/// Gives a WebSocket the buffers of the sockets of calls, and ends it at messages of more than
/// 256 KiB.
///
/// ```
/// use axum::{Router, extract::WebSocketUpgrade, routing::any};
/// use voiceagent_telephony::server;
///
/// let screen = |upgrade: WebSocketUpgrade| async move {
///     server::websocket(upgrade).on_upgrade(|mut socket| async move {
///         while let Some(Ok(_)) = socket.recv().await {}
///     })
/// };
/// let app: Router = Router::new().route("/screen", any(screen));
/// ```
pub fn websocket(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(LARGEST_WRITE_BUFFER)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
}

/// Listens at an address, with a small send buffer for each connection.
///
/// # Errors
///
/// When the address is taken or not ours.
///
/// # Panics
///
/// Outside of a Tokio runtime.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Serves within the usual [limits](ServerLimits) until the future is dropped.
///
/// # Errors
///
/// As [`serve_within`].
///
/// # Cancel safety
///
/// As [`serve_within`].
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    serve_within(ServerLimits::default(), listener, router).await
}

/// Serves until the future is dropped, over HTTP/1.1 and the WebSockets that it is upgraded to.
///
/// Sets `TCP_NODELAY`, without which a frame of audio may wait for the acknowledgement of the one
/// before, lets the kernel of Linux hold little for a peer that does not read, and tells the routes
/// who their peer is. Where the limit of connections is reached, or
/// the system has no file left for another, the one that has waited longest makes room: whoever
/// opens connections and says nothing keeps no caller out. The log says so every 10 s.
///
/// # Errors
///
/// Never at present; faults of single connections end those only, and a listener that fails is
/// tried again.
///
/// # Cancel safety
///
/// Dropping the future ends the listening and every connection that has not become a WebSocket.
/// Those that have belong to whoever took them, and go on.
pub async fn serve_within(
    limits: ServerLimits,
    listener: TcpListener,
    router: Router,
) -> io::Result<()> {
    receive(limits, listener, router).await
}

/// Where connections come from: a listener, or what a test puts in its place.
trait Arrivals {
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection. Nothing is lost when the future is dropped.
    fn next(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Arrivals for TcpListener {
    type Io = Line;

    async fn next(&mut self) -> io::Result<(Line, SocketAddr)> {
        let (connection, peer) = self.accept().await?;
        Ok((Line::new(connection), peer))
    }
}

async fn receive(
    limits: ServerLimits,
    mut arrivals: impl Arrivals,
    router: Router,
) -> io::Result<()> {
    let mut guests = Guests::new(limits, router);
    loop {
        tokio::select! {
            arrived = arrivals.next(), if !guests.are_too_many() => match arrived {
                Ok((connection, peer)) => guests.welcome(connection, peer),
                Err(error) if is_of_the_peer(&error) => debug!(%error, "a peer gave up"),
                Err(error) => {
                    guests.cannot_accept(&error);
                    sleep(BREATH).await;
                }
            },
            () = guests.one_leaves() => {}
        }
    }
}

/// Whether only the connection that was about to be accepted is concerned.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests;
