use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        handshake::client::Request,
        http::{HeaderName, HeaderValue},
        protocol::WebSocketConfig,
    },
};
use voiceagent_core::{Error, ErrorKind, Result};

use super::{Carrier, PhoneCall, line::Line, messages::Wording};

/// For the connection and the upgrade.
const CONNECT: Duration = Duration::from_secs(10);

/// Requests of a test that may wait for the line.
const REQUESTS: usize = 64;

/// A few messages; a hundred phones in one process should be cheap.
const BUFFER: usize = 8 * 1024;

/// How a phone calls.
///
/// ```no_run
/// # async fn call() -> voiceagent_core::Result<()> {
/// use voiceagent_testkit::phone::Dial;
///
/// let phone = Dial::to("ws://127.0.0.1:3000/media").parameter("token", "abc").connect().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Dial {
    url: String,
    carrier: Carrier,
    number: u64,
    call: Option<String>,
    headers: Vec<(String, String)>,
    parameters: BTreeMap<String, String>,
    frame_every: Duration,
    receive_buffer: Option<u32>,
    start: bool,
}

impl Dial {
    /// A call to the media socket at this `ws://` address.
    pub fn to(url: impl Into<String>) -> Self {
        static CALLS: AtomicU64 = AtomicU64::new(1);
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let name = (u64::from(std::process::id()) << 32) + number;
        Self {
            url: url.into(),
            carrier: Carrier::Twilio,
            number: name,
            call: None,
            headers: Vec::new(),
            parameters: BTreeMap::new(),
            frame_every: Duration::from_millis(20),
            receive_buffer: None,
            start: true,
        }
    }

    /// The carrier that the phone calls through; Twilio if not set.
    pub const fn carrier(mut self, carrier: Carrier) -> Self {
        self.carrier = carrier;
        self
    }

    /// Names the call; each has a name of its own if not set.
    pub fn call_id(mut self, call: impl Into<String>) -> Self {
        self.call = Some(call.into());
        self
    }

    /// Adds a parameter to the start message.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Adds a header to the upgrade request, such as a signature.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Lets the phone live faster or slower: each 20 ms of audio take this long.
    pub const fn frame_every(mut self, time: Duration) -> Self {
        self.frame_every = time;
        self
    }

    /// How much the kernel keeps of what this phone has not read, in bytes; for phones that read
    /// slowly.
    pub const fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Connects, and says and sends nothing until the test does.
    pub const fn without_start(mut self) -> Self {
        self.start = false;
        self
    }

    /// Calls.
    ///
    /// # Errors
    ///
    /// When nobody answers within 10 s, or the upgrade is refused: a 403 is
    /// [`Unauthorized`](ErrorKind::Unauthorized).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the call up.
    pub async fn connect(self) -> Result<PhoneCall> {
        let call = self.call.clone().unwrap_or_else(|| self.carrier.name("CA", self.number));
        let stream = self.carrier.name("MZ", self.number);
        let mut wording = Wording::new(self.carrier, call.clone(), stream.clone());
        let mut socket = timeout(CONNECT, self.open())
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, "dial", "nobody answered"))??;
        if self.start {
            for text in wording.greeting(&self.parameters) {
                use futures_util::SinkExt as _;
                socket.send(Message::text(text)).await.map_err(lost)?;
            }
        }
        let (requests, waiting) = mpsc::channel(REQUESTS);
        let began = Instant::now();
        let line = Line::new(socket, wording, self.frame_every, self.start, began);
        let task = tokio::spawn(line.run(waiting));
        Ok(PhoneCall::new(requests, task, self.carrier, (call, stream), began))
    }

    async fn open(&self) -> Result<WebSocketStream<TcpStream>> {
        let request = self.request()?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        let port = request.uri().port_u16().unwrap_or(80);
        let address = lookup_host((host.as_str(), port)).await.map_err(lost)?.next();
        let address = address.ok_or_else(|| Error::config("url: the host is not known"))?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(lost)?;
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes).map_err(lost)?;
        }
        let stream = socket.connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(BUFFER);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(response)) => {
                let status = response.status().as_u16();
                let message = format!("the upgrade was answered with {status}");
                Err(Error::new(ErrorKind::from_http_status(status), "dial", message))
            }
            Err(error) => Err(lost(error)),
        }
    }

    fn request(&self) -> Result<Request> {
        let wrong = || Error::config("url: a ws:// address");
        let mut request = self.url.as_str().into_client_request().map_err(|_| wrong())?;
        if request.uri().scheme_str() != Some("ws") {
            return Err(wrong());
        }
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().map_err(|_| Error::config("header: a name"))?;
            let value = HeaderValue::from_str(value).map_err(|_| Error::config("header: text"))?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Disconnected, "dial", "the connection was lost").with_source(error)
}
