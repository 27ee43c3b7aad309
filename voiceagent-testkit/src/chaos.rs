//! A network that misbehaves: a TCP proxy between a client and a server that are both sound.
//!
//! It delays, slows down, cuts into pieces, swallows and resets what passes. What it does can change
//! while connections are open, so that a test says when the weather turns.
//!
//! ```
//! use std::time::Duration;
//! use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//! use voiceagent_testkit::chaos::{ChaosProxy, Weather};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let proxy = ChaosProxy::to(server.local_addr()?).await?;
//! proxy.set(Weather::fair().delay(Duration::from_millis(5)).pieces(1));
//!
//! let mut client = tokio::net::TcpStream::connect(proxy.address()).await?;
//! client.write_all(b"hello").await?;
//! let (mut accepted, _) = server.accept().await?;
//! let mut heard = [0; 5];
//! accepted.read_exact(&mut heard).await?;
//! assert_eq!(&heard, b"hello");
//!
//! proxy.cut();
//! assert!(accepted.read(&mut heard).await.is_err(), "the connection was reset");
//! # Ok(())
//! # }
//! ```

mod pipe;

use std::{io, net::SocketAddr, num::NonZeroU32, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use self::pipe::Pipe;

/// What becomes of the bytes of all connections, both ways.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct Weather {
    pub(super) delay: Duration,
    pub(super) bytes_per_second: Option<NonZeroU32>,
    pub(super) piece: Option<usize>,
    pub(super) flow: Flow,
}

/// Whether anything passes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Flow {
    #[default]
    Passes,
    /// Nothing is read, so that the sender's buffers fill up.
    Stuck,
    /// All is read, and nothing arrives.
    Swallowed,
}

impl Weather {
    /// Everything passes as it comes.
    pub fn fair() -> Self {
        Self::default()
    }

    /// Everything arrives this much later. What is under way waits in a queue, not in the sender.
    pub const fn delay(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }

    /// At most so many bytes pass in a second, each way of each connection.
    pub const fn throttle(mut self, bytes_per_second: NonZeroU32) -> Self {
        self.bytes_per_second = Some(bytes_per_second);
        self
    }

    /// Bytes arrive in pieces of at most this length, each in a packet of its own; 0 counts as 1.
    pub const fn pieces(mut self, bytes: usize) -> Self {
        self.piece = Some(bytes);
        self
    }

    /// Nothing is read any more: the far end has a full window. What had passed had passed.
    pub const fn stuck(mut self) -> Self {
        self.flow = Flow::Stuck;
        self
    }

    /// Everything is taken and nothing arrives: the far end is gone, and nobody says so.
    pub const fn swallowed(mut self) -> Self {
        self.flow = Flow::Swallowed;
        self
    }
}

/// The proxy. Dropping it resets all connections.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    /// How many times all connections were cut.
    cuts: watch::Sender<u64>,
    accepted: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl ChaosProxy {
    /// Listens on a port of its own, and passes on to this server.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, turns) = watch::channel(Weather::default());
        let (cuts, cut) = watch::channel(0);
        let (count, accepted) = watch::channel(0);
        let task = tokio::spawn(serve(listener, server, turns, cut, count));
        Ok(Self { address, weather, cuts, accepted, task })
    }

    /// The same in front of the server of a URL, and the URL that leads through the proxy.
    ///
    /// # Errors
    ///
    /// When the URL has no host and port, the host is not known, or it cannot listen.
    pub async fn before(url: &str) -> io::Result<(Self, String)> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "a URL with a host and a port");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let server = lookup_host(host).await?.next().ok_or_else(wrong)?;
        let proxy = Self::to(server).await?;
        let url = format!("{scheme}://{}{path}", proxy.address);
        Ok((proxy, url))
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather, also of what is under way.
    pub fn set(&self, weather: Weather) {
        self.weather.send_modify(|now| *now = weather);
    }

    /// Resets all connections, on both sides. New ones are taken.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections were taken so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        *self.accepted.borrow()
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    cut: watch::Receiver<u64>,
    accepted: watch::Sender<usize>,
) {
    // Dropped with this task, and with them their connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            client = listener.accept() => {
                // A system without means for a connection has none for a test either.
                let Ok((client, _)) = client else { return };
                accepted.send_modify(|count| *count += 1);
                connections.spawn(connection(client, server, weather.clone(), cut.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Passes both ways until both ends have said goodbye, one is lost, or the connection is cut.
async fn connection(
    client: TcpStream,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    mut cut: watch::Receiver<u64>,
) {
    cut.mark_unchanged();
    let Ok(server) = TcpStream::connect(server).await else { return reset(&client) };
    for socket in [&client, &server] {
        // Pieces are to be packets of their own.
        let _ = socket.set_nodelay(true);
    }
    let (mut client, mut server) = (client, server);
    let lost = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let forth = Pipe::new(from_client, to_server, weather.clone());
        let back = Pipe::new(from_server, to_client, weather);
        tokio::select! {
            both = async { tokio::try_join!(forth.run(), back.run()) } => both.is_err(),
            _ = cut.changed() => true,
        }
    };
    if lost {
        reset(&client);
        reset(&server);
    }
}

/// Closes without a goodbye: no time to linger means a reset (socket(7), `SO_LINGER`).
fn reset(socket: &TcpStream) {
    let _ = socket.set_zero_linger();
}

#[cfg(test)]
mod tests;
