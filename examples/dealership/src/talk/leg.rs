use std::{fmt, time::Duration};

use async_trait::async_trait;
use axum::extract::ws::{Message, WebSocket};
use tokio::{sync::mpsc, time::timeout};
use voiceagent_core::{
    Error, ErrorKind, Link, LinkPeer, Result,
    transport::{CallInfo, Inbound, Outbound, Transport, TransportCapabilities},
};

use super::wire;

/// How many items may wait in each direction. An answer of a few sentences is a few dozen.
const QUEUE: usize = 64;

/// How long the page may take to accept a message.
const SEND: Duration = Duration::from_secs(5);

/// The text leg of a call in a browser.
///
/// The page reports a mark when everything before it was spoken, or shown if it has no voice.
pub struct TalkLeg {
    call: CallInfo,
    socket: WebSocket,
    notes: mpsc::Receiver<String>,
}

impl TalkLeg {
    pub(super) fn new(call: CallInfo, socket: WebSocket, notes: mpsc::Receiver<String>) -> Self {
        Self { call, socket, notes }
    }

    /// Says from which number the call seems to come, as E.164.
    #[must_use]
    pub fn with_from(mut self, number: &str) -> Self {
        self.call = self.call.with_from(number);
        self
    }
}

#[async_trait]
impl Transport for TalkLeg {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default().with_clear(true).with_marks(true).with_transfer(true)
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let Self { socket, notes, .. } = *self;
        Ok(Link::spawn(QUEUE, move |peer| pump(peer, socket, notes)))
    }
}

impl fmt::Debug for TalkLeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TalkLeg").field("call", &self.call).finish_non_exhaustive()
    }
}

async fn pump(
    mut peer: LinkPeer<Outbound, Inbound>,
    mut socket: WebSocket,
    mut notes: mpsc::Receiver<String>,
) -> Result<()> {
    loop {
        tokio::select! {
            biased;
            outbound = peer.recv() => {
                let Some(outbound) = outbound else {
                    return send(&mut socket, Message::Close(None)).await;
                };
                if let Some(text) = wire::outbound(&outbound) {
                    send(&mut socket, Message::text(text)).await?;
                }
                if matches!(outbound, Outbound::Transfer(_)) {
                    // The page shows where the call goes; nobody else takes it.
                    peer.send(Inbound::Transferred).await?;
                }
                if outbound == Outbound::HangUp {
                    send(&mut socket, Message::Close(None)).await?;
                    return peer.send(Inbound::HungUp).await;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => match wire::inbound(&text) {
                    Some(Inbound::HungUp) => return peer.send(Inbound::HungUp).await,
                    Some(inbound) => peer.send(inbound).await?,
                    None => tracing::debug!("a message of the talk page cannot be read"),
                },
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return peer.send(Inbound::HungUp).await;
                }
            },
            Some(note) = notes.recv() => send(&mut socket, Message::text(note)).await?,
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<()> {
    match timeout(SEND, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            Err(Error::new(ErrorKind::Disconnected, "send", "the talk page is gone")
                .with_source(error))
        }
        Err(_) => Err(Error::new(ErrorKind::Stalled, "send", "the talk page does not read")),
    }
}
