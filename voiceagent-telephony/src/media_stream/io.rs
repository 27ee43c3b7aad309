use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use axum::extract::ws::{CloseFrame, Message};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::time::{Instant, timeout};
use voiceagent_core::{Error, ErrorKind};

/// For the far end's answer to our goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How often a pump looks after its socket.
pub(super) const WATCH: Duration = Duration::from_secs(1);

/// Between pings, in looks. Proxies cut connections that are idle for 30 s or more.
pub(super) const PING_EVERY: u32 = 5;

/// A far end that neither speaks nor answers two pings is gone.
pub(super) const SILENCE: Duration = Duration::from_secs(10);

/// A far end that takes nothing for this long has left the caller without sound for longer.
pub(super) const WRITE: Duration = Duration::from_secs(5);

/// No carrier says this much at once. A longer message closes a socket that has no call yet, with
/// code 1009; in a call it is passed over, up to what the server reads at all.
const LONGEST_MESSAGE: usize = 64 * 1024;

pub(super) const TOO_LONG: &str = "a message is longer than the socket allows";

pub(super) fn is_too_long(message: &Message) -> bool {
    match message {
        Message::Text(text) => text.len() > LONGEST_MESSAGE,
        Message::Binary(bytes) => bytes.len() > LONGEST_MESSAGE,
        Message::Close(_) | Message::Ping(_) | Message::Pong(_) => false,
    }
}

/// Whether a message was so long that it was not even read.
pub(super) fn is_about_length(error: &axum::Error) -> bool {
    // The library names the fault only in words; a test holds it to them.
    error.to_string().contains("too long")
}

/// The end of a call by a message that is too long to be read.
pub(super) fn too_long(provider: &'static str) -> Error {
    Error::new(ErrorKind::Protocol, "read", TOO_LONG).with_provider(provider)
}

/// A WebSocket, or what a test puts in its place.
pub(super) trait Socket:
    Stream<Item = Result<Message, axum::Error>> + Sink<Message, Error = axum::Error> + Send + Unpin
{
}

impl<S> Socket for S where
    S: Stream<Item = Result<Message, axum::Error>>
        + Sink<Message, Error = axum::Error>
        + Send
        + Unpin
{
}

/// What happened on the socket.
#[derive(Debug)]
pub(super) enum SocketEvent {
    /// The far end has ended the connection, or it was lost.
    Ended(Option<axum::Error>),
    Message(Message),
    /// The message that was being written has left this process.
    Written,
}

/// A socket with at most one message, and what is said along with it, on its way out.
///
/// The next one is chosen only when the one before has been taken by the kernel, so that a clear
/// finds everything that can still be overtaken on our side.
#[derive(Debug)]
pub(super) struct Io<S> {
    socket: S,
    outgoing: Option<Message>,
    /// A message that leaves in the same write.
    along: Option<Message>,
    flushing: bool,
    writing_since: Option<Instant>,
    /// Writing failed, and what the far end said before is still to be read.
    deaf: bool,
}

impl<S: Socket> Io<S> {
    pub(super) const fn new(socket: S) -> Self {
        Self {
            socket,
            outgoing: None,
            along: None,
            flushing: false,
            writing_since: None,
            deaf: false,
        }
    }

    /// Whether a message can be started.
    pub(super) const fn is_idle(&self) -> bool {
        self.writing_since.is_none() && !self.deaf
    }

    /// When the message that is on its way was started.
    pub(super) const fn writing_since(&self) -> Option<Instant> {
        self.writing_since
    }

    /// Whether the far end can no longer be written to.
    pub(super) const fn is_deaf(&self) -> bool {
        self.deaf
    }

    pub(super) fn start(&mut self, message: Message) {
        debug_assert!(self.is_idle());
        self.outgoing = Some(message);
        self.writing_since = Some(Instant::now());
    }

    /// Puts a message behind the one that has been started and not been waited for yet.
    pub(super) fn start_along(&mut self, message: Message) {
        debug_assert!(self.outgoing.is_some() && self.along.is_none());
        self.along = Some(message);
    }

    /// The next thing that happens.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn event(&mut self) -> SocketEvent {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SocketEvent> {
        match self.poll_write(cx) {
            Poll::Ready(Ok(())) => return Poll::Ready(SocketEvent::Written),
            // A goodbye may be waiting to be read, and it says more than the failed write.
            Poll::Ready(Err(_)) => self.deaf = true,
            Poll::Pending => {}
        }
        self.socket.poll_next_unpin(cx).map(|read| match read {
            Some(Ok(message)) => SocketEvent::Message(message),
            Some(Err(error)) => SocketEvent::Ended(Some(error)),
            None => SocketEvent::Ended(None),
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        if self.deaf {
            return Poll::Pending;
        }
        while self.outgoing.is_some() {
            std::task::ready!(self.socket.poll_ready_unpin(cx))?;
            if let Some(message) = self.outgoing.take() {
                self.socket.start_send_unpin(message)?;
                self.flushing = true;
            }
            self.outgoing = self.along.take();
        }
        if !self.flushing {
            return Poll::Pending;
        }
        std::task::ready!(self.socket.poll_flush_unpin(cx))?;
        self.flushing = false;
        self.writing_since = None;
        Poll::Ready(Ok(()))
    }

    /// Says goodbye, unless the far end has gone already.
    pub(super) async fn close(&mut self, code: u16, reason: &'static str) {
        if !self.deaf {
            close(&mut self.socket, code, reason).await;
        }
    }
}

/// Says goodbye and waits for the answer, or answers the goodbye that the far end has said.
///
/// A peer that never answers must not hold up a teardown, so that the wait is bounded.
pub(super) async fn close(mut socket: impl Socket, code: u16, reason: &'static str) {
    let goodbye = CloseFrame { code, reason: reason.into() };
    let closing = async {
        // Behind the far end's goodbye the library takes no other, lines up the answer itself, and
        // writes it when it is asked to read on.
        let _ = socket.send(Message::Close(Some(goodbye))).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = timeout(GOODBYE, closing).await;
}
