use std::{sync::Arc, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::warn;
use voiceagent_core::{
    CallId, Error, ErrorKind, LinkPeer, Result,
    transport::{Inbound, Outbound},
};

use super::messages::{Said, end, write};
use crate::{
    control::CallControl,
    media_stream::io::{
        Io, PING_EVERY, SILENCE, SocketEvent, TOO_LONG, WATCH, WRITE, is_about_length, is_too_long,
        too_long,
    },
};

/// For the carrier to do what it was asked beside the socket, all attempts included.
const CONTROL: Duration = Duration::from_secs(15);

const PROVIDER: &str = "twilio";

/// Moves messages between a conversation and a link, in one task.
pub(super) struct Leg {
    io: Io<WebSocket>,
    call: CallId,
    control: Option<Arc<dyn CallControl>>,
    last_heard: Instant,
    ping_due: bool,
}

impl Leg {
    pub(super) fn new(
        socket: WebSocket,
        call: CallId,
        control: Option<Arc<dyn CallControl>>,
    ) -> Self {
        let last_heard = Instant::now();
        Self { io: Io::new(socket), call, control, last_heard, ping_due: false }
    }

    pub(super) async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let ended = self.talk(&mut peer).await;
        let (code, reason) = match &ended {
            Err(error) if error.kind() == ErrorKind::Protocol => (1009, TOO_LONG),
            _ => (1000, "the call has ended"),
        };
        self.io.close(code, reason).await;
        ended
    }

    async fn talk(&mut self, peer: &mut LinkPeer<Outbound, Inbound>) -> Result<()> {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = 0_u32;
        loop {
            if self.ping_due && self.io.is_idle() {
                self.ping_due = false;
                self.io.start(Message::Ping(Bytes::new()));
            }
            // What the session asks waits in the link, which is bounded, while a message leaves.
            tokio::select! {
                biased;
                event = self.io.event() => match event {
                    SocketEvent::Message(Message::Close(_)) | SocketEvent::Ended(None) => {
                        return peer.send(Inbound::HungUp).await;
                    }
                    SocketEvent::Ended(Some(error)) if is_about_length(&error) => {
                        return Err(too_long(PROVIDER));
                    }
                    SocketEvent::Ended(Some(_)) => return Err(lost("the socket was lost")),
                    SocketEvent::Message(message) => self.on_message(&message, peer).await?,
                    SocketEvent::Written => {}
                },
                asked = peer.recv(), if self.io.is_idle() => match asked {
                    Some(Outbound::HangUp) => return self.hang_up(peer).await,
                    Some(Outbound::Transfer(target)) => {
                        if transfer(self.control.clone(), self.call.clone(), target, peer).await? {
                            return Ok(());
                        }
                    }
                    Some(outbound) => {
                        if let Some(text) = write(&outbound) {
                            self.io.start(Message::text(text));
                        }
                    }
                    None => return Ok(()),
                },
                _ = watch.tick() => {
                    let now = Instant::now();
                    let stuck = self.io.writing_since().is_some_and(|since| now - since >= WRITE);
                    if stuck || self.io.is_deaf() || now - self.last_heard >= SILENCE {
                        return Err(lost("the far end has gone silent"));
                    }
                    looks += 1;
                    self.ping_due |= looks.is_multiple_of(PING_EVERY);
                }
            }
        }
    }

    async fn on_message(
        &mut self,
        message: &Message,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        self.last_heard = Instant::now();
        if is_too_long(message) {
            warn!(call = %self.call, "a message is too long");
            return Ok(());
        }
        let Message::Text(text) = message else { return Ok(()) };
        let said = Said::read(text);
        if matches!(said, Said::Error) {
            // Its words may repeat what was to be said.
            warn!(call = %self.call, "the carrier refuses a message");
        }
        match said.inbound() {
            Some(inbound) => peer.send(inbound).await,
            None => Ok(()),
        }
    }

    /// Ends the conversation, and the call where the carrier can be asked to.
    async fn hang_up(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        let control = self.control.clone();
        let call = self.call.clone();
        // A task of its own: the hang-up must reach the carrier although the owner has gone.
        let asked = tokio::spawn(async move {
            match control {
                Some(control) => timeout(CONTROL, control.hang_up(&call)).await.unwrap_or(Ok(())),
                None => Ok(()),
            }
        });
        self.io.start(Message::text(end()));
        let written = async {
            while !matches!(self.io.event().await, SocketEvent::Written | SocketEvent::Ended(_)) {}
        };
        // A far end that does not read is told by its API.
        let _ = timeout(WRITE, written).await;
        if let Ok(Err(error)) = asked.await {
            peer.report(error).await?;
        }
        peer.send(Inbound::HungUp).await
    }
}

/// Hands the call on; whether that worked.
async fn transfer(
    control: Option<Arc<dyn CallControl>>,
    call: CallId,
    target: Arc<str>,
    peer: &LinkPeer<Outbound, Inbound>,
) -> Result<bool> {
    let Some(control) = control.filter(|control| control.can_transfer()) else {
        peer.send(Inbound::NotTransferred(ErrorKind::Unsupported)).await?;
        return Ok(false);
    };
    // A task of its own: it must not be given up half-way.
    let asked =
        tokio::spawn(async move { timeout(CONTROL, control.transfer(&call, &target)).await });
    let kind = match asked.await {
        Ok(Ok(Ok(()))) => {
            peer.send(Inbound::Transferred).await?;
            return Ok(true);
        }
        Ok(Ok(Err(error))) => error.kind(),
        Ok(Err(_late)) => ErrorKind::Timeout,
        Err(_panicked) => ErrorKind::Disconnected,
    };
    peer.send(Inbound::NotTransferred(kind)).await?;
    Ok(false)
}

fn lost(why: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "talk", why).with_provider(PROVIDER)
}
