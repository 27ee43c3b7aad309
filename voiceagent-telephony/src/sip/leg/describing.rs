//! How the media of a call are described anew, by either side.

use rsipstack::{
    dialog::dialog::TransactionHandle,
    sip::{Header, Method, Request, StatusCode, prelude::HeadersExt as _},
};
use tracing::debug;
use voiceagent_core::{
    LinkPeer, Result,
    transport::{Inbound, Outbound},
};

use super::{
    super::{answers, quiet::quiet, target},
    Answered, Leg, reply,
};

impl Leg {
    /// Answers a request that describes the media anew, or confirms the call.
    pub(super) async fn update(
        &mut self,
        request: &Request,
        handle: TransactionHandle,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        // Two descriptions that cross: both sides step back, and try again later (RFC 3261, section
        // 14.2; RFC 3311, section 5.2).
        let is_invite = request.method == Method::Invite;
        let offer = answers::description(request);
        let is_describing = self.confirmation.is_describing() || self.offered.is_some();
        if is_describing && (is_invite || offer.is_some()) {
            reply(&handle, StatusCode::RequestPending).await;
            return Ok(());
        }
        if let Err(refusal) = answers::check(request) {
            let headers = Some(refusal.headers(request));
            let _ = handle.respond(refusal.status(), headers, None).await;
            return Ok(());
        }
        let body = match offer {
            Some(offer) => {
                let Some(answer) = self.agreement.answer(offer) else {
                    reply(&handle, StatusCode::NotAcceptableHere).await;
                    return Ok(());
                };
                self.go_by_terms(peer).await?;
                Some(answer)
            }
            None if is_invite => {
                self.offered = request.cseq_header().and_then(|number| number.seq()).ok();
                self.agreement.offer()
            }
            None => None,
        };
        let mut headers = answers::abilities();
        // A refusal changes nothing (RFC 3261, section 14.1).
        headers.extend(self.confirmation.asked(self.now(), request));
        if body.is_some() {
            headers.push(Header::ContentType("application/sdp".into()));
        }
        let body = body.map(String::into_bytes);
        target::refresh(&self.line.dialog, request);
        let _ = handle.respond(StatusCode::OK, Some(headers), body).await;
        Ok(())
    }

    /// Takes the answer to an offer of ours that stood in an answer.
    pub(super) async fn acknowledged(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        let Some(offered) = self.offered else { return Ok(()) };
        let Some(told) = self.line.dialog.last_remote_ack() else { return Ok(()) };
        if told.cseq_header().and_then(|number| number.seq()).ok() != Some(offered) {
            return Ok(());
        }
        self.offered = None;
        match answers::description(&told) {
            Some(answer) if self.agreement.answered(answer) => self.go_by_terms(peer).await,
            _ => {
                debug!("our offer was acknowledged with nothing that is taken");
                Ok(())
            }
        }
    }

    /// Goes by what was agreed on: whom packets go to, and whether they do. The session is told of a
    /// hold and of its end.
    pub(super) async fn go_by_terms(&mut self, peer: &LinkPeer<Outbound, Inbound>) -> Result<()> {
        self.agreement.apply(self.now(), &mut self.media, self.is_begun)?;
        let is_held = self.agreement.is_held();
        if self.is_held != is_held {
            self.is_held = is_held;
            peer.send(Inbound::Held(is_held)).await?;
        }
        Ok(())
    }

    pub(super) async fn begin_to_speak(
        &mut self,
        peer: &LinkPeer<Outbound, Inbound>,
    ) -> Result<()> {
        if self.is_begun {
            return Ok(());
        }
        self.is_begun = true;
        self.go_by_terms(peer).await
    }

    /// Confirms the call.
    pub(super) fn refresh(&mut self) {
        let Some(refresh) = self.confirmation.ask(self.agreement.repeat()) else { return };
        let (dialog, credentials) = self.line.party();
        let asking = refresh.ask(dialog, credentials);
        self.asking.spawn(quiet(async move {
            let (outcome, description) = asking.await;
            Answered::Refresh(outcome, description)
        }));
    }
}
