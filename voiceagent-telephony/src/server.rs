//! Serving calls with the socket options that they need.

use std::{io, net::SocketAddr};

use axum::{Router, serve::ListenerExt};
use tokio::net::{TcpListener, TcpSocket};
use tracing::debug;

/// What the kernel may hold for a peer that does not read. Linux doubles it and counts its own
/// bookkeeping, which leaves about a second of 20 ms messages; its default grows to minutes, in
/// which nobody notices that the caller hears nothing.
const SEND_BUFFER: u32 = 16 * 1024;

/// Connections that may wait to be accepted.
const WAITING: u32 = 1_024;

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

/// Serves until the task is dropped. Sets `TCP_NODELAY`, without which a frame of audio may wait
/// for the acknowledgement of the one before, and tells the routes who their peer is.
///
/// # Errors
///
/// Never at present; faults of single connections end those only.
pub async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            debug!(%error, "TCP_NODELAY cannot be set");
        }
    });
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}
