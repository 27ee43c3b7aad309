use std::time::Duration;

use rsipstack::{
    dialog::dialog::{DialogState, TransactionHandle},
    sip::{Header, Method, Request, Response, StatusCode, prelude::HeadersExt as _},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::{debug, info};
use voiceagent_core::{
    CallTime, Error, ErrorKind, LinkPeer, Result,
    transport::{Inbound, Outbound},
};

use super::{
    answers,
    controls::Controls,
    crossing,
    info::key_of,
    keypad::Order,
    line::Line,
    negotiation::{Negotiation, Terms, is_reachable},
    quiet::quiet,
    refresh::{Refresh, Refreshed},
    session_timer::{Due, SessionTimer},
    sockets::Sockets,
    takeover::Takeover,
    tones::Tones,
    transfer::{self, Transfers},
};
use crate::rtp::{RtpAction, RtpSession};

/// Pieces and marks that may wait: as many as the link holds. The session sends 100 ms ahead.
const QUEUE: usize = 64;

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
    negotiation: Negotiation,
    terms: Terms,
    timer: Option<SessionTimer>,
    transfers: Transfers,
    /// Requests of ours that wait for their answers.
    asking: JoinSet<Answered>,
    media_timeout: Duration,
    controls: Controls,
    tones: Tones,
    next_look: CallTime,
    /// Whether a description of ours waits for its answer.
    is_describing: bool,
    /// Whether the other side takes an `UPDATE`.
    can_update: bool,
    /// Whether the other side has heard our answer.
    is_begun: bool,
    /// Whether the call ends when everything has been said.
    is_ending: bool,
    begin: Instant,
}

/// The answer to a request of ours.
enum Answered {
    /// Its status.
    Refer(Option<u16>),
    Refresh(Refreshed),
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
        (negotiation, terms): (Negotiation, Terms),
        timer: Option<SessionTimer>,
        transfers: Transfers,
        controls: Controls,
    ) -> Self {
        let can_update = answers::allows_update(&line.dialog.initial_request());
        Self {
            line,
            sockets,
            media,
            negotiation,
            terms,
            timer,
            transfers,
            asking: JoinSet::new(),
            media_timeout: Duration::MAX,
            controls,
            tones: Tones::default(),
            next_look: CallTime::ZERO + LOOKS,
            is_describing: false,
            can_update,
            is_begun: false,
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
        self.can_update = answers::allows_update(answer);
        self
    }

    pub(super) async fn run(mut self, mut peer: LinkPeer<Outbound, Inbound>) -> Result<()> {
        self.hold()?;
        let ended = self.talk(&mut peer).await;
        if let RtpAction::Report(to, datagram) = self.media.goodbye() {
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
            if self.is_ending && (self.terms.is_held || self.media.is_idle(now)) {
                return Ok(());
            }
            let wake = self.begin + self.poll_timeout().elapsed();
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
                Some(order) = self.controls.order() => self.obey(order, peer).await?,
                Some(Ok(answered)) = self.asking.join_next() => self.answered(answered, peer).await?,
                received = self.sockets.receive() => {
                    // A port of the other side that is not open yet is told here, and is no fault.
                    if let Ok((from, datagram)) = received {
                        self.media.receive(self.now(), from, &datagram);
                        self.begin_to_speak()?;
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
            self.timer.as_ref().map(SessionTimer::poll_timeout),
            self.transfers.poll_timeout(),
            (!self.is_begun).then_some(CallTime::ZERO + PATIENCE),
        ];
        let media = self.media.poll_timeout().min(self.next_look);
        others.into_iter().flatten().fold(media, CallTime::min)
    }

    /// Does what is due.
    async fn work(&mut self, now: CallTime, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        if !self.is_begun && now >= CallTime::ZERO + PATIENCE {
            self.begin_to_speak()?;
        }
        while let Some(action) = self.media.poll(now) {
            match action {
                RtpAction::Tell(Inbound::Audio(frame)) if self.terms.types.keys.is_none() => {
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
            tell(peer, outcome).await?;
        }
        match self.timer.as_mut().and_then(|timer| timer.poll(now)) {
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
            let is_watched = !self.terms.is_held;
            if is_watched && self.media.silent_for(now) >= self.media_timeout {
                return Err(lost("the other side has gone silent"));
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
                self.refer(begun, peer).await?;
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
            Order::TakeOver(takeover) => self.take_over(*takeover),
            Order::HandTo(address) => {
                let begun = self.transfers.begin_at(address);
                self.refer(begun, peer).await
            }
        }
    }

    /// Goes on with whoever takes the other side's place.
    fn take_over(&mut self, takeover: Takeover) -> Result<()> {
        let mut negotiation = takeover.negotiation(&self.sockets);
        let terms = negotiation.answer(&takeover.offer);
        let can_be_heard = |terms: &Terms| terms.is_held || is_reachable(terms.said.ip());
        let Takeover { mut line, peer, expires, transfers, .. } = takeover;
        let Some(terms) = terms.filter(can_be_heard) else {
            line.refuse(StatusCode::NotAcceptableHere);
            return Ok(());
        };
        let timer = expires.map(|asked| SessionTimer::new(self.now(), asked));
        let headers = timer.iter().flat_map(|timer| {
            [Header::SessionExpires(timer.header().into()), Header::Require("timer".into())]
        });
        if line.accept(headers.collect(), &terms.answer).is_err() {
            // Whoever wanted it has given up.
            return Ok(());
        }
        self.can_update = answers::allows_update(&line.dialog.initial_request());
        (self.negotiation, self.timer, self.transfers) = (negotiation, timer, transfers);
        // Nobody waits for the answers of whoever was there before.
        (self.asking, self.is_describing) = (JoinSet::new(), false);
        self.media.meet(terms.said, peer.address.ip());
        self.terms = terms;
        // Dropped, the call whose place it takes ends.
        self.line = line;
        self.is_begun = true;
        self.hold()
    }

    /// Asks for a transfer that has begun, or says that it has not.
    async fn refer(
        &mut self,
        begun: Result<String, ErrorKind>,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        match begun {
            Ok(to) => {
                let (dialog, credentials) = self.line.party();
                let asking = transfer::ask(dialog, credentials, to);
                self.asking.spawn(async move { Answered::Refer(asking.await) });
                Ok(())
            }
            Err(kind) => peer.send(Inbound::NotTransferred(kind)).await,
        }
    }

    async fn answered(
        &mut self,
        answered: Answered,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        match answered {
            Answered::Refer(status) => {
                if let Some(outcome) = self.transfers.answered(self.now(), status) {
                    tell(peer, outcome).await?;
                }
            }
            Answered::Refresh(outcome) => self.refreshed(outcome)?,
        }
        Ok(())
    }

    /// Takes the answer to a request that confirms the call.
    fn refreshed(&mut self, outcome: Refreshed) -> Result<()> {
        self.is_describing = false;
        let now = self.now();
        let Some(timer) = &mut self.timer else { return Ok(()) };
        match outcome {
            Refreshed::Confirmed(expires) => timer.confirmed(now, expires),
            Refreshed::Crossed => timer.ask_again(now + crossing::pause(self.line.dialog.role())?),
            Refreshed::Untaken if self.can_update => {
                self.can_update = false;
                timer.ask_again(now);
            }
            Refreshed::Later(wait) => timer.ask_later(now, wait),
            Refreshed::TooShort(least) if timer.lengthen(now, least) => {}
            Refreshed::Gone => return Err(lost("the other side does not know the call any more")),
            refused => debug!(?refused, "the call was not confirmed"),
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
            DialogState::Confirmed(..) => self.begin_to_speak()?,
            DialogState::Updated(_, request, handle) => self.update(&request, handle).await?,
            DialogState::Info(_, request, handle) => {
                let kind = request.header_value("content-type").unwrap_or_default();
                reply(&handle, StatusCode::OK).await;
                let (key, now) = (key_of(&kind, &request.body), self.now());
                if let Some(key) = key.filter(|key| self.tones.told(now, key.as_char())) {
                    peer.send(Inbound::Dtmf(key.as_char())).await?;
                }
            }
            DialogState::Notify(_, request, handle) => {
                reply(&handle, StatusCode::OK).await;
                if let Some(outcome) = self.transfers.notified(&request) {
                    tell(peer, outcome).await?;
                }
            }
            DialogState::Options(_, _, handle) => {
                let _ = handle.respond(StatusCode::OK, Some(answers::abilities()), None).await;
            }
            DialogState::Refer(_, _, handle) => reply(&handle, StatusCode::Decline).await,
            DialogState::Message(_, _, handle) => {
                reply(&handle, StatusCode::MethodNotAllowed).await
            }
            DialogState::Terminated(..) => {
                if self.transfers.hung_up() {
                    tell(peer, Ok(())).await?;
                }
                return Ok(Next::HungUp);
            }
            _ => {}
        }
        Ok(Next::GoOn)
    }

    /// Answers a request that describes the media anew, or confirms the call.
    async fn update(&mut self, request: &Request, handle: TransactionHandle) -> Result<()> {
        // Two descriptions that cross: both sides step back, and try again later (RFC 3261, section
        // 14.2; RFC 3311, section 5.2).
        let is_invite = request.method == Method::Invite;
        if self.is_describing && (is_invite || answers::description(request).is_some()) {
            reply(&handle, StatusCode::RequestPending).await;
            return Ok(());
        }
        let now = self.now();
        let mut headers = answers::abilities();
        if let Some(asked) = answers::session_expires(request) {
            let timer = SessionTimer::new(now, asked);
            headers.push(Header::SessionExpires(timer.header().into()));
            headers.push(Header::Require("timer".into()));
            self.timer = Some(timer);
        } else if let Some(timer) = &mut self.timer {
            timer.confirm(now);
        }
        let body = match answers::description(request) {
            Some(offer) => match self.negotiation.answer(offer) {
                Some(terms) if terms.is_held || is_reachable(terms.said.ip()) => {
                    self.terms = terms;
                    self.hold()?;
                    Some(self.terms.answer.clone())
                }
                _ => {
                    reply(&handle, StatusCode::NotAcceptableHere).await;
                    return Ok(());
                }
            },
            // A call that asks for our description gets the one that holds.
            None if is_invite => self.negotiation.repeat().map(str::to_owned),
            None => None,
        };
        if body.is_some() {
            headers.push(Header::ContentType("application/sdp".into()));
        }
        let body = body.map(String::into_bytes);
        let _ = handle.respond(StatusCode::OK, Some(headers), body).await;
        Ok(())
    }

    /// Goes by the terms: whom packets go to, and whether they do.
    fn hold(&mut self) -> Result<()> {
        let is_held = self.terms.is_held || !self.is_begun;
        self.media.protect(self.terms.srtp.clone());
        self.media.renegotiate(self.terms.types, self.terms.said, is_held)
    }

    fn begin_to_speak(&mut self) -> Result<()> {
        if self.is_begun {
            return Ok(());
        }
        self.is_begun = true;
        self.hold()
    }

    /// Confirms the call.
    fn refresh(&mut self) {
        let Some(timer) = &self.timer else { return };
        let refresh = Refresh::new(timer, self.can_update, self.negotiation.repeat());
        self.is_describing = !self.can_update;
        let (dialog, credentials) = self.line.party();
        let asking = refresh.ask(dialog, credentials);
        self.asking.spawn(quiet(async move { Answered::Refresh(asking.await) }));
    }
}

async fn reply(handle: &TransactionHandle, status: StatusCode) {
    // Whoever asked may have gone.
    let _ = handle.reply(status).await;
}

async fn tell(peer: &LinkPeer<Outbound, Inbound>, outcome: Result<(), ErrorKind>) -> Result<()> {
    match outcome {
        Ok(()) => peer.send(Inbound::Transferred).await,
        Err(kind) => peer.send(Inbound::NotTransferred(kind)).await,
    }
}

fn lost(why: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, "talk", why).with_provider("sip")
}
