//! Responses over a WebSocket (OpenAI's guide "WebSocket mode").

use std::{
    io::{ErrorKind, Result},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use tokio::{net::TcpStream, time::sleep};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            Role,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::{
    ChatMessage, ChatRequest, Reply, Shared, dialect,
    reply::{Body, Fault, Script},
    request::wrong,
    responses,
};

/// Answers the requests of a socket until the client closes it.
pub(super) async fn serve(stream: TcpStream, key: Option<String>, shared: &Shared) -> Result<()> {
    let stream = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut socket = Socket { stream, last: None };
    let mut is_open = true;
    while is_open {
        match socket.stream.next().await {
            Some(Ok(Message::Text(text))) => {
                is_open = socket.answer(&text, key.clone(), shared).await?;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break,
        }
    }
    Ok(())
}

struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// The last answer and the conversation that it ends, which is all that is remembered.
    last: Option<(String, Vec<ChatMessage>)>,
}

impl Socket {
    /// Answers a request, and says whether there may be a further one.
    async fn answer(&mut self, text: &str, key: Option<String>, shared: &Shared) -> Result<bool> {
        let mut request: Value = serde_json::from_str(text).unwrap_or_default();
        let fields = request.as_object_mut();
        let kind = fields.and_then(|fields| fields.remove("type"));
        let asked = match kind {
            Some(kind) if kind == "response.create" && request.get("stream").is_none() => {
                responses::parse(key, request.to_string().as_bytes())
            }
            _ => Err(wrong("type", "unknown")),
        };
        let last = self.last.take();
        let remembers =
            |id: &str| last.as_ref().filter(|(last, _)| last == id).map(|(_, said)| said.clone());
        let asked = asked.and_then(|asked| dialect::resumed(asked, remembers));
        match asked {
            Ok(asked) => self.reply(asked, shared).await,
            Err(wrong) => {
                shared.note_refused();
                let error = shared.dialect.refusal(400, wrong.why, Some(wrong.param));
                self.refuse(400, &error, Map::new()).await
            }
        }
    }

    async fn reply(&mut self, asked: ChatRequest, shared: &Shared) -> Result<bool> {
        let (reply, number) = shared.reply(asked.clone());
        let Reply { first_token, per_token, headers, body, watch: _ } = reply;
        let done = match body {
            Body::Raw(pieces) => self.send_raw(first_token, per_token, &pieces).await,
            Body::Refusal { status, body } => {
                self.wait(first_token).await?;
                let headers = headers.into_iter().map(|(name, value)| (name, json!(value)));
                return self.refuse(status, &body, headers.collect()).await;
            }
            Body::Silence => self.stall().await,
            Body::Stream(script) => {
                self.send_script(first_token, per_token, &script, asked, number).await
            }
        };
        if done.is_err() {
            shared.note_aborted();
        }
        done
    }

    async fn send_script(
        &mut self,
        first: Duration,
        between: Duration,
        script: &Script,
        asked: ChatRequest,
        number: usize,
    ) -> Result<bool> {
        let mut events = responses::events(script, &asked, number);
        if let Some((at, _)) = script.fault {
            events.tokens.truncate(at);
            events.last.clear();
        }
        self.send(&events.first).await?;
        for (at, token) in events.tokens.iter().enumerate() {
            self.wait(if at == 0 { first } else { between }).await?;
            self.send(token).await?;
        }
        self.send(&events.last).await?;
        match script.fault {
            Some((_, Fault::Drop)) => Ok(false),
            Some((_, Fault::Stall)) => self.stall().await,
            None => {
                let mut said = asked.messages;
                said.push(responses::answer(script, number));
                self.last = Some((responses::id(number), said));
                Ok(true)
            }
        }
    }

    /// Sends bytes that may be no events, and closes. Where the pieces are bytes, so are those of
    /// each message.
    async fn send_raw(
        &mut self,
        first: Duration,
        between: Duration,
        pieces: &[Bytes],
    ) -> Result<bool> {
        self.wait(first).await?;
        let text = String::from_utf8_lossy(&pieces.concat()).into_owned();
        let is_cut = pieces.len() > 1 && pieces.iter().all(|piece| piece.len() == 1);
        let events: Vec<_> = responses::messages(&text).collect();
        let nonsense = events.is_empty() && !text.is_empty();
        for event in events.into_iter().chain(nonsense.then_some(&*text)) {
            if is_cut {
                self.send_in_bytes(event).await?;
            } else {
                self.stream.send(Message::text(event)).await.map_err(closed)?;
            }
            self.wait(between).await?;
        }
        let _ = self.stream.close(None).await;
        Ok(false)
    }

    async fn send_in_bytes(&mut self, event: &str) -> Result<()> {
        let last = event.len() - 1;
        for (at, byte) in event.bytes().enumerate() {
            let data = if at == 0 { Data::Text } else { Data::Continue };
            let frame = Frame::message(vec![byte], OpCode::Data(data), at == last);
            self.stream.send(Message::Frame(frame)).await.map_err(closed)?;
        }
        Ok(())
    }

    async fn send(&mut self, stream: &str) -> Result<()> {
        for event in responses::messages(stream) {
            self.stream.feed(Message::text(event)).await.map_err(closed)?;
        }
        self.stream.flush().await.map_err(closed)
    }

    async fn refuse(
        &mut self,
        status: u16,
        body: &str,
        headers: Map<String, Value>,
    ) -> Result<bool> {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let error = json!({ "type": "error", "status": status, "error": body["error"],
            "headers": headers });
        self.stream.send(Message::text(error.to_string())).await.map_err(closed)?;
        Ok(true)
    }

    /// Waits, and fails as soon as the client closes the socket.
    async fn wait(&mut self, time: Duration) -> Result<()> {
        if time.is_zero() {
            return Ok(());
        }
        tokio::select! {
            () = sleep(time) => Ok(()),
            gone = self.stall() => gone.map(drop),
        }
    }

    /// Waits until the client closes the socket.
    async fn stall(&mut self) -> Result<bool> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
                Some(Ok(_)) => {}
            }
        }
    }
}

fn closed(_: Error) -> std::io::Error {
    ErrorKind::ConnectionAborted.into()
}
