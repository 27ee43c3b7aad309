use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use tokio::sync::mpsc;
use voiceagent_core::{Error, Result, Secret, audio::AudioFormat};

use super::{
    Door, StatusEvent, VoiceWebhook,
    address::{PublicAddress, without_userinfo},
    callers::Callers,
    house::House,
    look_ups::LookUps,
    status::Statuses,
    visits::Visits,
};
use crate::{
    control::CallControl,
    document::{ConversationRelay, Response, Verb},
    media_stream::{
        HeardCalls, MediaSocket, MediaSocketBuilder, MediaStream, RelayCall, RelaySocket,
        StreamTokens, TokenCheck,
    },
};

pub(super) type Parameters = Arc<dyn Fn(&VoiceWebhook) -> BTreeMap<String, String> + Send + Sync>;

/// Whether there is room for one more call.
pub(super) type Room = Box<dyn Fn() -> bool + Send + Sync>;

/// Gathers the settings of a [`FrontDoor`](super::FrontDoor).
#[must_use]
pub struct FrontDoorBuilder {
    house: &'static House,
    format: Option<AudioFormat>,
    auth_tokens: Vec<Secret>,
    public_url: Option<String>,
    trusted_proxies: Vec<IpAddr>,
    paths: Paths,
    media: MediaSocketBuilder,
    relay: Option<(ConversationRelay, RelaySocket)>,
    control: Option<Arc<dyn CallControl>>,
    calls: Option<usize>,
    tokens: Arc<StreamTokens>,
    parameters: Parameters,
    callers: Option<(usize, Duration)>,
    after: Vec<Verb>,
    room: Option<Room>,
    when_full: Vec<Verb>,
    when_unheard: Vec<Verb>,
    statuses: Option<mpsc::Sender<StatusEvent>>,
    /// Settings that were made, and mean nothing where the carrier speaks.
    of_streams: BTreeSet<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) voice: String,
    pub(super) status: String,
    pub(super) media: String,
    pub(super) after: String,
    /// Other paths of the voice webhook.
    pub(super) voice_aliases: Vec<String>,
    /// Other paths of the media socket.
    pub(super) media_aliases: Vec<String>,
}

impl FrontDoorBuilder {
    pub(super) fn new(house: &'static House) -> Self {
        let tokens = Arc::new(StreamTokens::new());
        let carrier = house.carrier;
        let check = TokenCheck::Required(Arc::clone(&tokens));
        Self {
            house,
            format: None,
            auth_tokens: Vec::new(),
            public_url: None,
            trusted_proxies: Vec::new(),
            paths: Paths {
                voice: format!("/{carrier}/voice"),
                status: format!("/{carrier}/status"),
                media: format!("/{carrier}/media"),
                after: format!("/{carrier}/after"),
                voice_aliases: Vec::new(),
                media_aliases: Vec::new(),
            },
            media: MediaSocket::of(carrier, check),
            relay: None,
            control: None,
            calls: None,
            tokens,
            parameters: Arc::new(|_| BTreeMap::new()),
            callers: None,
            after: vec![Verb::Hangup],
            room: None,
            when_full: (house.when_full)(),
            when_unheard: Vec::new(),
            statuses: None,
            of_streams: BTreeSet::new(),
        }
    }

    /// What the carrier's requests are signed with: the account's auth token (Plivo, Twilio), the
    /// project's signing key (SignalWire), the account's public key in base64 (Telnyx), or its
    /// signature secret (Vonage). While it is rotated, add both.
    pub fn auth_token(mut self, token: Secret) -> Self {
        self.auth_tokens.push(token);
        self
    }

    /// Where the carrier finds this server, such as `https://agent.example.com`; with a path if a proxy
    /// strips it, and with name and password if the carrier is to log in. Without it, the address is taken from a trusted proxy, or from the request.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// A proxy whose `X-Forwarded-Proto` and `X-Forwarded-Host` are believed. Needs the peer's
    /// address, which [`serve`](crate::server::serve) provides.
    pub fn trusted_proxy(mut self, proxy: IpAddr) -> Self {
        self.trusted_proxies.push(proxy);
        self
    }

    /// The path of the voice webhook; `/twilio/voice`, or the like for another carrier, if not
    /// set.
    pub fn voice_path(mut self, path: impl Into<String>) -> Self {
        self.paths.voice = path.into();
        self
    }

    /// Another path of the voice webhook, for numbers that were set to it before. What comes there is
    /// signed for it, and answered as at the path of the voice webhook.
    pub fn voice_alias(mut self, path: impl Into<String>) -> Self {
        self.paths.voice_aliases.push(path.into());
        self
    }

    /// Another path of the media socket. It takes the streams that the path of the media socket
    /// takes, with their tokens; webhooks lead nobody there.
    pub fn media_alias(mut self, path: impl Into<String>) -> Self {
        self.paths.media_aliases.push(path.into());
        self
    }

    /// The path of the status callback; `/twilio/status`, or the like for another carrier, if
    /// not set.
    pub fn status_path(mut self, path: impl Into<String>) -> Self {
        self.paths.status = path.into();
        self
    }

    /// The path of the media socket; `/twilio/media`, or the like for another carrier, if not
    /// set.
    pub fn media_path(mut self, path: impl Into<String>) -> Self {
        self.paths.media = path.into();
        self
    }

    /// Where the carrier asks how to go on after a stream, with
    /// [`when_unheard`](Self::when_unheard); `/twilio/after`, or the like for another carrier, if
    /// not set.
    pub fn after_path(mut self, path: impl Into<String>) -> Self {
        self.paths.after = path.into();
        self
    }

    /// The format of the audio, where the carrier has a choice; if not set, mu-law at 8 kHz, and
    /// for Vonage 16-bit PCM at 16 kHz.
    pub const fn format(mut self, format: AudioFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// What happens with each call; it lasts as long as the future, or the link that it opens.
    pub fn on_call<F>(mut self, on_call: impl Fn(MediaStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.media = self.media.on_call(on_call);
        self
    }

    /// What happens with each call in text, in place of [`on_call`](Self::on_call): Twilio
    /// recognizes and speaks, as `relay` says, whose address is the door's.
    pub fn on_relay<F>(
        mut self,
        relay: ConversationRelay,
        on_call: impl Fn(RelayCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let check = TokenCheck::Required(Arc::clone(&self.tokens));
        self.relay = Some((relay, RelaySocket::new(check, on_call)));
        // No document leads a media stream here.
        self.on_call(|_| async {})
    }

    /// What a call is to know from its webhook. It runs before the answer, on a thread on which it
    /// may block; after 150 ms the call is answered without it, and at once while 32 calls wait for
    /// it. What it says goes through the carrier where name and value have fewer than 500
    /// characters together; the call gets it in any case.
    pub fn parameters(
        mut self,
        parameters: impl Fn(&VoiceWebhook) -> BTreeMap<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.parameters = Arc::new(parameters);
        self
    }

    /// How to hang up and transfer, usually a
    /// [`CompatibleRest`](crate::compatible::CompatibleRest). Without
    /// it, hanging up closes the socket, and the verbs of [`after`](Self::after) follow.
    pub fn control(mut self, control: Arc<dyn CallControl>) -> Self {
        self.media = self.media.control(Arc::clone(&control));
        self.control = Some(control);
        self
    }

    /// Whether calls that we make are made with machine detection
    /// ([`NewCall`](crate::control::NewCall)), so that the session may wait for the verdict, which
    /// comes to the status callback; no if not set.
    pub fn machine_detection(mut self, detects: bool) -> Self {
        self.media = self.media.answerer(detects);
        self.of_streams.insert("machine_detection");
        self
    }

    /// What the carrier does when the media stream ends or cannot be opened; hangs up if not set.
    pub fn after(mut self, verbs: impl IntoIterator<Item = Verb>) -> Self {
        self.after = verbs.into_iter().collect();
        self
    }

    /// How often a number may call within a time; without limit if not set. Numbers that are
    /// hidden are not limited.
    pub fn caller_limit(mut self, calls: usize, within: Duration) -> Self {
        self.callers = Some((calls, within));
        self
    }

    /// What a caller gets while the limit of calls is reached, or who calls too often: words, or a
    /// redirect. If not set, it is the busy tone, and with Vonage, which has none, a sentence in
    /// English.
    pub fn when_full(mut self, verbs: impl IntoIterator<Item = Verb>) -> Self {
        self.when_full = verbs.into_iter().collect();
        self
    }

    /// What the carrier does in place of [`after`](Self::after) when the media stream ends, or
    /// cannot be opened, before the caller was sent any sound: an apology in the carrier's own
    /// voice, and a hang-up. Then the carrier asks at the end of each stream how to go on, and a
    /// call that is hung up without a word loses its socket only, whatever
    /// [`control`](Self::control) there is. If not set, nothing of this happens.
    pub fn when_unheard(mut self, verbs: impl IntoIterator<Item = Verb>) -> Self {
        self.when_unheard = verbs.into_iter().collect();
        self.of_streams.insert("when_unheard");
        self
    }

    /// Where the progress of calls is reported. An event that finds the channel full is dropped,
    /// with a warning: the carrier must not wait for a slow reader.
    pub fn statuses(mut self, statuses: mpsc::Sender<StatusEvent>) -> Self {
        self.statuses = Some(statuses);
        self
    }

    /// Calls at the same time, from their webhooks on; 100 if not set. A call whose stream does not
    /// come counts for a minute, or until the carrier reports its end to the status callback.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.media = self.media.max_calls(calls);
        self.calls = Some(calls);
        self
    }

    /// Asks this at each webhook, before a call is answered; where it says that there is no room, the
    /// call gets what [`when_full`](Self::when_full) says. It is asked on the task of the webhook and
    /// must answer at once. If not set, [`max_calls`](Self::max_calls) alone decides.
    pub fn with_room(mut self, has_room: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.room = Some(Box::new(has_room));
        self
    }

    /// How long a media socket may stay without saying `start`; 5 s if not set.
    pub fn start_deadline(mut self, deadline: Duration) -> Self {
        self.media = self.media.start_deadline(deadline);
        self.of_streams.insert("start_deadline");
        self
    }

    /// Makes the routes.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config), naming the setting that is missing or wrong.
    pub fn build(mut self) -> Result<Router> {
        self.check_documents()?;
        self.of_streams.extend(self.format.map(|_| "format"));
        if let (Some(_), Some(setting)) = (&self.relay, self.of_streams.first()) {
            let message = format!("{setting}: it is of media streams, and on_relay makes none");
            return Err(Error::config(message));
        }
        if let Some(format) = self.format {
            self.media = self.media.format(format);
        }
        if self.callers.is_some_and(|(calls, within)| calls == 0 || within.is_zero()) {
            return Err(Error::config("caller_limit: at least 1 call, within more than 0 s"));
        }
        self.paths.check()?;
        let heard = Arc::new(HeardCalls::default());
        if !self.when_unheard.is_empty() {
            self.media = self.media.heard(Arc::clone(&heard));
        }
        let relay = self.relay.map(|(document, mut socket)| {
            if let Some(control) = self.control {
                socket = socket.control(control);
            }
            if let Some(calls) = self.calls {
                socket = socket.max_calls(calls);
            }
            (document, socket)
        });
        let door = Door {
            relay,
            house: self.house,
            signatures: (self.house.signatures)(self.auth_tokens)?,
            format: self.format,
            address: PublicAddress::new(self.public_url.as_deref(), self.trusted_proxies)?,
            paths: self.paths,
            media: self.media.build()?,
            tokens: self.tokens,
            look_ups: LookUps::new(self.parameters),
            callers: self.callers.map(|(calls, within)| Callers::new(calls, within)),
            after: self.after,
            room: self.room,
            when_full: self.when_full,
            when_unheard: self.when_unheard,
            heard,
            events: self.statuses,
            statuses: Statuses::default(),
            visits: Visits::default(),
        };
        Ok(Arc::new(door).router())
    }

    /// Whether the carrier has words for what it is to do.
    fn check_documents(&self) -> Result<()> {
        let relay: Vec<_> = self.relay.iter().map(|(relay, _)| relay.clone().into()).collect();
        let mut when_unheard = self.when_unheard.clone();
        if !when_unheard.is_empty() {
            when_unheard.insert(0, Verb::Redirect(String::new()));
        }
        for (verbs, wrong) in [
            (&relay, "on_relay: the carrier's language has no word for a conversation in text"),
            (
                &when_unheard,
                "when_unheard: the carrier's language has no word for one of the verbs, or none \
                 to ask how to go on",
            ),
            (&self.after, "after: the carrier's language has no word for one of the verbs"),
            (&self.when_full, "when_full: the carrier's language has no word for one of the verbs"),
        ] {
            let mut document = Response::new();
            document.extend(verbs.iter().cloned());
            document.write(self.house.language).map_err(|_| Error::config(wrong))?;
        }
        Ok(())
    }
}

impl Paths {
    fn check(&self) -> Result<()> {
        let mut paths = vec![&self.voice, &self.status, &self.media, &self.after];
        paths.extend(self.voice_aliases.iter().chain(&self.media_aliases));
        if paths.iter().any(|path| !path.starts_with('/') || path.contains(['{', '?', '#'])) {
            return Err(Error::config(
                "voice_path, status_path, media_path, after_path and aliases: each begins with / \
                 and is fixed",
            ));
        }
        paths.sort();
        if paths.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::config(
                "voice_path, status_path, media_path, after_path and aliases: all different",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for FrontDoorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontDoorBuilder")
            .field("carrier", &self.house.carrier)
            .field("auth_tokens", &self.auth_tokens)
            .field("public_url", &self.public_url.as_deref().map(without_userinfo))
            .field("paths", &self.paths)
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}
