//! The pump: one socket at a time.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};
use voiceagent_core::{
    Error, ErrorKind, LinkPeer, Result,
    realtime::{RealtimeEvent, RealtimeInput},
};

use super::codec::{Out, RealtimeCodec};
use crate::wire::ws::{Dial, Frame, Received, Socket};

/// Items that wait in each direction of a link: 2.5 s of 20 ms frames, and twice the audio that is
/// said again to a model that is opened anew.
pub(crate) const CAPACITY: usize = 128;

/// The vendor need not say anything; a link has 100 ms for all of its goodbye.
const GOODBYE: Duration = Duration::from_millis(60);

/// How a conversation behaves.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) dial: Dial,
    /// How long the vendor may send nothing of what it owes.
    pub(crate) stall_timeout: Duration,
    /// After how long a connection is left, as soon as nothing is under way: the vendor ends it soon
    /// after.
    pub(crate) renew_after: Duration,
}

/// A conversation with a model. It is gone on with on another connection where the vendor can do
/// that, and else ends with its connection.
pub(crate) struct Conversation<C> {
    settings: Settings,
    codec: C,
    socket: Socket,
    out: Out,
    renew_at: Instant,
    /// When the vendor last made progress, or began to owe something.
    active: Instant,
    /// When it was last sent anything.
    sent: Instant,
}

impl<C: RealtimeCodec> Conversation<C> {
    /// Connects, and waits until the vendor is ready.
    pub(crate) async fn open(settings: Settings, codec: C) -> Result<Self> {
        let socket = settings.dial.connect().await?;
        let active = Instant::now();
        let (out, renew_at) = (Out::default(), active + settings.renew_after);
        let mut opened = Self { settings, codec, socket, out, renew_at, active, sent: active };
        opened.get_ready().await?;
        Ok(opened)
    }

    async fn get_ready(&mut self) -> Result<()> {
        let ready = timeout(self.settings.dial.deadline, self.greet()).await;
        ready.map_err(|_| self.error(ErrorKind::Timeout, "open", "the vendor is not ready"))?
    }

    async fn greet(&mut self) -> Result<()> {
        self.codec.begin(&mut self.out);
        self.send().await?;
        while !self.codec.is_ready() {
            let received = self.socket.recv().await?;
            self.on_received(received)?;
            self.send().await?;
        }
        Ok(())
    }

    /// Runs until the owner of the link has gone, the vendor is lost, or it is time for another
    /// conversation.
    pub(crate) async fn run(
        mut self,
        mut peer: LinkPeer<RealtimeInput, RealtimeEvent>,
    ) -> Result<()> {
        match self.serve(&mut peer).await {
            Err(error) if error.kind() != ErrorKind::Closed => Err(error),
            Ok(()) | Err(_) => {
                self.socket.close(None, GOODBYE).await;
                Ok(())
            }
        }
    }

    async fn serve(&mut self, peer: &mut LinkPeer<RealtimeInput, RealtimeEvent>) -> Result<()> {
        loop {
            self.tell(peer).await?;
            let owed = self.codec.owes();
            if !owed && self.renew_at <= Instant::now() && self.codec.is_idle() {
                if !self.codec.is_resumable() {
                    return Ok(());
                }
                self.resume().await?;
                continue;
            }
            let stalls_at = self.active + self.settings.stall_timeout;
            let wake = if owed { stalls_at } else { self.renew_at };
            let keep_alive = self.codec.keep_alive();
            tokio::select! {
                received = self.socket.recv() => self.on_received(received?)?,
                input = peer.recv() => {
                    let Some(input) = input else { return Ok(()) };
                    self.codec.take(input, &mut self.out);
                    // What came together leaves together, in one write.
                    while let Some(input) = peer.try_recv() {
                        self.codec.take(input, &mut self.out);
                    }
                }
                // Past the time to leave, what is under way is waited for.
                () = sleep_until(wake), if owed || self.codec.is_idle() => self.on_wake(owed)?,
                () = idle(self.sent, keep_alive) => self.keep_alive(keep_alive),
            }
            if !owed {
                self.active = Instant::now();
            }
            self.send().await?;
        }
    }

    /// Goes on on another connection. What the owner says meanwhile waits in the link.
    async fn resume(&mut self) -> Result<()> {
        self.socket = self.settings.dial.connect().await?;
        self.renew_at = Instant::now() + self.settings.renew_after;
        self.get_ready().await
    }

    fn on_received(&mut self, received: Received) -> Result<()> {
        let (secrets, out) = (self.socket.secrets(), &mut self.out);
        let decoded = match received {
            Received::Text(text) => self.codec.decode(&text, secrets, out),
            Received::Binary(payload) => self.codec.decode_binary(payload, secrets, out),
        };
        match decoded {
            Ok(true) => self.active = Instant::now(),
            Ok(false) => {}
            Err(error) if error.kind() == ErrorKind::Protocol => {
                tracing::warn!(%error, "a message of the model was skipped");
            }
            Err(error) => return Err(error),
        }
        if self.codec.is_dismissed() {
            self.renew_at = Instant::now();
        }
        Ok(())
    }

    fn on_wake(&self, owed: bool) -> Result<()> {
        if !owed {
            return Ok(());
        }
        let waited = self.settings.stall_timeout.as_millis();
        let message = format!("nothing of an answer came for {waited} ms");
        Err(self.error(ErrorKind::Stalled, "read", message))
    }

    fn keep_alive(&mut self, message: Option<(Duration, &'static str)>) {
        self.out.messages.extend(message.map(|(_, message)| message.to_owned()));
    }

    async fn send(&mut self) -> Result<()> {
        if self.out.audio.is_empty() && self.out.messages.is_empty() {
            return Ok(());
        }
        self.sent = Instant::now();
        for payload in self.out.audio.drain(..) {
            self.socket.feed(Frame::Binary(payload)).await?;
        }
        for message in self.out.messages.drain(..) {
            self.socket.feed_text(message).await?;
        }
        self.socket.flush().await
    }

    async fn tell(&mut self, peer: &LinkPeer<RealtimeInput, RealtimeEvent>) -> Result<()> {
        for event in self.out.events.drain(..) {
            peer.send(event).await?;
        }
        Ok(())
    }

    fn error(
        &self,
        kind: ErrorKind,
        operation: &'static str,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Error {
        Error::new(kind, operation, message).with_provider(C::PROVIDER)
    }
}

/// Waits until nothing was sent for so long.
async fn idle(sent: Instant, keep_alive: Option<(Duration, &'static str)>) {
    match keep_alive {
        Some((pause, _)) => sleep_until(sent + pause).await,
        None => pending().await,
    }
}
