//! HTTP/1.1 (RFC 9112), as much of it as the clients of one endpoint need.

use std::{
    io::{Error, ErrorKind, Result},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The most bytes of a request: a long conversation with many tools is well below.
const MAX_REQUEST: usize = 4 << 20;

/// A request, as it came.
pub(crate) struct HttpRequest {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    head: String,
}

impl HttpRequest {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// A connection of a client.
#[derive(Debug)]
pub(super) struct HttpConnection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl HttpConnection {
    pub(super) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// The next request, unless the client closes the connection.
    pub(super) async fn request(&mut self) -> Result<Option<HttpRequest>> {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if self.more().await? == 0 {
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&self.read[..head]).into_owned();
        let mut lines = text.lines();
        let mut start = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, path) = (start.next().unwrap_or_default(), start.next().unwrap_or_default());
        let length: usize =
            header(&text, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < head + length {
            if self.more().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let body = self.read[head..head + length].to_vec();
        self.read.drain(..head + length);
        Ok(Some(HttpRequest { method, path, body, head: text }))
    }

    /// Reads what comes next; how much of it, and nothing at the end.
    pub(super) async fn more(&mut self) -> Result<usize> {
        if self.read.len() > MAX_REQUEST {
            return Err(Error::other("the request is too large"));
        }
        self.stream.read_buf(&mut self.read).await
    }

    /// Waits, and fails as soon as the client closes the connection.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<()> {
        if time.is_zero() {
            return Ok(());
        }
        let timer = sleep(time);
        tokio::pin!(timer);
        loop {
            tokio::select! {
                () = &mut timer => return Ok(()),
                read = self.more() => if read? == 0 {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
            }
        }
    }

    /// Agrees to go on as a WebSocket (RFC 6455, section 4.2.2).
    pub(super) async fn upgrade(&mut self, request: &HttpRequest) -> Result<()> {
        let key = request.header("sec-websocket-key").unwrap_or_default();
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        self.write(head.as_bytes()).await
    }

    /// The stream, of which nothing has been read ahead.
    pub(super) fn into_stream(self) -> TcpStream {
        debug_assert!(self.read.is_empty(), "a client waits for the upgrade");
        self.stream
    }

    /// Writes bytes as they are.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Answers with JSON.
    pub(super) async fn respond(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<()> {
        let mut out = format!("HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n");
        for (name, value) in headers {
            out += &format!("{name}: {value}\r\n");
        }
        out += "\r\n";
        out += body;
        self.stream.write_all(out.as_bytes()).await
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
    field.map(|(_, value)| value.trim())
}

/// Appends a chunk of a body whose length is not known (RFC 9112, section 7.1).
pub(super) fn push_chunk(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}
