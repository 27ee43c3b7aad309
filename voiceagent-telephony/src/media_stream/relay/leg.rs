use std::{future::pending, sync::Arc, time::Duration};

use axum::extract::ws::Message;
use bytes::Bytes;
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tracing::warn;
use voiceagent_core::{
    CallId, Error, ErrorKind, LinkPeer, Result,
    transport::{Inbound, Outbound},
};

use super::{
    messages::{Said, end, write},
    speech::Speech,
};
use crate::{
    control::CallControl,
    media_stream::{
        Place,
        io::{
            Io, PING_EVERY, SILENCE, Socket, SocketEvent, TOO_LONG, WATCH, WRITE, is_about_length,
            is_too_long, too_long,
        },
        request::{CONTROL, bounded},
    },
};

/// The longest that a hang-up waits for what is being said: a text of a minute is no goodbye.
const LONGEST_GOODBYE: Duration = Duration::from_secs(60);

/// The longest that a transfer waits for what is being said, and what the carrier has for it in
/// all: a session waits 20 s for a transfer.
const LONGEST_HANDOVER: Duration = Duration::from_secs(10);
const HANDOVER: Duration = Duration::from_secs(19);

const PROVIDER: &str = "twilio";

/// Moves messages between a conversation and a link, in one task.
pub(super) struct Leg<S> {
    io: Io<S>,
    call: CallId,
    control: Option<Arc<dyn CallControl>>,
    speech: Speech,
    handover: Option<Handover>,
    last_heard: Instant,
    ping_due: bool,
    looks: u32,
    /// A call counts against the limit for as long as its socket is open.
    _counted: Option<Place>,
}

/// A transfer that waits until the far end has said what was sent before it.
struct Handover {
    target: Arc<str>,
    asked: Instant,
}

/// How a conversation ends.
enum End {
    /// The far end went.
    HungUp,
    /// We send the caller away.
    Leave,
    /// Nobody reads the link any more, or the call was handed on.
    Over,
}

impl<S: Socket + 'static> Leg<S> {
    pub(super) fn new(
        socket: S,
        call: CallId,
        control: Option<Arc<dyn CallControl>>,
        counted: Option<Place>,
    ) -> Self {
        Self {
            io: Io::new(socket),
            call,
            control,
            speech: Speech::default(),
            handover: None,
            last_heard: Instant::now(),
            ping_due: false,
            looks: 0,
            _counted: counted,
        }
    }

    pub(super) async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let ended = self.talk(&mut peer).await;
        let (code, reason, outcome) = match ended {
            Ok(End::Leave) => {
                let (tell, told) = oneshot::channel();
                // A task of its own: once asked for, a hang-up must reach the carrier although the
                // owner has gone, and the caller hears the goodbye before it.
                tokio::spawn(self.leave(tell));
                if let Ok(Err(error)) = told.await {
                    peer.report(error).await?;
                }
                return peer.send(Inbound::HungUp).await;
            }
            Ok(End::HungUp) => (1000, "the call has ended", peer.send(Inbound::HungUp).await),
            Ok(End::Over) => (1000, "the call has ended", Ok(())),
            Err(error) if error.kind() == ErrorKind::Protocol => (1009, TOO_LONG, Err(error)),
            Err(error) => (1000, "the call has ended", Err(error)),
        };
        self.io.close(code, reason).await;
        outcome
    }

    async fn talk(&mut self, peer: &mut LinkPeer<Outbound, Inbound>) -> Result<End> {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.ping_due && self.io.is_idle() {
                self.ping_due = false;
                self.io.start(Message::Ping(Bytes::new()));
            }
            let due = self.handover.as_ref().map(|handover| {
                let last = handover.asked + LONGEST_HANDOVER;
                self.speech.until(Instant::now()).map_or(handover.asked, |until| until.min(last))
            });
            // What the session asks waits in the link, which is bounded, while a message leaves.
            tokio::select! {
                biased;
                event = self.io.event() => match event {
                    SocketEvent::Message(Message::Close(_)) | SocketEvent::Ended(None) => {
                        return Ok(End::HungUp);
                    }
                    SocketEvent::Ended(Some(error)) if is_about_length(&error) => {
                        return Err(too_long(PROVIDER));
                    }
                    SocketEvent::Ended(Some(_)) => return Err(lost("the socket was lost")),
                    SocketEvent::Message(message) => {
                        if let Some(inbound) = self.read(&message) {
                            peer.send(inbound).await?;
                        }
                    }
                    SocketEvent::Written => {}
                },
                asked = peer.recv(), if self.io.is_idle() => match asked {
                    Some(Outbound::HangUp) => return Ok(End::Leave),
                    Some(Outbound::Transfer(_)) if !self.can_transfer() => {
                        peer.send(Inbound::NotTransferred(ErrorKind::Unsupported)).await?;
                    }
                    Some(Outbound::Transfer(target)) => {
                        self.handover = Some(Handover { target, asked: Instant::now() });
                    }
                    Some(outbound) => self.say(&outbound),
                    None => return Ok(End::Over),
                },
                () = at(due) => {
                    if let Some(handover) = self.handover.take()
                        && let Some(control) = self.control.clone()
                        && hand_over(control, self.call.clone(), handover, peer).await?
                    {
                        return Ok(End::Over);
                    }
                }
                _ = watch.tick() => self.look()?,
            }
        }
    }

    fn can_transfer(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.can_transfer())
    }

    fn say(&mut self, outbound: &Outbound) {
        if let Outbound::Text { text, .. } = outbound {
            self.speech.add(text, Instant::now());
        }
        if let Some(text) = write(outbound) {
            self.io.start(Message::text(text));
        }
    }

    /// Looks whether the far end is still there.
    fn look(&mut self) -> Result<()> {
        let now = Instant::now();
        let stuck = self.io.writing_since().is_some_and(|since| now - since >= WRITE);
        if stuck || self.io.is_deaf() || now - self.last_heard >= SILENCE {
            return Err(lost("the far end has gone silent"));
        }
        self.looks += 1;
        self.ping_due |= self.looks.is_multiple_of(PING_EVERY);
        Ok(())
    }

    /// What a message means for the session.
    fn read(&mut self, message: &Message) -> Option<Inbound> {
        self.last_heard = Instant::now();
        if is_too_long(message) {
            warn!(call = %self.call, "a message is too long");
            return None;
        }
        let Message::Text(text) = message else { return None };
        let said = Said::read(text);
        if matches!(said, Said::Error) {
            // Its words may repeat what was to be said.
            warn!(call = %self.call, "the carrier refuses a message");
        }
        if let Some(speaks) = said.speaks() {
            self.speech.told(speaks, self.last_heard);
        }
        let inbound = said.inbound();
        if matches!(inbound, Some(Inbound::Interrupted { .. })) {
            self.speech.stop();
        }
        inbound
    }

    /// Lets the far end finish, and ends the conversation then, and the call where the carrier can
    /// be asked to.
    async fn leave(mut self, tell: oneshot::Sender<Result<()>>) {
        let finished = timeout(LONGEST_GOODBYE, self.finish()).await;
        if finished.is_err() {
            warn!(call = %self.call, "what is being said takes too long for a goodbye");
        }
        let control = self.control.clone();
        let asked = async {
            match control {
                Some(control) => bounded(CONTROL, control.hang_up(&self.call)).await,
                None => Ok(()),
            }
        };
        let written = async {
            if self.io.is_idle() {
                self.io.start(Message::text(end()));
            }
            while !matches!(self.io.event().await, SocketEvent::Written | SocketEvent::Ended(_)) {}
        };
        // A far end that does not read is told by its API.
        let (asked, _) = tokio::join!(asked, timeout(WRITE, written));
        if let Err(error) = &asked {
            warn!(call = %self.call, %error, "the carrier did not do what it was asked");
        }
        // Who has gone does not want to know.
        let _ = tell.send(asked);
        self.io.close(1000, "the call has ended").await;
    }

    /// Waits until what was sent has been said, or the far end has gone. What the caller says
    /// meanwhile comes too late: the session has ended.
    async fn finish(&mut self) {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(until) = self.speech.until(Instant::now()) {
            if self.ping_due && self.io.is_idle() {
                self.ping_due = false;
                self.io.start(Message::Ping(Bytes::new()));
            }
            tokio::select! {
                biased;
                event = self.io.event() => match event {
                    SocketEvent::Message(Message::Close(_)) | SocketEvent::Ended(_) => return,
                    SocketEvent::Message(message) => {
                        let _too_late = self.read(&message);
                    }
                    SocketEvent::Written => {}
                },
                () = sleep_until(until) => return,
                _ = watch.tick() => if self.look().is_err() { return },
            }
        }
    }
}

/// Hands the call on; whether that worked.
async fn hand_over(
    control: Arc<dyn CallControl>,
    call: CallId,
    handover: Handover,
    peer: &LinkPeer<Outbound, Inbound>,
) -> Result<bool> {
    let time = HANDOVER.saturating_sub(handover.asked.elapsed()).min(CONTROL);
    // A task of its own: it must not be given up half-way.
    let request = async move { control.transfer(&call, &handover.target).await };
    let kind = match tokio::spawn(bounded(time, request)).await {
        Ok(Ok(())) => {
            peer.send(Inbound::Transferred).await?;
            return Ok(true);
        }
        Ok(Err(error)) => error.kind(),
        Err(_panicked) => ErrorKind::Disconnected,
    };
    peer.send(Inbound::NotTransferred(kind)).await?;
    Ok(false)
}

/// Waits until then; for ever when there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

fn lost(why: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "talk", why).with_provider(PROVIDER)
}
