use std::future::{Future, pending};

use rsipstack::{
    dialog::dialog::{DialogState, DialogStateReceiver},
    sip::{Response, StatusCode},
};
use tokio::time::{Instant, sleep_until};
use tracing::debug;
use voiceagent_core::{CallTime, Result, audio::AudioFormat, transport::Inbound};

use super::{
    agreement::Agreement,
    call::session,
    negotiation::Negotiation,
    peer::Peer,
    progress::{Audience, SipProgress},
    sockets::Sockets,
};
use crate::rtp::{RtpAction, RtpSession};

/// What comes of a call of ours before it is taken: that it rings, and what can be heard.
///
/// Nothing is sent: nobody is there who could be spoken to.
pub(super) struct EarlyMedia<'a> {
    sockets: &'a Sockets,
    audience: &'a Audience,
    /// With our offer. Each description before the answer is read for itself: a call may ring in
    /// several places, and be answered in another.
    negotiation: Negotiation,
    peer: Peer,
    format: AudioFormat,
    media: Option<(Instant, RtpSession)>,
    description: Option<Vec<u8>>,
}

impl<'a> EarlyMedia<'a> {
    pub(super) const fn new(
        sockets: &'a Sockets,
        audience: &'a Audience,
        negotiation: Negotiation,
        peer: Peer,
        format: AudioFormat,
    ) -> Self {
        Self { sockets, audience, negotiation, peer, format, media: None, description: None }
    }

    /// What was described last, for answers that do not say it again.
    pub(super) const fn description(&mut self) -> Option<Vec<u8>> {
        self.description.take()
    }

    /// What was heard before the answer.
    pub(super) fn into_media(self) -> Option<RtpSession> {
        self.media.map(|(_, media)| media)
    }

    /// Goes along with a request until it is answered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the request.
    pub(super) async fn during<F: Future>(
        &mut self,
        asking: F,
        states: &mut DialogStateReceiver,
    ) -> F::Output {
        tokio::pin!(asking);
        self.description = None;
        // What comes behind the answer belongs to the call, and is left to it.
        let mut is_answered = false;
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut asking => break answer,
                Some(state) = states.recv(), if !is_answered => is_answered = self.follow(state),
                () = self.listen() => {}
            }
        };
        while !is_answered && let Ok(state) = states.try_recv() {
            is_answered = self.follow(state);
        }
        answer
    }

    /// Takes what the other side says; whether it is the answer.
    fn follow(&mut self, state: DialogState) -> bool {
        let answer = match state {
            DialogState::Early(_, answer) => answer,
            state => return matches!(state, DialogState::Confirmed(..)),
        };
        if answer.status_code == StatusCode::Ringing {
            self.audience.reach(SipProgress::Ringing);
        }
        if !answer.body.is_empty() {
            match self.describe(&answer) {
                Ok(true) => self.audience.reach(SipProgress::EarlyMedia),
                Ok(false) => debug!("media before the answer are none that are taken"),
                Err(error) => debug!(%error, "media before the answer cannot be heard"),
            }
            self.description = Some(answer.body);
        }
        false
    }

    /// Goes by a description; whether there is something in it that we can do.
    fn describe(&mut self, answer: &Response) -> Result<bool> {
        let mut negotiation = self.negotiation.clone();
        let text = str::from_utf8(&answer.body).unwrap_or_default();
        let Some(terms) = negotiation.answered(text) else { return Ok(false) };
        let (begin, media) = match &mut self.media {
            Some(media) => media,
            none => none.insert((Instant::now(), session(&terms, self.peer, self.format)?)),
        };
        let now = CallTime::ZERO + begin.elapsed();
        Agreement::new(negotiation, terms).apply(now, media, false)?;
        Ok(true)
    }

    /// Lets the audience hear, for as long as it is polled.
    async fn listen(&mut self) {
        let (Some((begin, media)), true) = (&mut self.media, self.audience.listener.is_some())
        else {
            return pending().await;
        };
        loop {
            let wake = *begin + media.poll_timeout().elapsed();
            let received = tokio::select! {
                received = self.sockets.receive() => received.ok(),
                () = sleep_until(wake) => None,
            };
            let now = CallTime::ZERO + begin.elapsed();
            if let Some((from, datagram)) = received {
                media.receive(now, from, &datagram);
            }
            while let Some(action) = media.poll(now) {
                if let RtpAction::Tell(Inbound::Audio(frame)) = action {
                    self.audience.hear(frame);
                }
            }
        }
    }
}
