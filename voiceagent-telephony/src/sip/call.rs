use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use rsipstack::{dialog::invite_dialog::InviteDialog, sip::StatusCode, transaction::Transaction};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::debug;
use voiceagent_core::{
    CallTime, Error, Link, Result,
    audio::AudioFormat,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use super::{
    Keypad, RtpQuality, SipConfig, SipHandover,
    addresses::contact,
    agreement::Agreement,
    answers::{self, Refusal},
    controls::Controls,
    incoming::Stack,
    leg::Leg,
    line::Line,
    negotiation::{Negotiation, Terms},
    office::Office,
    parameters::call_info,
    peer::Peer,
    session_timer::{SessionExpires, SessionTimer},
    sockets::Sockets,
    transfer::{self, Transfers},
};
use crate::rtp::{Begin, MediaPeer, RtpSession};

/// Events and requests that may wait between a session and its leg, in each direction: 1.3 s of
/// frames.
pub(super) const LINK: usize = 64;

/// A call that rings.
///
/// As a [`Transport`] it carries the format of the codec that was agreed on: G.711 as it is, and
/// G.722 as PCM at 16 kHz. It delivers keys, by RFC 4733 and by `INFO`, answers marks when its own
/// packets have been played, less what the other side says its network varies by, and hands calls
/// on by `REFER`. It is answered when it is opened; dropped before, it is refused.
pub struct SipCall {
    info: CallInfo,
    line: Line,
    sockets: Sockets,
    negotiation: Negotiation,
    terms: Terms,
    peer: Peer,
    expires: Option<SessionExpires>,
    config: Arc<SipConfig>,
    controls: Controls,
    permit: OwnedSemaphorePermit,
}

impl SipCall {
    /// How well the call goes, every second while it lasts, and how it went.
    #[must_use]
    pub fn quality(&self) -> watch::Receiver<RtpQuality> {
        self.controls.quality()
    }

    /// Presses keys on the call, from when it is opened.
    #[must_use]
    pub fn keypad(&self) -> Keypad {
        self.controls.keypad()
    }

    /// Refuses the call with a status from 400 to 699; one that is dropped is refused with 480. 503
    /// says `Retry-After: 5`, without which it would be taken for a fault (RFC 3261, section 21.5.4).
    /// Where there is no room, [`SipServer::with_room`](super::SipServer::with_room) refuses calls
    /// before they ring.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) when the status is no refusal; the call is
    /// refused with 480 then.
    pub fn refuse(self, status: u16) -> Result<()> {
        let wait = (status == 503).then_some(answers::RETRY_AFTER);
        self.refuse_with(status, wait)
    }

    /// Refuses the call, and says after how long it may be tried again (`Retry-After`; RFC 3261,
    /// section 20.33).
    ///
    /// # Errors
    ///
    /// As [`refuse`](Self::refuse).
    pub fn refuse_for(self, status: u16, wait: Duration) -> Result<()> {
        self.refuse_with(status, Some(wait))
    }

    fn refuse_with(self, status: u16, wait: Option<Duration>) -> Result<()> {
        if !(400..700).contains(&status) {
            return Err(Error::config("status: from 400 to 699"));
        }
        let headers = wait.map(answers::try_again_after).into_iter().collect();
        self.line.refuse(StatusCode::from(status), headers);
        Ok(())
    }

    /// Refuses the call since nobody takes it.
    pub(super) fn turn_away(self) {
        let headers = vec![answers::try_again_after(answers::RETRY_AFTER)];
        self.line.refuse(StatusCode::ServiceUnavailable, headers);
    }

    /// Hands the call over to somebody whom we have called, from when it is opened.
    #[must_use]
    pub fn handover(&self) -> SipHandover {
        self.controls.handover()
    }
}

/// The media of a call that begins now, in a format that stays.
pub(super) fn session(terms: &Terms, peer: Peer, format: AudioFormat) -> Result<RtpSession> {
    let begin = Begin::random()?;
    let peer = MediaPeer::new(terms.said, peer.address.ip());
    let name = format!("{:08x}@voiceagent", begin.ssrc);
    RtpSession::new(CallTime::ZERO, begin, name, peer, format, terms.types)
}

#[async_trait]
impl Transport for SipCall {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default()
            .with_clear(true)
            .with_marks(true)
            .with_dtmf(true)
            .with_transfer(!self.config.directory.targets.is_empty())
            .with_longest_transfer(transfer::LONGEST)
    }

    async fn open(mut self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let format = self.terms.types.audio.1.leg_format();
        let media = session(&self.terms, self.peer, format)?;
        let timer = self.expires.map(|asked| SessionTimer::new(CallTime::ZERO, asked));
        let headers = timer.as_ref().map(SessionTimer::headers).unwrap_or_default();
        self.sockets.flush();
        self.line.accept(headers, &self.terms.answer)?;
        self.sockets.tell();
        let Self { line, sockets, negotiation, terms, config, controls, permit, peer, .. } = *self;
        let transfers = Transfers::new(config.directory.clone(), peer);
        let agreed = Agreement::new(negotiation, terms);
        let leg = Leg::new(line, sockets, media, agreed, timer, transfers, controls)
            .with_media_timeout(config.media_timeout);
        Ok(Link::spawn(LINK, move |peer| async move {
            // A call counts against the limit for as long as it lasts.
            let _counted = permit;
            leg.run(peer).await
        }))
    }
}

impl fmt::Debug for SipCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SipCall").field("call", &self.info.id).finish_non_exhaustive()
    }
}

/// A call that has been understood, and is told to the application next.
pub(super) struct Offered(SipCall);

impl Offered {
    /// Agrees on the media, takes ports, and lets it ring.
    pub(super) fn new(
        office: &Office,
        peer: Peer,
        request: &Transaction,
        expires: Option<SessionExpires>,
        (stack, permit): (Arc<Stack>, OwnedSemaphorePermit),
    ) -> Result<Self, Refusal> {
        let Office { config, addresses, dialogs, board, ports, .. } = office;
        let unavailable = |error: Error| {
            debug!(%error, "a call cannot be taken");
            Refusal::Unavailable
        };
        let local = addresses.seen_from(config, peer.transport, peer.address);
        let local = local.map_err(unavailable)?;
        let heard = addresses.heard_from(config, peer.address).map_err(unavailable)?;
        let at = SocketAddr::new(heard, 0);
        let mut negotiation = Negotiation::new(config.codecs.clone(), config.srtp, at);
        let offer = answers::description(&request.original).ok_or(Refusal::Media)?;
        // Ports are for calls that can be.
        if !negotiation.takes(offer) {
            return Err(Refusal::Media);
        }
        let sockets = Sockets::bind(ports, addresses.ip()).map_err(unavailable)?;
        negotiation.listen_at(sockets.port());
        let terms = negotiation.answer(offer).ok_or(Refusal::Media)?;
        let media = Media::audio(terms.types.audio.1.leg_format());
        let info = call_info(&request.original, media).map_err(unavailable)?;
        let contact = contact(local, peer.transport, None);
        let (sender, states) = dialogs.new_dialog_state_channel();
        let dialog = dialogs
            .get_or_create_server_invite(request, sender, None, Some(contact))
            .map_err(|_| Refusal::Unavailable)?;
        if !answers::wants_confirmations(&request.original) {
            // It is answered whether or not this one gets lost.
            let _ = dialog.ringing(None, None);
        }
        let controls = Controls::new();
        Ok(Self(SipCall {
            info,
            line: Line::new(dialog, states, Arc::clone(dialogs), stack)
                .answering(request)
                .with_credentials(config.credentials_for(peer.address.ip()))
                .with_board(Arc::clone(board), controls.orders()),
            sockets,
            negotiation,
            terms,
            peer,
            expires,
            config: Arc::clone(config),
            controls,
            permit,
        }))
    }

    pub(super) fn dialog(&self) -> InviteDialog {
        self.0.line.dialog.clone()
    }

    pub(super) fn into_call(self) -> SipCall {
        self.0
    }
}
