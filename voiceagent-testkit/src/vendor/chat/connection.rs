use std::{
    io::{ErrorKind, Result},
    time::Duration,
};

use bytes::Bytes;
use tokio::net::TcpStream;

use super::super::http::{HttpConnection, HttpRequest, push_chunk};
use super::{
    ChatRequest, Reply, Shared,
    dialect::{Events, Page},
    reply::{Body, Fault, Watch},
    responses, socket,
};

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\n";

/// Answers the requests of a connection until the client closes it.
pub(crate) async fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    let mut connection = Connection { http: HttpConnection::new(stream)? };
    while let Some(request) = connection.http.request().await? {
        let key = shared.dialect.key(&request).map(str::to_owned);
        if shared.dialect.page(&request) == Page::Socket && key.is_some() {
            connection.http.upgrade(&request).await?;
            return socket::serve(connection.http.into_stream(), key, shared).await;
        }
        connection.answer(request, shared).await?;
    }
    Ok(())
}

struct Connection {
    http: HttpConnection,
}

/// What a stream begins with.
fn head(headers: &[(String, String)]) -> Vec<u8> {
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    [STREAM_HEAD, &*lines.collect::<String>(), "\r\n"].concat().into_bytes()
}

impl Connection {
    async fn answer(&mut self, request: HttpRequest, shared: &Shared) -> Result<()> {
        let dialect = shared.dialect;
        let page = dialect.page(&request);
        let has_key = dialect.key(&request).is_some_and(|key| !key.trim().is_empty());
        match page {
            Page::Answer | Page::Model | Page::Models | Page::Socket if !has_key => {
                shared.note_refused();
                self.refuse(401, dialect.refusal(401, "invalid_api_key", None)).await
            }
            Page::None | Page::Socket => {
                self.refuse(404, dialect.refusal(404, "unknown_url", None)).await
            }
            Page::Answer => match dialect.parse(&request, |id| shared.stored(id)) {
                Ok(chat) => self.reply(chat, shared).await,
                Err(wrong) => {
                    shared.note_refused();
                    self.refuse(400, dialect.refusal(400, wrong.why, Some(wrong.param))).await
                }
            },
            Page::Model => {
                let id = request.path.rsplit('/').next().unwrap_or_default();
                let model = dialect.model(id, shared.ends().as_deref());
                self.http
                    .respond(200, &[("content-length", &model.len().to_string())], &model)
                    .await
            }
            Page::Models => {
                let list = dialect.models();
                let body = if request.method == "HEAD" { "" } else { &*list };
                self.http.respond(200, &[("content-length", &list.len().to_string())], body).await
            }
        }
    }

    async fn reply(&mut self, chat: ChatRequest, shared: &Shared) -> Result<()> {
        let asked = chat.clone();
        let (Reply { first_token, per_token, headers, body, watch }, number) = shared.reply(chat);
        let head = head(&headers);
        let done = match body {
            Body::Refusal { status, body } => {
                let length = body.len().to_string();
                let mut fields = vec![("content-length", &*length)];
                fields.extend(headers.iter().map(|(name, value)| (&**name, &**value)));
                self.http.wait(first_token).await?;
                return self.http.respond(status, &fields, &body).await;
            }
            Body::Silence => self.stall().await,
            Body::Raw(pieces) => self.send_pieces((first_token, per_token), &head, &pieces).await,
            Body::Stream(script) => {
                let mut events = shared.dialect.events(&script, &asked, number);
                if asked.body["store"] == true && script.fault.is_none() {
                    let said = [&asked.messages[..], &[responses::answer(&script, number)]];
                    shared.store(responses::id(number), said.concat());
                }
                let fault = script.fault.map(|(at, fault)| {
                    events.tokens.truncate(at);
                    events.last.clear();
                    fault
                });
                let pace = (first_token, per_token);
                self.send_events(pace, &head, events, fault, &watch).await
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
        (first, between): (Duration, Duration),
        head: &[u8],
        pieces: &[Bytes],
    ) -> Result<Option<Fault>> {
        self.http.wait(first).await?;
        self.http.write(head).await?;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            let mut out = Vec::new();
            push_chunk(&mut out, piece);
            self.http.write(&out).await?;
            self.http.wait(between).await?;
        }
        self.http.write(b"0\r\n\r\n").await?;
        Ok(None)
    }

    async fn send_events(
        &mut self,
        (first, between): (Duration, Duration),
        head: &[u8],
        Events { first: opening, tokens, last }: Events,
        fault: Option<Fault>,
        watch: &Watch,
    ) -> Result<Option<Fault>> {
        self.http.write(head).await?;
        let mut out = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let pause = if at == 0 { first } else { between };
            if !pause.is_zero() {
                self.http.write(&out).await?;
                out.clear();
                self.http.wait(pause).await?;
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
        self.http.write(&out).await?;
        match fault {
            Some(Fault::Stall) => self.stall().await,
            fault => Ok(fault),
        }
    }

    /// Waits until the client gives up.
    async fn stall(&mut self) -> Result<Option<Fault>> {
        while self.http.more().await? > 0 {}
        Err(ErrorKind::ConnectionAborted.into())
    }

    async fn refuse(&mut self, status: u16, body: String) -> Result<()> {
        self.http.respond(status, &[("content-length", &body.len().to_string())], &body).await
    }
}
