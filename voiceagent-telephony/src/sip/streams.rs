use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use async_trait::async_trait;
use rsipstack::{
    platform::CancellationToken,
    sip::{Host, Transport, Uri},
    transaction::endpoint::{EndpointInner, EndpointInnerRef, TargetLocator},
    transport::SipAddr,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, lookup_host},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use tracing::debug;
use voiceagent_core::{Error, ErrorKind, Result};

use super::{
    SipConfig,
    connected::Connected,
    handles::Handles,
    quiet::quiet,
    stream::{Heard, Stream},
    tls::Tls,
    transport::is_secure,
};

/// Connections that others may have with us at a time. A trunk keeps a handful.
const MOST: usize = 256;

/// Messages of all connections that wait for the loop of the stack.
const HEARD: usize = 256;

/// How long connecting, and each side's greeting, may take.
const GREETING: Duration = Duration::from_secs(10);

/// How long a connection may be without a word before the system asks whether the other side is
/// there. Translators of addresses forget connections after some minutes.
#[cfg(target_os = "linux")]
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// How long what we have sent may wait for the other side's system to say that it has it: as long as
/// a request is waited for. A connection through which nothing comes any more would be used for a
/// quarter of an hour else, although a new one may do.
#[cfg(target_os = "linux")]
const UNHEARD: Duration = Duration::from_secs(32);

/// After the system had nothing left for a new connection.
const REST: Duration = Duration::from_millis(100);

/// Signalling over TCP and TLS: connections that others make, and ours.
#[derive(Clone)]
pub(super) struct Streams(Arc<Shared>);

struct Shared {
    config: SipConfig,
    tls: Option<Tls>,
    heard: mpsc::Sender<Heard>,
    token: CancellationToken,
    slots: Arc<Semaphore>,
    /// Told when a connection is over.
    ended: watch::Sender<()>,
    connected: Connected,
    /// Set once, when the stack is there.
    endpoint: OnceLock<Weak<EndpointInner>>,
}

impl Streams {
    /// Reads the files of TLS.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when they are not what they should be.
    pub(super) fn new(
        config: &SipConfig,
        token: CancellationToken,
    ) -> Result<(Self, mpsc::Receiver<Heard>)> {
        let (heard, hearing) = mpsc::channel(HEARD);
        let shared = Shared {
            tls: config.tls.as_ref().map(Tls::new).transpose()?,
            config: config.clone(),
            heard,
            token,
            slots: Arc::new(Semaphore::new(MOST)),
            ended: watch::Sender::default(),
            connected: Connected::default(),
            endpoint: OnceLock::new(),
        };
        Ok((Self(Arc::new(shared)), hearing))
    }

    /// Sets the stack that the messages are for.
    pub(super) fn attach(&self, endpoint: &EndpointInnerRef) {
        // Only the start of the stack calls this.
        let _ = self.0.endpoint.set(Arc::downgrade(endpoint));
    }

    /// Listens; where, with the port that was given.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when the address is not free.
    pub(super) async fn listen(&self, transport: Transport, at: SocketAddr) -> Result<SocketAddr> {
        let failed = |_: io::Error| {
            let message =
                format!("{}: the address is not free", transport.to_string().to_lowercase());
            Error::new(ErrorKind::Config, "listen", message)
        };
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (streams, token) = (self.clone(), self.0.token.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = streams.welcome(listener, transport) => {}
            }
        });
        Ok(address)
    }

    async fn welcome(&self, listener: TcpListener, transport: Transport) {
        loop {
            let Ok((socket, from)) = listener.accept().await else {
                sleep(REST).await;
                continue;
            };
            if !self.0.config.may_call(from.ip()) {
                continue;
            }
            let Ok(slot) = Arc::clone(&self.0.slots).try_acquire_owned() else {
                debug!("too many connections");
                continue;
            };
            let streams = self.clone();
            tokio::spawn(async move { streams.receive(socket, from, transport, slot).await });
        }
    }

    async fn receive(
        &self,
        socket: TcpStream,
        from: SocketAddr,
        transport: Transport,
        slot: OwnedSemaphorePermit,
    ) {
        prepare(&socket);
        let begun = match (transport, &self.0.tls) {
            (Transport::Tls, Some(tls)) => match timeout(GREETING, tls.accept(socket)).await {
                Ok(Ok(socket)) => self.begin(socket, (transport, from), Some(slot)).await,
                Ok(Err(error)) => return debug!(%error, "no TLS"),
                Err(_) => return debug!("no TLS in time"),
            },
            _ => self.begin(socket, (transport, from), Some(slot)).await,
        };
        // Without a stack nobody is left to be told.
        let _ = begun;
    }

    /// Makes a connection known to the stack and moves its messages, in a task of its own.
    async fn begin<S>(
        &self,
        socket: S,
        who: (Transport, SocketAddr),
        slot: Option<OwnedSemaphorePermit>,
    ) -> Option<Arc<Handles>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let endpoint = self.0.endpoint.get()?.upgrade()?;
        let (stack, token) = ((&*endpoint, &self.0.connected), self.0.token.child_token());
        let stream = quiet(Stream::open(socket, who, stack, token)).await?;
        let handles = stream.handles();
        let (heard, endpoint) = (self.0.heard.clone(), self.0.endpoint.get()?.clone());
        let ended = self.0.ended.clone();
        tokio::spawn(async move {
            stream.run(heard, &endpoint).await;
            drop(slot);
            ended.send_replace(());
        });
        Some(handles)
    }

    /// Waits until there is no connection to an address; for ever where none is needed, and not at all
    /// where there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn lost(&self, address: &SipAddr) {
        if !matches!(address.r#type, Some(Transport::Tcp | Transport::Tls)) {
            return std::future::pending().await;
        }
        let mut ended = self.0.ended.subscribe();
        while self.is_connected(address) {
            if ended.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_connected(&self, address: &SipAddr) -> bool {
        let endpoint = self.0.endpoint.get().and_then(Weak::upgrade);
        endpoint.is_some_and(|endpoint| endpoint.transport_layer.get_addrs().contains(address))
    }

    /// Where requests to an address go. What they go by, if it is a stream, is connected then.
    ///
    /// # Errors
    ///
    /// When the name of the host is not known, or it cannot be connected to, or is not who it
    /// should be.
    pub(super) async fn reach(&self, uri: &Uri) -> io::Result<SipAddr> {
        let asked = SipAddr::try_from(uri).map_err(io::Error::other)?;
        let is_secure = is_secure(uri);
        let transport = if is_secure { Transport::Tls } else { asked.r#type.unwrap_or_default() };
        let default = if is_secure { 5_061 } else { 5_060 };
        let port = asked.addr.port.map_or(default, |port| port.value());
        let (host, name) = match &asked.addr.host {
            Host::IpAddr(ip) => (SocketAddr::new(*ip, port), ip.to_string()),
            Host::Domain(name) => (self.look_up(&name.to_string(), port).await?, name.to_string()),
        };
        let address = SipAddr::new(transport, host.into());
        self.connect(&address, host, &name).await?;
        Ok(address)
    }

    /// The address of a host, of the family that we have.
    async fn look_up(&self, name: &str, port: u16) -> io::Result<SocketAddr> {
        let looking = lookup_host((name, port));
        let mut found = timeout(GREETING, looking).await.map_err(io::Error::from)??;
        let is_ours = |address: &SocketAddr| address.is_ipv4() == self.0.config.listen.is_ipv4();
        found.find(is_ours).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Connects to a host that is called so, unless it is connected, or is reached without. Over TLS
    /// only a connection counts that we have made, and to this name.
    ///
    /// # Errors
    ///
    /// As [`reach`](Self::reach).
    pub(super) async fn connect(
        &self,
        address: &SipAddr,
        host: SocketAddr,
        name: &str,
    ) -> io::Result<()> {
        let transport = address.r#type.unwrap_or_default();
        if !matches!(transport, Transport::Tcp | Transport::Tls) {
            return Ok(());
        }
        let endpoint =
            self.0.endpoint.get().and_then(Weak::upgrade).ok_or(io::ErrorKind::NotConnected)?;
        if transport == Transport::Tls {
            if let Some(handles) = self.0.connected.find(host, name)
                && quiet(self.0.connected.prefer(&endpoint, &handles)).await
            {
                return Ok(());
            }
        } else if endpoint.transport_layer.get_addrs().contains(address) {
            return Ok(());
        }
        let connecting = async {
            let socket = TcpStream::connect(host).await?;
            prepare(&socket);
            let who = (transport, host);
            let begun = match (transport, &self.0.tls) {
                (Transport::Tls, Some(tls)) => {
                    let begun = self.begin(tls.connect(name, socket).await?, who, None).await;
                    begun.map(|handles| self.0.connected.note(host, name, handles))
                }
                (Transport::Tls, None) => return Err(io::ErrorKind::Unsupported.into()),
                _ => self.begin(socket, who, None).await.map(drop),
            };
            begun.ok_or_else(|| io::ErrorKind::NotConnected.into())
        };
        timeout(GREETING, connecting).await.map_err(io::Error::from)?
    }
}

/// The stack asks where requests within a call go, whose connection may be gone.
#[async_trait]
impl TargetLocator for Streams {
    async fn locate(&self, uri: &Uri) -> rsipstack::Result<SipAddr> {
        let failed = |error: io::Error| rsipstack::Error::Error(error.to_string());
        self.reach(uri).await.map_err(failed)
    }
}

/// Messages are short and leave at once; a side that is gone for good is noticed.
fn prepare(socket: &TcpStream) {
    let _ = socket.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let asking =
            socket2::TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 4);
        let socket = socket2::SockRef::from(socket);
        let _ = socket.set_tcp_keepalive(&asking);
        let _ = socket.set_tcp_user_timeout(Some(UNHEARD));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_not_kept_when_nobody_has_what_was_sent_by_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        prepare(&socket);
        let socket = socket2::SockRef::from(&socket);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNHEARD));
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
    }
}
