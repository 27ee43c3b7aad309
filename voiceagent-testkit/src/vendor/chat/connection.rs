//! HTTP/1.1 (RFC 9112), as much of it as the clients of one endpoint need.

use std::{
    io::{Error, ErrorKind, Result},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::{
    ChatRequest, Reply, Shared,
    dialect::{Events, Page},
    reply::{Body, Fault, Watch},
};

/// The most bytes of a request: a long conversation with many tools is well below.
const MAX_REQUEST: usize = 4 << 20;

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\n\r\n";

/// Answers the requests of a connection until the client closes it.
pub(crate) async fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection { stream, read: Vec::new(), served: 0 };
    while let Some(request) = connection.request().await? {
        connection.answer(request, shared).await?;
    }
    Ok(())
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    served: usize,
}

/// A request, as it came.
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    head: String,
}

impl HttpRequest {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

impl Connection {
    /// The next request, unless the client closes the connection.
    async fn request(&mut self) -> Result<Option<HttpRequest>> {
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
        self.served += 1;
        Ok(Some(HttpRequest { method, path, body, head: text }))
    }

    async fn more(&mut self) -> Result<usize> {
        if self.read.len() > MAX_REQUEST {
            return Err(Error::other("the request is too large"));
        }
        self.stream.read_buf(&mut self.read).await
    }

    async fn answer(&mut self, request: HttpRequest, shared: &Shared) -> Result<()> {
        let dialect = shared.dialect;
        let page = dialect.page(&request);
        let has_key = dialect.key(&request).is_some_and(|key| !key.trim().is_empty());
        match page {
            Page::None => self.refuse(404, dialect.refusal(404, "unknown_url", None)).await,
            Page::Answer | Page::Models if !has_key => {
                shared.note_refused();
                self.refuse(401, dialect.refusal(401, "invalid_api_key", None)).await
            }
            Page::Answer => match dialect.parse(&request) {
                Ok(chat) => self.reply(chat, shared).await,
                Err(wrong) => {
                    shared.note_refused();
                    self.refuse(400, dialect.refusal(400, wrong.why, Some(wrong.param))).await
                }
            },
            Page::Models => {
                let list = dialect.models();
                let body = if request.method == "HEAD" { "" } else { &*list };
                self.respond(200, &[("content-length", &list.len().to_string())], body).await
            }
        }
    }

    async fn reply(&mut self, chat: ChatRequest, shared: &Shared) -> Result<()> {
        let asked = chat.clone();
        let Reply { first_token, per_token, body, watch } = shared.reply(chat);
        let done = match body {
            Body::Refusal { status, headers, body } => {
                let length = body.len().to_string();
                let mut fields = vec![("content-length", &*length)];
                fields.extend(headers.iter().map(|(name, value)| (&**name, &**value)));
                self.wait(first_token).await?;
                return self.respond(status, &fields, &body).await;
            }
            Body::Silence => self.stall().await,
            Body::Raw(pieces) => self.send_pieces(first_token, per_token, &pieces).await,
            Body::Stream(script) => {
                let mut events = shared.dialect.events(&script, &asked, self.served);
                let fault = script.fault.map(|(at, fault)| {
                    events.tokens.truncate(at);
                    events.last.clear();
                    fault
                });
                self.send_events((first_token, per_token), events, fault, &watch).await
            }
        };
        if done.is_err() {
            shared.note_aborted();
        }
        match done {
            // The script's own fault is not the client's giving up.
            Ok(Some(Fault::Drop)) => Err(ErrorKind::ConnectionAborted.into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn send_pieces(
        &mut self,
        first: Duration,
        between: Duration,
        pieces: &[Bytes],
    ) -> Result<Option<Fault>> {
        self.wait(first).await?;
        self.stream.write_all(STREAM_HEAD).await?;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            let mut out = Vec::new();
            push_chunk(&mut out, piece);
            self.stream.write_all(&out).await?;
            self.wait(between).await?;
        }
        self.stream.write_all(b"0\r\n\r\n").await?;
        Ok(None)
    }

    async fn send_events(
        &mut self,
        (first, between): (Duration, Duration),
        Events { first: opening, tokens, last }: Events,
        fault: Option<Fault>,
        watch: &Watch,
    ) -> Result<Option<Fault>> {
        self.stream.write_all(STREAM_HEAD).await?;
        let mut out = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let pause = if at == 0 { first } else { between };
            if !pause.is_zero() {
                self.stream.write_all(&out).await?;
                out.clear();
                self.wait(pause).await?;
            }
            watch.tell(at);
            if at == 0 && !opening.is_empty() {
                push_chunk(&mut out, opening.as_bytes());
            }
            push_chunk(&mut out, token.as_bytes());
        }
        if tokens.is_empty() && !opening.is_empty() {
            push_chunk(&mut out, opening.as_bytes());
        }
        if !last.is_empty() {
            push_chunk(&mut out, last.as_bytes());
        }
        if !matches!(fault, Some(Fault::Drop | Fault::Stall)) {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        self.stream.write_all(&out).await?;
        match fault {
            Some(Fault::Stall) => self.stall().await,
            fault => Ok(fault),
        }
    }

    /// Waits, and fails as soon as the client closes the connection.
    async fn wait(&mut self, time: Duration) -> Result<()> {
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

    /// Waits until the client gives up.
    async fn stall(&mut self) -> Result<Option<Fault>> {
        while self.more().await? > 0 {}
        Err(ErrorKind::ConnectionAborted.into())
    }

    async fn refuse(&mut self, status: u16, body: String) -> Result<()> {
        self.respond(status, &[("content-length", &body.len().to_string())], &body).await
    }

    async fn respond(&mut self, status: u16, headers: &[(&str, &str)], body: &str) -> Result<()> {
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

fn push_chunk(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}
