use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use rsipstack::{
    dialog::{dialog::DialogStateReceiver, invitation::InviteOption, invite_dialog::InviteDialog},
    sip::{
        Auth, Header, HostWithPort, Param, Response, Scheme, StatusCode, StatusCodeKind, Uri,
        prelude::HeadersExt as _,
    },
    transport::SipAddr,
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use voiceagent_core::{
    CallTime, Error, ErrorKind, Link, Result,
    audio::{AudioFormat, AudioFrame},
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use super::{
    Keypad, RtpQuality, SipAccount, SipConsultation, SipRefusal,
    addresses::contact,
    agreement::Agreement,
    answers,
    call::{LINK, session},
    controls::Controls,
    digest::{Asked, Challenge, Credentials},
    early_media::EarlyMedia,
    leg::Leg,
    line::Line,
    negotiation::Negotiation,
    office::Office,
    peer::Peer,
    progress::{Audience, SipProgress},
    quiet::quiet,
    refusal::code,
    session_timer::{SessionExpires, SessionTimer},
    sockets::Sockets,
    target,
    transfer::{self, Transfers},
    transport::is_secure,
};
use crate::{
    control::{Callee, TransferTarget},
    random::random_name,
};

/// How long a call rings, if nothing else is said.
const RING: Duration = Duration::from_secs(30);

/// How many challenges one call answers, where all but the first say that only the nonce was too
/// old.
const MOST_PROOFS: usize = 3;

/// A call that we make, when it is opened.
///
/// As a [`Transport`] it is like a [`SipCall`](super::SipCall); it carries the format of the codec
/// that we like best, whichever is agreed on. Opening it ends when somebody has picked up, or with
/// an error whose source is a [`SipRefusal`]. So an agent never speaks to a ring or to an
/// announcement of the network, and no detector takes one for an answering machine;
/// [`with_early_audio`](Self::with_early_audio) lets others hear them.
pub struct SipDial {
    office: Arc<Office>,
    info: CallInfo,
    callee: Uri,
    caller: Uri,
    /// Where the request goes.
    route: Uri,
    /// How often the trunk is asked whether it is there, where the call goes by it.
    by_trunk: Option<Duration>,
    credentials: Option<Credentials>,
    is_protected: bool,
    ring: Duration,
    headers: Vec<Header>,
    controls: Controls,
    consultation: SipConsultation,
    audience: Audience,
}

/// A call that has been taken.
struct Taken {
    dialog: InviteDialog,
    states: DialogStateReceiver,
    answer: Response,
    /// What was described before it was taken, for answers that do not say it again.
    early: Option<Vec<u8>>,
}

impl SipDial {
    pub(super) fn new(office: Arc<Office>, to: &Callee) -> Result<Self> {
        let config = &office.config;
        let format = config.codecs[0].leg_format();
        let info = CallInfo::new(random_name("name a call")?.as_str(), Media::audio(format));
        let from = config.directory.from.as_ref().map(|number| number.as_str().to_owned());
        let mut dial = Self {
            info,
            callee: Uri::default(),
            caller: Uri::default(),
            route: Uri::default(),
            by_trunk: None,
            credentials: None,
            is_protected: config.srtp == super::SipSrtp::Required,
            ring: RING,
            headers: Vec::new(),
            controls: Controls::new(),
            consultation: SipConsultation::default(),
            audience: Audience::default(),
            office: Arc::clone(&office),
        };
        let user = match config.directory.callee(to)? {
            TransferTarget::Number(number) => {
                let missing = || Error::config("trunk: a number is called by a trunk");
                let trunk = config.trunk.as_ref().ok_or_else(missing)?;
                dial.route = trunk.uri()?;
                let host = trunk.host()?;
                dial.by_trunk = Some(trunk.keep_alive);
                let user = trunk.user.clone().or(from);
                dial.callee = address(number.as_str(), &host);
                dial.callee.params.push(Param::Other("user".into(), Some("phone".into())));
                dial.caller = address(user.as_deref().unwrap_or("anonymous"), &host);
                dial.credentials = trunk.credentials();
                dial.is_protected |= trunk.srtp;
                dial.info = dial.info.with_to(number.as_str());
                user
            }
            TransferTarget::Sip(target) => {
                let wrong = || Error::config("directory: an address begins with `sip:`");
                let is_clean = !target
                    .contains(|c: char| c.is_control() || c.is_whitespace() || "<>\"".contains(c));
                dial.callee = Uri::try_from(target.as_str()).map_err(|_| wrong())?;
                if !is_clean || !matches!(dial.callee.scheme, Some(Scheme::Sip | Scheme::Sips)) {
                    return Err(wrong());
                }
                if config.tls.is_none() && is_secure(&dial.callee) {
                    return Err(Error::config("tls: the address that is called needs it"));
                }
                dial.route = dial.callee.clone();
                dial.caller =
                    address(from.as_deref().unwrap_or("anonymous"), &dial.route.host_with_port);
                from
            }
        };
        if let Some(user) = user {
            dial.info = dial.info.with_from(user);
        }
        Ok(dial)
    }

    /// Says how long it rings; 30 s if not said.
    #[must_use]
    pub const fn with_ring(mut self, ring: Duration) -> Self {
        self.ring = ring;
        self
    }

    /// Adds a header of the application's own.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when its name does not begin with `X-`, or either holds what
    /// ends a line.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self> {
        let is_own = name.get(..2).is_some_and(|begin| begin.eq_ignore_ascii_case("x-"));
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_own || !is_name || value.contains(|c: char| c.is_control()) {
            return Err(Error::config("a header: `X-` with letters and digits, and one line"));
        }
        self.headers.push(Header::Other(name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Lets the application hear what comes before the answer, such as a ring or an announcement, in
    /// the format of the call. It ends when the call is taken or refused. Frames that find no room in
    /// the channel are left out; 64 of them are 1.3 s.
    #[must_use]
    pub fn with_early_audio(mut self, listener: mpsc::Sender<AudioFrame>) -> Self {
        self.audience.listener = Some(listener);
        self
    }

    /// How far the call has come, from when it is opened.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<SipProgress> {
        self.audience.progress()
    }

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

    /// The call as the place that another one can be handed to, from when it has been taken.
    #[must_use]
    pub fn consultation(&self) -> SipConsultation {
        self.consultation.clone()
    }

    /// Calls as an account of ours, where the callee stands at the host of one: a PBX lets those call
    /// whom it knows, and asks them to prove it.
    fn call_as(&mut self, account: &SipAccount) -> Result<()> {
        let wrong = |_| Error::config("accounts.domain: the name of a host");
        let mut caller = Uri::try_from(format!("sip:{}", account.host())).map_err(wrong)?;
        caller.auth = Some(Auth { user: account.user.clone(), password: None });
        self.caller = caller;
        self.credentials = Some(account.credentials());
        Ok(())
    }

    /// Asks until there is an answer that is final, and proves who we are where that is asked for.
    /// Dropping the future takes the call back (`CANCEL`).
    async fn ask(
        &self,
        (route, contact): (&SipAddr, &Uri),
        offer: &str,
        early: &mut EarlyMedia<'_>,
    ) -> Result<Taken> {
        let (mut proof, mut proofs, mut is_reliable) = (None, 0, false);
        loop {
            let mut headers = answers::abilities();
            headers.extend(self.headers.iter().cloned());
            headers.extend(proof.take());
            let (sender, mut states) = self.office.dialogs.new_dialog_state_channel();
            let option = InviteOption {
                caller: self.caller.clone(),
                callee: self.callee.clone(),
                destination: Some(route.clone()),
                offer: Some(offer.as_bytes().to_vec()),
                contact: contact.clone(),
                headers: Some(headers),
                // The stack reads nothing of a call while a `PRACK` waits for its answer.
                support_prack: is_reliable,
                call_id: Some(self.info.id.as_str().to_owned()),
                ..InviteOption::default()
            };
            let broken = |_| Error::new(ErrorKind::Protocol, "call", "the answers make no sense");
            let asking = quiet(self.office.dialogs.do_invite(option, sender));
            let (dialog, answer) = early.during(asking, &mut states).await.map_err(broken)?;
            let silent = || Error::new(ErrorKind::Timeout, "call", "nothing answers");
            let answer = answer.ok_or_else(silent)?;
            if answer.status_code.kind() == StatusCodeKind::Successful {
                self.audience.reach(SipProgress::Answered);
                return Ok(Taken { dialog, states, answer, early: early.description() });
            }
            if !is_reliable && requires_reliability(&answer) {
                (is_reliable, proofs) = (true, 0);
                continue;
            }
            let may_prove =
                |challenge: &Challenge| proofs == 0 || challenge.is_stale && proofs < MOST_PROOFS;
            let challenge = Challenge::of(&answer).filter(may_prove);
            let Some((challenge, credentials)) = challenge.zip(self.credentials.as_ref()) else {
                return Err(match code(&answer.status_code) {
                    // The stack says so when nothing has come for too long.
                    408 => silent(),
                    _ => SipRefusal::error_of(&answer),
                });
            };
            let uri = self.callee.to_string();
            let asked = Asked { method: "INVITE", uri: &uri, body: offer.as_bytes() };
            proof = Some(challenge.answer(credentials, asked)?);
            proofs += 1;
        }
    }
}

/// Whether a call is refused only because it does not offer to acknowledge what comes before the
/// answer (RFC 3261, section 21.4.16; RFC 3262, section 3).
fn requires_reliability(answer: &Response) -> bool {
    answer.status_code == StatusCode::ExtensionRequired
        && answer.header_contains_token("Require", "100rel")
}

/// The address of somebody at a host.
pub(super) fn address(user: &str, host: &HostWithPort) -> Uri {
    Uri {
        scheme: Some(Scheme::Sip),
        auth: Some(Auth { user: user.to_owned(), password: None }),
        host_with_port: host.clone(),
        ..Uri::default()
    }
}

#[async_trait]
impl Transport for SipDial {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default()
            .with_clear(true)
            .with_marks(true)
            .with_dtmf(true)
            .with_transfer(!self.office.config.directory.targets.is_empty())
            .with_longest_transfer(transfer::LONGEST)
    }

    async fn open(mut self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        let Office { config, addresses, calls, dialogs, ports, streams, board, stack, .. } =
            &*Arc::clone(&self.office);
        let closed = || Error::new(ErrorKind::Closed, "call", "the server has ended");
        let full = |_| Error::new(ErrorKind::Overloaded, "call", "the limit of calls is reached");
        let stack = stack.upgrade().ok_or_else(closed)?;
        if let Some(again) = self.by_trunk.filter(|_| self.office.has_lost_trunk()) {
            // Asked all the same it would be silent for half a minute.
            return Err(SipRefusal::Unreachable.into_error().with_retry_after(again));
        }
        let permit = Arc::clone(calls).try_acquire_owned().map_err(full)?;
        let gone = |error: std::io::Error| {
            let lost = ErrorKind::Disconnected;
            Error::new(lost, "call", "no way there").with_provider("sip").with_source(error)
        };
        let route = streams.reach(&self.route).await.map_err(gone)?;
        let peer = Peer {
            address: route.get_socketaddr().map_err(|_| closed())?,
            transport: route.r#type.unwrap_or_default(),
        };
        if self.by_trunk.is_none()
            && let Some(account) = config.account_at(peer.address, &self.callee.host_with_port.host)
        {
            self.call_as(account)?;
        }
        let local = addresses.seen_from(config, peer.transport, peer.address)?;
        let mut sockets = Sockets::bind(ports, addresses.ip())?;
        let heard = addresses.heard_from(config, peer.address)?;
        let at = SocketAddr::new(heard, sockets.port());
        let mut negotiation = Negotiation::new(config.codecs.clone(), config.srtp, at);
        let offer = negotiation.offer(self.is_protected)?;
        sockets.tell();
        let user = self.caller.auth.as_ref().map(|auth| auth.user.as_str());
        let contact = contact(local, peer.transport, user);
        let format = format_of(&self.info);
        let mut early =
            EarlyMedia::new(&sockets, &self.audience, negotiation.clone(), peer, format);
        let asking = self.ask((&route, &contact), &offer, &mut early);
        let Ok(taken) = timeout(self.ring, asking).await else {
            return Err(SipRefusal::NoAnswer.into_error());
        };
        let Taken { dialog, states, answer, early: described } = taken?;
        let before = early.into_media();
        // Dropped from here on, it says goodbye.
        let mut line = Line::new(dialog, states, Arc::clone(dialogs), stack)
            .with_credentials(self.credentials.clone())
            .with_board(Arc::clone(board), self.controls.orders());
        if target::is_unsaid(&answer) {
            let why = "the answer does not say where the other side is";
            return Err(Error::new(ErrorKind::Protocol, "call", why).with_provider("sip"));
        }
        self.consultation.taken(&line.dialog.id(), &answer, &self.callee.to_string());
        line.list();
        let described = if answer.body.is_empty() { described } else { Some(answer.body.clone()) };
        let described = described.and_then(|body| String::from_utf8(body).ok());
        let terms = described.and_then(|answer| negotiation.answered(&answer));
        let terms = terms.ok_or_else(|| SipRefusal::Media.into_error())?;
        let expires = answer.header_value("session-expires");
        let expires = expires.and_then(|value| SessionExpires::parse_answer(&value));
        let timer = expires.map(|asked| SessionTimer::new(CallTime::ZERO, asked));
        let mut media = session(&terms, peer, format)?;
        if let Some(before) = before {
            media.count_on(before);
        }
        let transfers = Transfers::new(config.directory.clone(), peer);
        sockets.flush();
        let agreed = Agreement::new(negotiation, terms);
        let leg = Leg::new(line, sockets, media, agreed, timer, transfers, self.controls)
            .with_media_timeout(config.media_timeout)
            .begun(&answer);
        Ok(Link::spawn(LINK, move |peer| async move {
            // A call counts against the limit for as long as it lasts.
            let _counted = permit;
            leg.run(peer).await
        }))
    }
}

/// The format of a call of ours, which is audio.
fn format_of(info: &CallInfo) -> AudioFormat {
    match info.media {
        Media::Audio { inbound, .. } => inbound,
        _ => AudioFormat::PCM_8K,
    }
}

impl fmt::Debug for SipDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SipDial").field("call", &self.info.id).finish_non_exhaustive()
    }
}
