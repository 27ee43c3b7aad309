use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use rustls::{ClientConfig, RootCertStore};
use tokio::{
    net::TcpStream,
    time::{error::Elapsed, timeout},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{
        self, Message, Utf8Bytes,
        client::IntoClientRequest,
        error::ProtocolError,
        handshake::client::{Request, Response},
        http::{HeaderMap, HeaderValue, StatusCode},
        protocol::{CloseFrame, WebSocketConfig},
    },
};
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{patience::asked_wait, secrets::Secrets};

/// The largest message that is accepted.
///
/// Messages of speech vendors are a few KiB of JSON, or at most some seconds of audio.
const MAX_MESSAGE: usize = 1 << 20;

/// The default of 128 KiB for each direction would be most of the memory of a call.
const READ_BUFFER: usize = 8 << 10;

/// What is lined up before a flush is some frames of audio; more of it leaves at once.
const WRITE_BUFFER: usize = 4 << 10;

/// How long one message may wait for the kernel to take it.
///
/// A peer that reads nothing for so long is as good as gone, and all that time the pump holds back
/// what it is given rather than buffering it.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// One TLS configuration for all sockets, so that a reconnect resumes its session.
static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let config =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
    Arc::new(config)
});

/// A header, and what makes its next value.
type Naming = (&'static str, fn() -> u128);

/// Where a WebSocket leads, and how it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    /// The name of the provider, for errors.
    pub(crate) provider: &'static str,
    /// A `ws` or `wss` address. It holds no secret.
    pub(crate) url: String,
    /// The header that holds the key, and the key.
    pub(crate) key: (&'static str, Secret),
    /// Further headers of the request.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Headers that the user has configured, which may be secret.
    pub(crate) own_headers: HeaderMap,
    /// A header by which the vendor knows one connection from the next, and its values.
    pub(crate) naming: Option<Naming>,
    /// The header in which the vendor says why it refused.
    pub(crate) reason_header: Option<&'static str>,
    /// What the vendor's own close codes mean.
    pub(crate) close_kind: fn(u16) -> Option<ErrorKind>,
    /// How long connecting may take: name resolution, TCP, TLS and the handshake together.
    pub(crate) deadline: Duration,
}

impl Dial {
    /// A connection to `url` with the header `key`.
    pub(crate) fn new(
        provider: &'static str,
        url: String,
        key: (&'static str, Secret),
        deadline: Duration,
    ) -> Self {
        let close_kind = |_| None;
        let own_headers = HeaderMap::new();
        Self {
            provider,
            url,
            key,
            headers: &[],
            own_headers,
            naming: None,
            reason_header: None,
            close_kind,
            deadline,
        }
    }

    /// A connection to `url` with the key as a bearer (RFC 6750, section 2.1).
    pub(crate) fn bearer(
        provider: &'static str,
        url: String,
        key: &Secret,
        deadline: Duration,
    ) -> Self {
        let bearer = Secret::new(format!("Bearer {}", key.expose()));
        Self::new(provider, url, ("authorization", bearer), deadline)
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// `Timeout` after the deadline, `Disconnected` when there is no connection, and the kind of the
    /// HTTP status when the vendor refuses.
    pub(crate) async fn connect(&self) -> Result<Socket> {
        let stream = timeout(self.deadline, self.handshake()).await.map_err(|_| {
            let waited = format!("no answer within {} ms", self.deadline.as_millis());
            self.error(ErrorKind::Timeout, waited)
        })??;
        let (provider, close_kind) = (self.provider, self.close_kind);
        Ok(Socket { stream, provider, close_kind, secrets: self.secrets(), owes_pong: false })
    }

    async fn handshake(&self) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
        let request = self.request()?;
        let uri = request.uri();
        let tls = uri.scheme_str() == Some("wss");
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let tcp =
            TcpStream::connect((host, port)).await.map_err(|failed| self.unreachable(&failed))?;
        // Nagle's algorithm would hold back each frame until the one before is acknowledged.
        tcp.set_nodelay(true).map_err(|failed| self.unreachable(&failed))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(MAX_MESSAGE)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let connector = tls.then(|| Connector::Rustls(Arc::clone(&TLS)));
        // The handshake's future is large and lives only once for each connection.
        let handshake =
            Box::pin(client_async_tls_with_config(request, tcp, Some(config), connector));
        let (stream, _) = handshake.await.map_err(|failed| self.refused(failed))?;
        Ok(stream)
    }

    fn request(&self) -> Result<Request> {
        let mut request =
            self.url.as_str().into_client_request().map_err(|_| {
                Error::config("the address of the vendor is not a WebSocket address")
            })?;
        for (name, value) in self.headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let (name, key) = &self.key;
        let mut key = HeaderValue::from_str(key.expose()).map_err(|_| {
            Error::config(format!("header `{name}` holds characters that HTTP does not allow"))
                .with_provider(self.provider)
        })?;
        key.set_sensitive(true);
        request.headers_mut().insert(*name, key);
        request.headers_mut().extend(self.own_headers.clone());
        if let Some((name, number)) = self.naming {
            let number = format!("{:032x}", number());
            let number = HeaderValue::from_str(&number).expect("digits are a header's value");
            request.headers_mut().insert(name, number);
        }
        Ok(request)
    }

    fn unreachable(&self, failed: &std::io::Error) -> Error {
        self.error(ErrorKind::Disconnected, format!("no connection: {}", failed.kind()))
    }

    fn refused(&self, failed: tungstenite::Error) -> Error {
        use tungstenite::Error::{Http, Io, Protocol};
        if let Http(response) = failed {
            return self.http_refusal(&response);
        }
        // A certificate that does not convince is invalid data, and stays so.
        let gone = matches!(&failed, Io(io) if io.kind() != std::io::ErrorKind::InvalidData)
            || matches!(failed, Protocol(ProtocolError::HandshakeIncomplete));
        let kind = if gone { ErrorKind::Disconnected } else { ErrorKind::Protocol };
        self.error(kind, format!("the handshake failed: {failed}"))
    }

    fn http_refusal(&self, response: &Response) -> Error {
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status();
        let mut message = format!("refused with status {}", status.as_u16());
        if let Some(reason) = self.reason_header.and_then(text) {
            message.push_str(": ");
            message.push_str(&self.secrets().quote(reason));
        }
        let kind = if status == StatusCode::SWITCHING_PROTOCOLS {
            ErrorKind::Protocol
        } else {
            ErrorKind::from_http_status(status.as_u16())
        };
        let error = self.error(kind, message);
        match asked_wait(response.headers()) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    /// What an error may not repeat: the key, and what the user has put into headers of their own.
    pub(crate) fn secrets(&self) -> Secrets {
        let own = self.own_headers.values().filter_map(|value| value.to_str().ok());
        let own: Vec<_> = own.map(Secret::new).collect();
        Secrets::new(own.iter().chain([&self.key.1]))
    }

    fn error(&self, kind: ErrorKind, message: String) -> Error {
        Error::new(kind, "connect", message).with_provider(self.provider)
    }
}

/// An open WebSocket. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    provider: &'static str,
    close_kind: fn(u16) -> Option<ErrorKind>,
    secrets: Secrets,
    /// A ping was sent, and nothing has come since.
    owes_pong: bool,
}

/// A message to the vendor.
#[derive(Debug)]
pub(crate) enum Frame {
    Binary(Bytes),
    Text(Utf8Bytes),
}

impl From<&'static str> for Frame {
    fn from(text: &'static str) -> Self {
        Self::Text(Utf8Bytes::from_static(text))
    }
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Binary(payload) => Self::Binary(payload),
            Frame::Text(text) => Self::Text(text),
        }
    }
}

/// A message of the vendor.
#[derive(Debug)]
pub(crate) enum Received {
    Binary(Bytes),
    Text(Utf8Bytes),
}

impl Socket {
    /// Lines up audio for the next [`flush`](Self::flush), without copying it more often than its
    /// masking needs.
    pub(crate) async fn feed(&mut self, frame: Frame) -> Result<()> {
        let fed = timeout(WRITE_DEADLINE, self.stream.feed(frame.into())).await;
        self.written(fed)
    }

    /// Lines up a text message for the next [`flush`](Self::flush).
    pub(crate) async fn feed_text(&mut self, text: impl Into<Utf8Bytes>) -> Result<()> {
        let fed = timeout(WRITE_DEADLINE, self.stream.feed(Message::Text(text.into()))).await;
        self.written(fed)
    }

    /// Writes what has been lined up.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let flushed = timeout(WRITE_DEADLINE, self.stream.flush()).await;
        self.written(flushed)
    }

    /// Writes a text message.
    pub(crate) async fn send_text(&mut self, text: impl Into<Utf8Bytes>) -> Result<()> {
        self.send(Message::Text(text.into())).await
    }

    /// Writes a ping. That its answer comes is not awaited: who is silent about speech is noticed.
    pub(crate) async fn ping(&mut self) -> Result<()> {
        self.owes_pong = true;
        self.send(Message::Ping(Bytes::new())).await
    }

    /// That something was read since the last ping, its answer or anything else.
    ///
    /// # Errors
    ///
    /// `Stalled` where nothing was: the network may have dropped the connection without a word.
    pub(crate) fn ensure_alive(&self) -> Result<()> {
        if self.owes_pong {
            return Err(self.error(ErrorKind::Stalled, "read", "a ping got no answer"));
        }
        Ok(())
    }

    /// The next message of the vendor that holds something. Pings are answered on the way.
    ///
    /// # Errors
    ///
    /// When the connection is lost or closed; the kind says whether to connect again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn recv(&mut self) -> Result<Received> {
        loop {
            let received = self.stream.next().await;
            self.owes_pong &= !matches!(received, Some(Ok(_)));
            match received {
                Some(Ok(Message::Binary(payload))) if payload.is_empty() => {}
                Some(Ok(Message::Binary(payload))) => return Ok(Received::Binary(payload)),
                Some(Ok(Message::Text(text))) if text.is_empty() => {}
                Some(Ok(Message::Text(text))) => return Ok(Received::Text(text)),
                Some(Ok(Message::Close(frame))) => return Err(self.closed(frame.as_ref())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(failed)) => return Err(self.lost("read", &failed)),
                None => return Err(self.error(ErrorKind::Disconnected, "read", "the end")),
            }
        }
    }

    /// Says goodbye in the vendor's words, if it has any, and reads until the vendor has closed.
    pub(crate) async fn close(mut self, goodbye: Option<Frame>, patience: Duration) {
        let closing = async {
            match goodbye {
                Some(goodbye) => self.send(goodbye.into()).await?,
                None => drop(self.stream.close(None).await),
            }
            while self.recv().await.is_ok() {}
            Ok::<_, Error>(())
        };
        if timeout(patience, closing).await.is_err() {
            let _ = timeout(patience, self.stream.close(None)).await;
        }
    }

    /// What must not be repeated of what the vendor says.
    pub(crate) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        let sent = timeout(WRITE_DEADLINE, self.stream.send(message)).await;
        self.written(sent)
    }

    fn written(
        &self,
        written: std::result::Result<tungstenite::Result<()>, Elapsed>,
    ) -> Result<()> {
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failed)) => Err(self.lost("write", &failed)),
            Err(_) => Err(self.error(ErrorKind::Stalled, "write", "the vendor does not read")),
        }
    }

    fn lost(&self, operation: &'static str, failed: &tungstenite::Error) -> Error {
        self.error(ErrorKind::Disconnected, operation, format!("connection lost: {failed}"))
    }

    /// Codes after which every vendor's SDK connects again; a close in good order is one of them,
    /// because we did not ask for it.
    fn closed(&self, frame: Option<&CloseFrame>) -> Error {
        let Some(frame) = frame else {
            return self.error(ErrorKind::Disconnected, "read", "closed without a code");
        };
        let code = u16::from(frame.code);
        let kind = (self.close_kind)(code).unwrap_or(match code {
            1000 | 1001 | 1005 | 1006 | 1011..=1015 => ErrorKind::Disconnected,
            1008 => ErrorKind::Rejected,
            _ => ErrorKind::Protocol,
        });
        let reason = self.secrets.quote(&frame.reason);
        self.error(kind, "read", format!("closed with code {code}: {reason}"))
    }

    fn error(
        &self,
        kind: ErrorKind,
        operation: &'static str,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Error {
        Error::new(kind, operation, message).with_provider(self.provider)
    }
}

#[cfg(test)]
mod tests;
