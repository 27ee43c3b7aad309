use std::error::Error;

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Bytes, Message as WsMessage, Utf8Bytes},
};

use super::messages::Message;

/// The vendor's end of a connection.
#[derive(Debug)]
pub(super) enum Far {
    /// Bytes as they are.
    Plain(TcpStream),
    /// An HTTP response in chunks.
    Response(TcpStream),
    /// A WebSocket, and the vendor's name for what is said on it.
    Socket(Box<WebSocketStream<TcpStream>>, String),
}

impl Far {
    /// Answers one request, and begins its response.
    pub(super) async fn respond(
        listener: &TcpListener,
        kind: &str,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (mut tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if tcp.read_buf(&mut request).await? == 0 {
                return Err("the request was cut off".into());
            }
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        tcp.write_all(head.as_bytes()).await?;
        Ok(Self::Response(tcp))
    }

    /// Takes one WebSocket.
    pub(super) async fn accept(
        listener: &TcpListener,
        hello: Option<&'static str>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let mut socket = accept_async(tcp).await?;
        if let Some(hello) = hello {
            socket.send(WsMessage::text(hello)).await?;
        }
        Ok(Self::Socket(Box::new(socket), String::new()))
    }

    /// Takes one WebSocket and what it is asked, and begins its answer.
    pub(super) async fn answer(
        listener: &TcpListener,
        begin: &'static str,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut far = Self::accept(listener, None).await?;
        far.until_asked().await?;
        far.write(Message::Text(begin.to_owned())).await?;
        Ok(far)
    }

    /// Waits for the words that all are asked with, and keeps the name of their context.
    pub(super) async fn until_asked(&mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Self::Socket(socket, context) = self else { return Ok(()) };
        loop {
            let message = socket.next().await.ok_or("the adapter has gone")??;
            let text = message.to_text().unwrap_or_default();
            if text.contains("Hello") {
                name_of(text).clone_into(context);
                return Ok(());
            }
        }
    }

    /// The name of what is said.
    pub(super) fn context(&self) -> &str {
        match self {
            Self::Plain(_) | Self::Response(_) => "",
            Self::Socket(_, context) => context,
        }
    }

    pub(super) async fn write(
        &mut self,
        message: Message,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Plain(tcp) => tcp.write_all(message.bytes()).await?,
            Self::Response(tcp) => {
                let bytes = message.bytes();
                let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                chunk.extend_from_slice(bytes);
                chunk.extend_from_slice(b"\r\n");
                tcp.write_all(&chunk).await?;
            }
            Self::Socket(socket, _) => {
                let message = match message {
                    Message::Audio(audio) => WsMessage::Binary(Bytes::from(audio)),
                    Message::Text(text) => WsMessage::Text(Utf8Bytes::from(text)),
                };
                socket.send(message).await?;
            }
        }
        Ok(())
    }
}

/// What a message says that it is about, in JSON or in a header.
fn name_of(message: &str) -> &str {
    let behind = |name: &str| message.split_once(name).map(|(_, rest)| rest.trim_start());
    behind(r#""context_id":""#)
        .or_else(|| behind("X-RequestId:"))
        .and_then(|rest| rest.split(['"', '\r']).next())
        .unwrap_or_default()
}
