use std::{future::pending, sync::Arc};

use axum::extract::ws::Message;
use bytes::Bytes;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{debug, warn};
use voiceagent_core::{
    CallId, Error, ErrorKind, LinkPeer, Result,
    audio::AudioFormat,
    transport::{Inbound, Outbound},
};

use super::{
    HeardCalls,
    backlog::Backlog,
    dialect::Dialect,
    io::{
        Io, PING_EVERY, SILENCE, Socket, SocketEvent, TOO_LONG, WATCH, WRITE, is_about_length,
        is_too_long, too_long,
    },
    owed_marks::OwedMarks,
    reader::{Reader, Reading},
    request::{CONTROL, bounded},
    writer::Writer,
};
use crate::{DtmfKey, control::CallControl};

/// What a pump must know about its call.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) call: CallId,
    pub(super) stream: String,
    pub(super) dialect: &'static Dialect,
    pub(super) inbound: AudioFormat,
    pub(super) outbound: AudioFormat,
    pub(super) control: Option<Arc<dyn CallControl>>,
    /// Where it is noted that the caller was sent sound; then the carrier goes on by itself with
    /// those who were sent none.
    pub(super) heard: Option<Arc<HeardCalls>>,
    /// What the carrier reports beside the socket.
    pub(super) news: mpsc::Receiver<Inbound>,
    /// Keys that are to be pressed over the stream.
    pub(super) keys: mpsc::Receiver<DtmfKey>,
}

/// Moves messages between a socket and a link, in one task.
#[derive(Debug)]
pub(super) struct Pump<S> {
    io: Io<S>,
    leg: Leg,
    reader: Reader,
    backlog: Backlog,
    writer: Writer,
    marks: OwedMarks,
    task: Option<ControlTask>,
    ping_due: bool,
    hanging_up: bool,
    /// Whether any sound was sent.
    has_spoken: bool,
    last_heard: Instant,
}

#[derive(Debug)]
struct ControlTask {
    asked: Asked,
    handle: JoinHandle<Result<()>>,
}

/// What the carrier was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    HangUp,
    Transfer,
}

/// How a call ends.
#[derive(Debug)]
enum End {
    /// The far end went, or we sent it away.
    HungUp,
    Lost(Error),
    /// Nobody reads the link any more.
    OwnerGone,
}

enum Happening {
    Asked(Option<Outbound>),
    Controlled(Result<()>),
    Key(DtmfKey),
    News(Inbound),
    Socket(SocketEvent),
    Watch,
}

impl<S: Socket> Pump<S> {
    pub(super) fn new(socket: S, leg: Leg) -> Self {
        Self {
            io: Io::new(socket),
            reader: Reader::new(leg.dialect, leg.inbound),
            backlog: Backlog::new(leg.dialect, leg.outbound),
            writer: Writer::new(leg.dialect, &leg.stream, leg.outbound),
            marks: OwedMarks::new(leg.dialect.cleared),
            task: None,
            ping_due: false,
            hanging_up: false,
            has_spoken: false,
            last_heard: Instant::now(),
            leg,
        }
    }

    pub(super) async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        let end = match self.talk(&mut peer).await {
            Ok(end) => end,
            Err(_owner_gone) => End::OwnerGone,
        };
        debug!(
            call = %self.leg.call,
            ?end,
            overtaken = self.backlog.overtaken,
            late = self.backlog.late,
            refused = self.backlog.refused,
            counters = ?self.reader.counters,
            "media stream ended"
        );
        let (code, reason, outcome) = match end {
            End::HungUp => {
                self.await_transfer(&peer).await;
                let told = peer.send(Inbound::HungUp).await;
                (1000, "the call has ended", told)
            }
            End::OwnerGone => {
                self.keep_promise(&mut peer);
                (1000, "the call has ended", Ok(()))
            }
            // What the socket is told depends on what it did: too much, or nothing at all.
            End::Lost(error) if error.kind() == ErrorKind::Protocol => (1009, TOO_LONG, Err(error)),
            End::Lost(error) => return Err(error),
        };
        self.io.close(code, reason).await;
        outcome
    }

    /// Runs until the call ends.
    ///
    /// # Errors
    ///
    /// When the owner of the link has gone while it was being told something.
    async fn talk(&mut self, peer: &mut LinkPeer<Outbound, Inbound>) -> Result<End> {
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = 0_u32;
        loop {
            if self.io.is_idle() {
                self.take_waiting(peer);
                if let Some(end) = self.start_next(peer).await? {
                    return Ok(end);
                }
            }
            // The socket comes before the clock: after a pause of the whole process, what waits
            // there is read before anybody is declared dead.
            let happening = tokio::select! {
                biased;
                event = self.io.event() => Happening::Socket(event),
                asked = peer.recv(), if !self.backlog.is_full() => Happening::Asked(asked),
                outcome = controlled(self.task.as_mut()) => Happening::Controlled(outcome),
                Some(news) = self.leg.news.recv() => Happening::News(news),
                Some(key) = self.leg.keys.recv(), if self.io.is_idle() => Happening::Key(key),
                _ = watch.tick() => Happening::Watch,
            };
            let end = match happening {
                Happening::Socket(event) => self.on_socket(event, peer).await?,
                Happening::Asked(Some(outbound)) => {
                    self.backlog.push(outbound, Instant::now());
                    self.leave_out_late();
                    None
                }
                Happening::Asked(None) => Some(End::OwnerGone),
                Happening::Controlled(outcome) => self.on_controlled(outcome, peer).await?,
                Happening::Key(key) => {
                    if let Some(message) = self.writer.write_key(key) {
                        self.io.start(message);
                    }
                    None
                }
                Happening::News(news) => {
                    peer.send(news).await?;
                    None
                }
                Happening::Watch => {
                    self.leave_out_late();
                    self.answer_marks(peer).await?;
                    looks += 1;
                    self.ping_due |= looks.is_multiple_of(PING_EVERY);
                    self.lost()
                }
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    /// Looks at all that has been asked for, so that a clear finds what it overtakes.
    fn take_waiting(&mut self, peer: &mut LinkPeer<Outbound, Inbound>) {
        for _ in 0..self.backlog.room() {
            let Some(outbound) = peer.try_recv() else { break };
            self.backlog.push(outbound, Instant::now());
        }
        self.leave_out_late();
    }

    fn leave_out_late(&mut self) {
        if self.backlog.leave_out_late(Instant::now()) {
            warn!(call = %self.leg.call, "the far end is slow: audio that is late is left out");
        }
    }

    /// Starts the next message, if there is one. Only called while the socket is idle.
    async fn start_next(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<Option<End>> {
        if std::mem::take(&mut self.ping_due) {
            self.io.start(Message::Ping(Bytes::new()));
            return Ok(None);
        }
        while let Some(next) = self.backlog.pop() {
            if let Some(message) = self.writer.write(&next) {
                self.io.start(message);
                self.note_sent(&next);
                self.mark_along();
                self.answer_marks(peer).await?;
                return Ok(None);
            }
            match (next, self.leg.control.clone()) {
                (Outbound::HangUp, _) if self.hanging_up => {}
                (Outbound::HangUp, _) if self.is_left_to_carrier() => {
                    return Ok(Some(End::HungUp));
                }
                (Outbound::HangUp, None) => return Ok(Some(End::HungUp)),
                (Outbound::HangUp, Some(control)) => self.hang_up(control),
                (Outbound::Transfer(_), Some(_)) if self.task.is_some() => {
                    // Both would be carried out, and the outcome of one would be told to nobody.
                    warn!(call = %self.leg.call, "not transferred: the carrier is asked already");
                    peer.send(Inbound::NotTransferred(ErrorKind::Overloaded)).await?;
                }
                (Outbound::Transfer(target), Some(control)) if control.can_transfer() => {
                    self.transfer(control, target);
                }
                // The backlog holds nothing else that is not written.
                _ => {
                    warn!(call = %self.leg.call, "no target is configured for this line");
                    peer.send(Inbound::NotTransferred(ErrorKind::Unsupported)).await?;
                }
            }
        }
        Ok(None)
    }

    /// Sends a mark together with the audio before it: one write, and one wake-up at the far end.
    fn mark_along(&mut self) {
        if let Some(mark) = self.backlog.pop_mark()
            && let Some(message) = self.writer.write(&mark)
        {
            self.io.start_along(message);
            self.note_sent(&mark);
        }
    }

    /// Keeps the account of sound and marks. Those that stand behind a clear have nothing before them that
    /// will be played; where that is no reason for the carrier to answer them, they are not sent.
    fn note_sent(&mut self, outbound: &Outbound) {
        if let Outbound::Audio(_) = outbound {
            if !std::mem::replace(&mut self.has_spoken, true)
                && let Some(heard) = &self.leg.heard
            {
                heard.note(&self.leg.call);
            }
        } else if let Outbound::Mark(mark) = outbound {
            self.marks.sent(*mark);
        } else if *outbound == Outbound::Clear {
            while self.marks.answers_cleared()
                && let Some(Outbound::Mark(mark)) = self.backlog.pop_mark()
            {
                self.marks.sent(mark);
            }
            self.marks.clear();
        }
    }

    /// Answers the marks that a clear has lost.
    async fn answer_marks(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        while let Some(mark) = self.marks.due() {
            peer.send(Inbound::MarkPlayed(mark)).await?;
        }
        Ok(())
    }

    /// Asks the carrier to end the call.
    fn hang_up(&mut self, control: Arc<dyn CallControl>) {
        self.hanging_up = true;
        let call = self.leg.call.clone();
        // A task of its own: once asked for, a hang-up must reach the carrier although the owner
        // of the call has gone.
        let handle = tokio::spawn(bounded(CONTROL, async move { control.hang_up(&call).await }));
        self.task = Some(ControlTask { asked: Asked::HangUp, handle });
    }

    /// Hangs up if that was asked for before the owner of the link went.
    fn keep_promise(&mut self, peer: &mut LinkPeer<Outbound, Inbound>) {
        let mut waiting = std::iter::from_fn(|| self.backlog.pop().or_else(|| peer.try_recv()));
        let asked = waiting.any(|next| next == Outbound::HangUp);
        let asked = asked && !self.is_left_to_carrier();
        if let Some(control) = self.leg.control.clone().filter(|_| asked && !self.hanging_up) {
            self.hang_up(control);
        }
    }

    /// Whether the carrier is to go on with the call, since the caller has heard nothing.
    fn is_left_to_carrier(&self) -> bool {
        self.leg.heard.is_some() && !self.has_spoken
    }

    fn transfer(&mut self, control: Arc<dyn CallControl>, target: Arc<str>) {
        let call = self.leg.call.clone();
        let handle =
            tokio::spawn(bounded(CONTROL, async move { control.transfer(&call, &target).await }));
        self.task = Some(ControlTask { asked: Asked::Transfer, handle });
    }

    /// A carrier that hands a call over closes its socket, perhaps before it says that it did.
    async fn await_transfer(&mut self, peer: &LinkPeer<Outbound, Inbound>) {
        if self.task.as_ref().is_some_and(|task| task.asked == Asked::Transfer) {
            let outcome = controlled(self.task.as_mut()).await;
            // Who does not want to know has gone, and the call with them.
            let _ = self.on_controlled(outcome, peer).await;
        }
    }

    async fn on_controlled(
        &mut self,
        outcome: Result<()>,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<Option<End>> {
        let asked = self.task.take().map(|task| task.asked);
        if let Err(error) = &outcome {
            warn!(call = %self.leg.call, %error, "the carrier did not do what it was asked");
        }
        match (asked, outcome) {
            (Some(Asked::Transfer), Ok(())) => peer.send(Inbound::Transferred).await?,
            (Some(Asked::Transfer), Err(error)) => {
                peer.send(Inbound::NotTransferred(error.kind())).await?;
            }
            (Some(Asked::HangUp), Err(error)) => peer.report(error).await?,
            (Some(Asked::HangUp) | None, _) => {}
        }
        // Whatever the carrier says, the line is free on our side.
        let is_over =
            asked == Some(Asked::HangUp) || (asked == Some(Asked::Transfer) && self.hanging_up);
        Ok(is_over.then_some(End::HungUp))
    }

    async fn on_socket(
        &mut self,
        event: SocketEvent,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<Option<End>> {
        let message = match event {
            SocketEvent::Message(message) => message,
            SocketEvent::Written => return Ok(None),
            SocketEvent::Ended(None) => return Ok(Some(End::HungUp)),
            SocketEvent::Ended(Some(error)) => return Ok(Some(self.read_failed(&error))),
        };
        self.last_heard = Instant::now();
        if is_too_long(&message) {
            self.reader.counters.too_long += 1;
            return Ok(None);
        }
        let reading = match message {
            Message::Text(text) => self.reader.read(&text),
            Message::Binary(audio) => self.reader.read_binary(&audio),
            Message::Ping(_) | Message::Pong(_) => Reading::Nothing,
            Message::Close(_) => Reading::Ended,
        };
        match reading {
            Reading::Deliver(Inbound::MarkPlayed(mark)) if !self.marks.returned(mark) => {}
            Reading::Deliver(inbound) => peer.send(inbound).await?,
            Reading::Cleared => {
                self.marks.told();
                self.answer_marks(peer).await?;
            }
            Reading::Ended => return Ok(Some(End::HungUp)),
            Reading::Nothing => {}
        }
        while let Some(inbound) = self.reader.waiting() {
            peer.send(inbound).await?;
        }
        Ok(None)
    }

    /// Whether the far end has stopped taking or sending anything.
    fn lost(&self) -> Option<End> {
        let now = Instant::now();
        let why = if self.io.writing_since().is_some_and(|since| now - since >= WRITE) {
            "the far end does not read"
        } else if now - self.last_heard >= SILENCE {
            "the far end has gone silent"
        } else if self.io.is_deaf() {
            "the far end cannot be written to"
        } else {
            return None;
        };
        Some(End::Lost(self.disconnected(why)))
    }

    fn read_failed(&self, error: &axum::Error) -> End {
        if is_about_length(error) {
            return End::Lost(too_long(self.leg.dialect.carrier.name()));
        }
        End::Lost(self.disconnected("the socket was lost"))
    }

    fn disconnected(&self, why: &'static str) -> Error {
        Error::new(ErrorKind::Disconnected, "talk", why)
            .with_provider(self.leg.dialect.carrier.name())
    }
}

/// The outcome of what the carrier was asked; never, when it was asked nothing.
async fn controlled(task: Option<&mut ControlTask>) -> Result<()> {
    match task {
        Some(task) => (&mut task.handle).await.unwrap_or_else(|_panicked| {
            Err(Error::new(ErrorKind::Disconnected, "control", "the request was given up"))
        }),
        None => pending().await,
    }
}

#[cfg(test)]
mod tests;
