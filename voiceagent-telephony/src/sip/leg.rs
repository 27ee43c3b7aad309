use std::time::Duration;

use rsipstack::{
    dialog::dialog::{DialogState, TransactionHandle},
    sip::{Response, StatusCode, prelude::HeadersExt as _},
};
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::{debug, info};
use voiceagent_core::{
    CallTime, Error, ErrorKind, LinkPeer, Result,
    audio::AudioFrame,
    transport::{Inbound, Outbound},
};

use super::{
    agreement::Agreement,
    answers,
    confirmation::Confirmation,
    controls::Controls,
    info::key_of,
    keypad::Order,
    line::Line,
    pulse::{self, Pulse},
    refresh::Refreshed,
    session_timer::{Due, SessionTimer},
    sockets::Sockets,
    takeover::Takeover,
    tones::Tones,
    transfer::{Outcome, Transfers},
};
use crate::rtp::{RtpAction, RtpSession};

mod describing;
mod handing_on;

/// Pieces and marks that may wait. The session is 100 ms ahead; others may be by as much as 9 s
/// before an order behind what they play is held up.
const QUEUE: usize = 448;

/// How long we wait for the other side to say that it has heard our answer, before we speak all the
/// same: what is said before is often cut off.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks at how well the call goes. A call that ends before the next is known to this.
const LOOKS: Duration = Duration::from_secs(1);

/// Moves audio between sockets and a link, and does what signalling asks for, in one task.
pub(super) struct Leg {
    line: Line,
    sockets: Sockets,
    media: RtpSession,
    agreement: Agreement,
    confirmation: Confirmation,
    pulse: Pulse,
    transfers: Transfers,
    /// Who is told what comes of a transfer, where it was not the session that has asked for it.
    teller: Option<oneshot::Sender<Outcome>>,
    /// Requests of ours that wait for their answers.
    asking: JoinSet<Answered>,
    media_timeout: Duration,
    controls: Controls,
    tones: Tones,
    next_look: CallTime,
    /// Whether the other side has heard our answer.
    is_begun: bool,
    /// What the session knows of a hold.
    is_held: bool,
    /// The number of the request that we have answered by an offer, until its answer comes with what
    /// acknowledges that.
    offered: Option<u32>,
    /// Whether the call ends when everything has been said.
    is_ending: bool,
    begin: Instant,
}

/// The answer to a request of ours.
enum Answered {
    /// Its status.
    Refer(Option<u16>),
    /// What it means, and how it describes the media.
    Refresh(Refreshed, Option<String>),
    /// Its status.
    Pulse(Option<u16>),
}

/// Whether a call goes on.
#[derive(PartialEq)]
enum Next {
    GoOn,
    HungUp,
}

impl Leg {
    pub(super) fn new(
        line: Line,
        sockets: Sockets,
        media: RtpSession,
        agreement: Agreement,
        timer: Option<SessionTimer>,
        transfers: Transfers,
        controls: Controls,
    ) -> Self {
        let can_update = answers::allows_update(&line.dialog.initial_request());
        Self {
            line,
            sockets,
            media,
            agreement,
            confirmation: Confirmation::new(timer, can_update),
            pulse: Pulse::default(),
            transfers,
            teller: None,
            asking: JoinSet::new(),
            media_timeout: Duration::MAX,
            controls,
            tones: Tones::default(),
            next_look: CallTime::ZERO + LOOKS,
            is_begun: false,
            is_held: false,
            offered: None,
            is_ending: false,
            begin: Instant::now(),
        }
    }

    /// Ends the call when nothing has come for so long.
    pub(super) const fn with_media_timeout(mut self, media_timeout: Duration) -> Self {
        self.media_timeout = media_timeout;
        self
    }

    /// The other side has picked up a call of ours, by this answer: it hears us from the first
    /// word.
    pub(super) fn begun(mut self, answer: &Response) -> Self {
        self.is_begun = true;
        self.confirmation.set_updates(answers::allows_update(answer));
        self
    }

    pub(super) async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        self.go_by_terms(&peer).await?;
        let ended = self.talk(&mut peer).await;
        if let Some(RtpAction::Report(to, datagram)) = self.media.goodbye() {
            self.sockets.send_report(to, &datagram);
        }
        let quality = self.media.quality();
        self.controls.tell(quality);
        info!(
            received = quality.received,
            lost = quality.lost,
            foreign = quality.foreign,
            unproven = quality.unproven,
            overdue = quality.overdue,
            jitter_ms = quality.jitter.as_millis(),
            mos = quality.estimated_mos,
            "media over"
        );
        match ended {
            Ok(()) => {
                peer.send(Inbound::Quality(quality.into())).await?;
                peer.send(Inbound::HungUp).await
            }
            Err(error) => Err(error),
        }
    }

    /// Until somebody hangs up.
    async fn talk(&mut self, peer: &mut LinkPeer<Outbound, Inbound>) -> Result<()> {
        let mut owner_gone = false;
        loop {
            let now = self.now();
            self.work(now, peer).await?;
            let is_done = self.media.is_idle(now) && !self.controls.has_keys();
            if self.is_ending && (is_done || self.agreement.is_held()) {
                return Ok(());
            }
            let wake = self.begin + self.poll_timeout().elapsed();
            // The next one waits where it is counted, and in nobody's way.
            let takes_key = self.media.takes_key();
            // What is asked comes before the media, so that a clear finds what it drops.
            tokio::select! {
                biased;
                asked = peer.recv(), if self.media.queued() < QUEUE && !owner_gone => match asked {
                    Some(asked) => self.take(asked, peer).await?,
                    None => {
                        owner_gone = true;
                        self.is_ending = true;
                    }
                },
                Some(state) = self.line.states.recv() => {
                    if self.follow(state, peer).await? == Next::HungUp {
                        return Ok(());
                    }
                }
                Some(order) = self.controls.order(takes_key) => self.obey(order, peer).await?,
                Some(Ok(answered)) = self.asking.join_next() => self.answered(answered, peer).await?,
                received = self.sockets.receive() => {
                    // A port of the other side that is not open yet is told here, and is no fault.
                    if let Ok((from, datagram)) = received {
                        let now = self.now();
                        self.media.receive(now, from, &datagram);
                        // A stranger's datagram says nothing of the other side.
                        if self.media.silent_for(now).is_zero() {
                            self.begin_to_speak(peer).await?;
                        }
                    }
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    fn now(&self) -> CallTime {
        CallTime::ZERO + self.begin.elapsed()
    }

    fn poll_timeout(&self) -> CallTime {
        let others = [
            self.confirmation.poll_timeout(),
            self.transfers.poll_timeout(),
            (!self.is_begun).then_some(CallTime::ZERO + PATIENCE),
        ];
        let media = self.media.poll_timeout().min(self.next_look);
        others.into_iter().flatten().fold(media, CallTime::min)
    }

    /// Does what is due.
    async fn work(&mut self, now: CallTime, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        if !self.is_begun && now >= CallTime::ZERO + PATIENCE {
            self.begin_to_speak(peer).await?;
        }
        while let Some(action) = self.media.poll(now) {
            match action {
                // Music for whoever waits is not the caller.
                RtpAction::Tell(Inbound::Audio(frame)) if self.is_held => {
                    peer.send(Inbound::Audio(silenced(&frame))).await?;
                }
                RtpAction::Tell(Inbound::Audio(frame)) if !self.agreement.has_keys() => {
                    let (frame, keys) = self.tones.hear(now, frame)?;
                    for key in keys {
                        peer.send(Inbound::Dtmf(key)).await?;
                    }
                    peer.send(Inbound::Audio(frame)).await?;
                }
                RtpAction::Tell(Inbound::Dtmf(key)) if !self.tones.sent(now, key) => {}
                RtpAction::Tell(inbound) => peer.send(inbound).await?,
                RtpAction::Send(to, datagram) => self.sockets.send(to, &datagram),
                RtpAction::Report(to, datagram) => self.sockets.send_report(to, &datagram),
            }
        }
        if let Some(outcome) = self.transfers.poll(now) {
            self.tell(peer, outcome).await?;
        }
        match self.confirmation.poll(now) {
            Some(Due::End) => return Err(lost("nobody has confirmed the call")),
            Some(Due::Refresh) => self.refresh(),
            None => {}
        }
        if now >= self.next_look {
            self.next_look = now + LOOKS;
            let quality = self.media.quality();
            if self.controls.tell(quality) {
                peer.send(Inbound::Quality(quality.into())).await?;
            }
            if self.media.silent_for(now) >= self.media_timeout {
                if !self.agreement.may_be_silent() {
                    return Err(lost("the other side has gone silent"));
                }
                if self.pulse.is_due(now) {
                    let (dialog, credentials) = self.line.party();
                    let asking = pulse::ask(dialog, credentials);
                    self.asking.spawn(async move { Answered::Pulse(asking.await) });
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self, asked: Outbound, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        match asked {
            Outbound::Audio(frame) => self.media.play(frame),
            Outbound::Clear => self.media.clear(),
            Outbound::Mark(mark) => self.media.mark(mark),
            Outbound::HangUp => self.is_ending = true,
            Outbound::Transfer(target) => {
                let begun = self.transfers.begin(&target);
                self.refer(begun, None, peer).await?;
            }
            // A leg with audio is not asked for more.
            _ => {}
        }
        Ok(())
    }

    async fn obey(&mut self, order: Order, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        match order {
            Order::Press(key) => {
                if !self.media.press(key) {
                    debug!("the other side takes no keys");
                }
                Ok(())
            }
            Order::TakeOver(takeover) => self.take_over(*takeover, peer).await,
            Order::HandTo(address, teller) => {
                let begun = self.transfers.begin_at(address);
                self.refer(begun, Some(teller), peer).await
            }
        }
    }

    /// Goes on with whoever takes the other side's place.
    async fn take_over(
        &mut self,
        takeover: Takeover,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        let mut negotiation = takeover.negotiation(&self.sockets);
        let terms = negotiation.answer(&takeover.offer);
        let Takeover { mut line, peer: party, expires, transfers, .. } = takeover;
        let Some(terms) = terms else {
            line.refuse(StatusCode::NotAcceptableHere, vec![]);
            return Ok(());
        };
        let timer = expires.map(|asked| SessionTimer::new(self.now(), asked));
        let headers = timer.as_ref().map(SessionTimer::headers).unwrap_or_default();
        if line.accept(headers, &terms.answer).is_err() {
            // Whoever wanted it has given up.
            return Ok(());
        }
        let can_update = answers::allows_update(&line.dialog.initial_request());
        self.confirmation = Confirmation::new(timer, can_update);
        self.pulse = Pulse::default();
        // Nobody waits for the answers of whoever was there before.
        self.transfers = transfers;
        self.forget_transfer(peer).await?;
        self.offered = None;
        self.asking = JoinSet::new();
        self.media.meet(terms.said, party.address.ip());
        self.agreement = Agreement::new(negotiation, terms);
        // Dropped, the call whose place it takes ends.
        self.line = line;
        self.is_begun = true;
        self.go_by_terms(peer).await
    }

    async fn answered(
        &mut self,
        answered: Answered,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        match answered {
            Answered::Refer(status) => {
                if let Some(outcome) = self.transfers.answered(self.now(), status) {
                    self.tell(peer, outcome).await?;
                }
            }
            Answered::Pulse(status) => {
                if !self.pulse.answered(status) {
                    return Err(lost("the other side is not there any more"));
                }
            }
            Answered::Refresh(outcome, description) => {
                if let Some(answer) = description {
                    if self.agreement.answered(&answer) {
                        self.go_by_terms(peer).await?;
                    } else {
                        debug!("the answer describes no media that are taken");
                    }
                }
                let role = self.line.dialog.role();
                self.confirmation.answered(self.now(), outcome, role)?;
            }
        }
        Ok(())
    }

    /// Goes along with signalling.
    async fn follow(
        &mut self,
        state: DialogState,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<Next> {
        match state {
            DialogState::Confirmed(..) => {
                self.acknowledged(peer).await?;
                self.begin_to_speak(peer).await?;
            }
            DialogState::Updated(_, request, handle) => {
                self.update(&request, handle, peer).await?;
            }
            DialogState::Info(_, request, handle) => {
                let kind = request.header_value("content-type").unwrap_or_default();
                reply(&handle, StatusCode::OK).await;
                let (key, now) = (key_of(&kind, &request.body), self.now());
                if let Some((held, until)) = self.media.held_key() {
                    self.tones.held(until, held.as_char());
                }
                if let Some(key) = key.filter(|key| self.tones.told(now, key.as_char())) {
                    peer.send(Inbound::Dtmf(key.as_char())).await?;
                }
            }
            DialogState::Notify(_, request, handle) => {
                reply(&handle, StatusCode::OK).await;
                if let Some(outcome) = self.transfers.notified(&request) {
                    self.tell(peer, outcome).await?;
                }
            }
            DialogState::Options(_, _, handle) => {
                let _ = handle.respond(StatusCode::OK, Some(answers::abilities()), None).await;
            }
            // Whom we call stands in the configuration, and nobody on the line says it.
            DialogState::Refer(_, _, handle) => reply(&handle, StatusCode::Decline).await,
            DialogState::Message(_, _, handle) => {
                reply(&handle, StatusCode::MethodNotAllowed).await
            }
            DialogState::Terminated(..) => {
                self.hear_of_transfer(peer).await?;
                if self.transfers.hung_up() {
                    self.tell(peer, Ok(())).await?;
                }
                return Ok(Next::HungUp);
            }
            _ => {}
        }
        Ok(Next::GoOn)
    }
}

async fn reply(handle: &TransactionHandle, status: StatusCode) {
    // Whoever asked may have gone.
    let _ = handle.reply(status).await;
}

fn lost(why: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "talk", why).with_provider("sip")
}

/// As much silence as this is sound.
fn silenced(frame: &AudioFrame) -> AudioFrame {
    let silence = frame.format.silence().unwrap_or_default();
    AudioFrame::new(frame.format, frame.at, vec![silence; frame.payload.len()].into())
}
