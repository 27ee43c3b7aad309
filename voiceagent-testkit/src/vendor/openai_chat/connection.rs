//! HTTP/1.1 (RFC 9112), as much of it as the clients of one endpoint need.

use std::{
    io::{Error, ErrorKind, Result},
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::{
    ChatRequest, Reply, Shared,
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

struct HttpRequest {
    method: String,
    path: String,
    authorization: Option<String>,
    body: Vec<u8>,
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
        let header = |name: &str| {
            let mut fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
            let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
            field.map(|(_, value)| value.trim().to_owned())
        };
        let length: usize =
            header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < head + length {
            if self.more().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let body = self.read[head..head + length].to_vec();
        self.read.drain(..head + length);
        self.served += 1;
        Ok(Some(HttpRequest { method, path, authorization: header("authorization"), body }))
    }

    async fn more(&mut self) -> Result<usize> {
        if self.read.len() > MAX_REQUEST {
            return Err(Error::other("the request is too large"));
        }
        self.stream.read_buf(&mut self.read).await
    }

    async fn answer(&mut self, request: HttpRequest, shared: &Shared) -> Result<()> {
        let authorized = request.authorization.as_deref().is_some_and(|value| {
            value.strip_prefix("Bearer ").is_some_and(|key| !key.trim().is_empty())
        });
        match (request.method.as_str(), request.path.as_str()) {
            (_, "/v1/chat/completions" | "/v1/models") if !authorized => {
                shared.note_refused();
                self.refuse(401, "invalid_api_key", None).await
            }
            ("POST", "/v1/chat/completions") => {
                match ChatRequest::parse(request.authorization, &request.body) {
                    Ok(chat) => self.reply(chat, shared).await,
                    Err(wrong) => {
                        shared.note_refused();
                        self.refuse(400, wrong.why, Some(wrong.param)).await
                    }
                }
            }
            (method @ ("GET" | "HEAD"), "/v1/models") => {
                let model = json!({ "id": "gpt-6-luna", "object": "model", "shutdown_date": null });
                let list = json!({ "object": "list", "data": [model] }).to_string();
                let body = if method == "HEAD" { "" } else { &*list };
                self.respond(200, &[("content-length", &list.len().to_string())], body).await
            }
            _ => self.refuse(404, "unknown_url", None).await,
        }
    }

    async fn reply(&mut self, chat: ChatRequest, shared: &Shared) -> Result<()> {
        let model = chat.model.clone();
        let with_usage = chat.body["stream_options"]["include_usage"] == true;
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
            Body::Stream(mut script) => {
                if !with_usage {
                    script.forget_usage();
                }
                let (tokens, last, fault) = script.events(&model, self.served);
                let events = (&*tokens, &*last, fault);
                self.send_events((first_token, per_token), events, &watch).await
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
        (tokens, last, fault): (&[String], &str, Option<Fault>),
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
            push_chunk(&mut out, token.as_bytes());
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

    async fn refuse(&mut self, status: u16, code: &str, param: Option<&str>) -> Result<()> {
        let error = json!({
            "message": "Refused.", "type": "invalid_request_error", "code": code, "param": param,
        });
        let body = json!({ "error": error }).to_string();
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

fn push_chunk(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}
