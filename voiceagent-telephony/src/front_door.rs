//! Where calls come in: a signed voice webhook, a signed status callback, and the media socket that
//! the webhook's answer leads to.

mod address;
mod answerer;
mod builder;
mod callers;
mod house;
mod look_ups;
mod reading;
mod status;
mod visits;
mod webhook;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Request, State, WebSocketUpgrade},
    http::{Method, StatusCode, Uri, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};
use voiceagent_core::{CallId, Private, audio::AudioFormat, transport::Direction};

pub(crate) use self::webhook::outbound;
use self::{
    address::{PublicAddress, target, websocket, without_userinfo},
    answerer::read_answerer,
    builder::{Paths, Room},
    callers::Callers,
    house::House,
    look_ups::LookUps,
    reading::Read,
    status::Statuses,
    visits::Visits,
};
pub use self::{
    builder::FrontDoorBuilder,
    status::{CallStatus, StatusEvent},
    webhook::VoiceWebhook,
};
use crate::{
    document::{self, ConversationRelay, Stream, Verb},
    media_stream::{
        Grant, HeardCalls, MediaSocket, Place, RelaySocket, Stay, StreamTokens, TokenCheck, is_name,
    },
    signature::{CheckSignature, SignatureRefusal, SignedRequest},
};

/// What name and value of a parameter may have together, in characters.
const LONGEST_PARAMETER: usize = 500;

/// Answers the calls of a carrier. Each constructor ends, through its builder, in a [`Router`] to
/// be mounted.
///
/// Each request must be signed, with Twilio the upgrade of the media socket too; each stream must
/// bring the one-time token that its webhook was answered with. Nothing of this can be turned off
/// here: for a bare socket, see [`MediaSocket`].
///
/// ```
/// use voiceagent_core::{Secret, transport::Transport};
/// use voiceagent_telephony::front_door::FrontDoor;
///
/// let app = FrontDoor::twilio()
///     .auth_token(Secret::new("12345"))
///     .public_url("https://agent.example.com")
///     .on_call(|stream| async move {
///         let _link = Box::new(stream).open().await;
///     })
///     .build()?;
/// # let _: axum::Router = app;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct FrontDoor;

impl FrontDoor {
    /// Begins a door for Plivo. An auth token and `on_call` must be added.
    pub fn plivo() -> FrontDoorBuilder {
        FrontDoorBuilder::new(&house::PLIVO)
    }

    /// Begins a door for SignalWire's cXML. The project's signing key, as the auth token, and
    /// `on_call` must be added.
    pub fn signalwire() -> FrontDoorBuilder {
        FrontDoorBuilder::new(&house::SIGNALWIRE)
    }

    /// Begins a door for Telnyx's TeXML. The account's public key, as the auth token, and
    /// `on_call` must be added.
    pub fn telnyx() -> FrontDoorBuilder {
        FrontDoorBuilder::new(&house::TELNYX)
    }

    /// Begins a door for Twilio. An auth token and `on_call` must be added.
    pub fn twilio() -> FrontDoorBuilder {
        FrontDoorBuilder::new(&house::TWILIO)
    }

    /// Begins a door for Vonage, whose application must ask by `POST`: what a `GET` asks is not
    /// signed. The account's signature secret, as the auth token, and `on_call` must be added.
    pub fn vonage() -> FrontDoorBuilder {
        FrontDoorBuilder::new(&house::VONAGE)
    }
}

struct Door {
    house: &'static House,
    signatures: Arc<dyn CheckSignature>,
    format: Option<AudioFormat>,
    address: PublicAddress,
    paths: Paths,
    media: MediaSocket,
    relay: Option<(ConversationRelay, RelaySocket)>,
    tokens: Arc<StreamTokens>,
    look_ups: LookUps,
    callers: Option<Callers>,
    after: Vec<Verb>,
    room: Option<Room>,
    when_full: Vec<Verb>,
    when_unheard: Vec<Verb>,
    heard: Arc<HeardCalls>,
    events: Option<mpsc::Sender<StatusEvent>>,
    statuses: Statuses,
    visits: Visits,
}

/// Why a call is not let in.
enum Refused {
    /// No answer could be made.
    Failed,
    /// The carrier is told what to do with the caller.
    Kindly(String),
}

impl From<StatusCode> for Refused {
    fn from(_: StatusCode) -> Self {
        Self::Failed
    }
}

impl Door {
    fn router(self: Arc<Self>) -> Router {
        let mut router = Router::new();
        for path in &self.paths.voice_aliases {
            router = router.route(path, post(voice));
        }
        for path in &self.paths.media_aliases {
            router = router.route(path, any(media));
        }
        router
            .route(&self.paths.voice, post(voice))
            .route(&self.paths.status, post(status))
            .route(&self.paths.media, any(media))
            .route(&self.paths.after, post(after))
            .method_not_allowed_fallback(wrong_method)
            .with_state(self)
    }

    /// Reads and checks a signed request.
    async fn read(&self, request: Request) -> Result<(Parts, Vec<(String, String)>), StatusCode> {
        let (parts, body) = request.into_parts();
        let read = Read::from(&parts, body).await.inspect_err(|status| {
            let carrier = self.house.carrier;
            warn!(%carrier, %status, "request refused: it cannot be read, signed or not");
        })?;
        self.check(&parts, &self.address.base(&parts), &read)?;
        Ok((parts, read.fields))
    }

    /// Checks a signature, and says in the log what is likely wrong when it does not hold.
    fn check(&self, parts: &Parts, base: &str, read: &Read) -> Result<(), StatusCode> {
        let holds = |url: &str| {
            self.signatures.check(&SignedRequest {
                url,
                headers: &parts.headers,
                body: &read.body,
                form: read.form.as_ref(),
                now: SystemTime::now(),
            })
        };
        let url = format!("{base}{}", target(parts));
        let Err(refusal) = holds(&url) else { return Ok(()) };
        let secure = url.starts_with("ws");
        let may_be_url = self.house.signs_url && refusal == SignatureRefusal::Mismatch;
        let guesses = if may_be_url { self.address.guesses(parts) } else { Vec::new() };
        let signed = guesses
            .into_iter()
            .map(|guess| if secure { websocket(&guess) } else { guess })
            .find(|guess| holds(guess).is_ok());
        let hint = match &signed {
            Some(signed) => self.address.hint(parts, signed),
            None => self.signatures.hint(refusal),
        };
        let carrier = self.house.carrier;
        let checked = without_userinfo(&url);
        let signed = signed.as_deref().map(without_userinfo);
        warn!(%carrier, %checked, signed = signed.as_deref(), hint, "request refused: {refusal}");
        Err(StatusCode::FORBIDDEN)
    }

    /// What a request says about its call.
    fn webhook(
        &self,
        parts: &Parts,
        fields: Vec<(String, String)>,
    ) -> Result<VoiceWebhook, StatusCode> {
        VoiceWebhook::new(self.house, parts.uri.query(), fields).ok_or_else(|| {
            let (carrier, field) = (self.house.carrier, self.house.call);
            warn!(%carrier, field, "request refused: it does not name its call");
            StatusCode::BAD_REQUEST
        })
    }

    /// Answers a call's webhook: the first time by letting the call in or refusing it, and from
    /// then on as the first time, until its stream has come and gone. A call that is brought here
    /// again after that, such as one that was handed on and not taken, gets an agent again.
    async fn answer(&self, base: &str, webhook: &VoiceWebhook) -> Result<String, StatusCode> {
        let call = CallId::new(webhook.call());
        if !self.statuses.is_over(&call) {
            self.visits.forget_if_over(&call);
        }
        match self.visits.answer(&call, self.let_in(base, webhook)).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                warn!(%call, "a webhook of long ago came again: it gets no agent");
                self.go_on(&call)
            }
            Err(Refused::Kindly(answer)) => Ok(answer),
            Err(Refused::Failed) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    async fn let_in(&self, base: &str, webhook: &VoiceWebhook) -> Result<(String, Stay), Refused> {
        info!(call = webhook.call(), "call offered");
        let place = match self.admit(webhook) {
            Ok(place) => place,
            Err(why) => {
                warn!(call = webhook.call(), "call refused: {why}");
                let mut answer = document::Response::new();
                answer.extend(self.when_full.iter().cloned());
                return Err(Refused::Kindly(self.write(&answer)?));
            }
        };
        let stay = place.stay();
        let mut grant = Grant::for_call(webhook.call());
        // From here on, since the stream of another call may come first.
        grant.place = Some(place);
        grant.from = webhook.from();
        grant.to = webhook.to();
        grant.account =
            self.house.account.and_then(|field| webhook.field(field)).map(str::to_owned);
        grant.direction = Some(webhook.direction());
        grant.parameters = self.look_ups.ask(webhook).await;
        grant.parameters.remove(TokenCheck::PARAMETER);
        let parameters = grant.parameters.clone();
        let token = self.tokens.issue(grant).map_err(|error| {
            warn!(%error, "call refused");
            Refused::Failed
        })?;
        let socket = websocket(&format!("{base}{}", self.paths.media));
        if let Some((relay, _)) = &self.relay {
            // The rest of what the call is to know waits with the token.
            let relay = relay.at(socket).with_parameter(TokenCheck::PARAMETER, token.expose());
            let mut answer = document::Response::new().with(relay);
            answer.extend(self.after.iter().cloned());
            return Ok((self.write(&answer)?, stay));
        }
        let mut stream = Stream::new(socket)
            .with_status_callback(format!("{base}{}", self.paths.status))
            .with_parameter(TokenCheck::PARAMETER, token.expose());
        if self.house.tells_call {
            stream = stream.with_parameter("call", webhook.call());
        }
        if let Some(format) = self.format {
            stream = stream.with_format(format);
        }
        let taken = |name: &str| self.house.tells_call && name == "call";
        for (name, value) in parameters.into_iter().filter(|(name, _)| !taken(name)) {
            // Twilio would refuse the whole answer; the call still gets the value from the grant.
            if name.chars().count() + value.chars().count() < LONGEST_PARAMETER {
                stream = stream.with_parameter(name, value);
            }
        }
        let mut answer = document::Response::new().with(stream);
        if self.when_unheard.is_empty() {
            answer.extend(self.after.iter().cloned());
        } else {
            answer.extend([Verb::Redirect(format!("{base}{}", self.paths.after))]);
        }
        Ok((self.write(&answer)?, stay))
    }

    /// How the carrier goes on with a call whose stream has ended.
    fn go_on(&self, call: &CallId) -> Result<String, StatusCode> {
        let is_heard = self.when_unheard.is_empty() || self.heard.has(call);
        let verbs = if is_heard { &self.after } else { &self.when_unheard };
        if !is_heard {
            warn!(%call, "the caller has heard nothing; the carrier goes on with the call");
        }
        let mut answer = document::Response::new();
        answer.extend(verbs.iter().cloned());
        self.write(&answer)
    }

    /// Takes a place for a call, or says why it is not let in.
    fn admit(&self, webhook: &VoiceWebhook) -> Result<Place, &'static str> {
        if self.room.as_ref().is_some_and(|has_room| !has_room()) {
            return Err("the application has no room");
        }
        let places = match &self.relay {
            Some((_, socket)) => socket.places(),
            None => self.media.places(),
        };
        let place = places.take().ok_or("the limit of calls is reached")?;
        let from = webhook.from().filter(|_| webhook.direction() == Direction::Inbound);
        let often = |callers: &Callers| callers.refuse(from.as_ref().map(Private::expose));
        if self.callers.as_ref().is_some_and(often) {
            return Err("the number calls too often");
        }
        Ok(place)
    }

    fn write(&self, answer: &document::Response) -> Result<String, StatusCode> {
        answer.write(self.house.language).map_err(|error| {
            warn!(%error, "call refused");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }

    fn document(&self, answer: String) -> Response {
        ([(CONTENT_TYPE, self.house.language.content_type())], Body::from(answer)).into_response()
    }

    fn note_status(&self, fields: &[(String, String)]) {
        let field = |name: &str| {
            fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let named = field(self.house.call).filter(|call| is_name(call));
        let Some(call) = named.map(CallId::from) else { return };
        if let Some(event) = field("StreamEvent") {
            match field("StreamError") {
                Some(error) => warn!(%call, event, error, "the carrier reports a stream error"),
                None => debug!(%call, event, "the carrier reports on a stream"),
            }
            return;
        }
        for news in read_answerer(field) {
            self.media.tell(&call, news);
        }
        let Some(status) = field(self.house.status).and_then(CallStatus::parse) else { return };
        if status.is_final() {
            self.tokens.free_place_of(call.as_str());
        }
        if !self.statuses.advance(&call, status) {
            debug!(%call, ?status, "late or repeated status");
            return;
        }
        let duration = field(self.house.duration).and_then(|seconds| seconds.parse().ok());
        let event = StatusEvent { call, status, duration: duration.map(Duration::from_secs) };
        if let Some(events) = &self.events
            && let Err(refused) = events.try_send(event)
        {
            warn!(%refused, "a call status was dropped");
        }
    }
}

async fn voice(State(door): State<Arc<Door>>, request: Request) -> Response {
    let asked = async {
        let (parts, fields) = door.read(request).await?;
        if door.address.is_doubtful(&parts) {
            warn!(
                "somebody in between speaks TLS: without public_url or trusted_proxy the media \
                   stream is led to ws://"
            );
        }
        Ok::<_, StatusCode>((door.webhook(&parts, fields)?, door.address.root(&parts)))
    };
    let (webhook, base) = match asked.await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.into_response(),
    };
    let asked = Arc::clone(&door);
    // A task of its own: a carrier that gives up waiting comes again, and must find the answer.
    let answering = tokio::spawn(async move { asked.answer(&base, &webhook).await });
    match answering.await {
        Ok(Ok(answer)) => door.document(answer),
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_panicked) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Vonage's default is `GET`, which signs nothing.
async fn wrong_method(method: Method, uri: Uri) -> StatusCode {
    let path = uri.path();
    warn!(%method, path, "request refused: the carrier must be set to POST");
    StatusCode::METHOD_NOT_ALLOWED
}

async fn status(State(door): State<Arc<Door>>, request: Request) -> Response {
    match door.read(request).await {
        Ok((_, fields)) => {
            door.note_status(&fields);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn after(State(door): State<Arc<Door>>, request: Request) -> Response {
    let answer = async {
        let (parts, fields) = door.read(request).await?;
        door.go_on(&CallId::new(door.webhook(&parts, fields)?.call()))
    };
    match answer.await {
        Ok(answer) => door.document(answer),
        Err(refusal) => refusal.into_response(),
    }
}

async fn media(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if door.house.signs_upgrade {
        let base = websocket(&door.address.base(&parts));
        if let Err(refusal) = door.check(&parts, &base, &Read::default()) {
            return refusal.into_response();
        }
    }
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => match &door.relay {
            Some((_, relay)) => relay.clone().upgrade(upgrade),
            None => door.media.clone().upgrade(upgrade),
        },
        Err(rejection) => rejection.into_response(),
    }
}

#[cfg(test)]
mod tests;
