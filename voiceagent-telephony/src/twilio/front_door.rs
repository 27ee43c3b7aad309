//! Where Twilio's calls come in: a signed voice webhook, a signed status callback, and the media
//! socket that the webhook's answer leads to.

mod address;
mod answers;
mod builder;
mod status;
mod webhook;

use std::{sync::Arc, time::Duration};

use axum::{
    Form, Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State, WebSocketUpgrade},
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use tokio::{sync::mpsc, time::timeout};
use tracing::{debug, info, warn};
use voiceagent_core::CallId;

use self::{
    address::{PublicAddress, target, websocket},
    answers::Answers,
    builder::{Parameters, Paths},
    status::Statuses,
};
pub use self::{
    builder::FrontDoorBuilder,
    status::{CallStatus, StatusEvent},
    webhook::VoiceWebhook,
};
use super::{SIGNATURE_HEADER, SignatureCheck, SignatureRefusal};
use crate::{
    document::{self, Language, Stream, Verb},
    media_stream::{Grant, MediaSocket, StreamTokens, TokenCheck, is_name},
};

/// A webhook has some forty short fields.
const LONGEST_BODY: usize = 64 * 1024;

/// For a body to arrive.
const BODY: Duration = Duration::from_secs(5);

/// What name and value of a parameter may have together, in characters.
const LONGEST_PARAMETER: usize = 500;

/// The header whose value Twilio repeats when it repeats a request.
const IDEMPOTENCY_HEADER: &str = "i-twilio-idempotency-token";

/// Answers Twilio's calls. [`FrontDoor::builder`] ends in a [`Router`] to be mounted.
///
/// Each request must be signed, the upgrade of the media socket too; each stream must bring the
/// one-time token that its webhook was answered with. Nothing of this can be turned off here: for
/// a bare socket, see [`MediaSocket`].
///
/// ```
/// use voiceagent_core::{Secret, transport::Transport};
/// use voiceagent_telephony::twilio::FrontDoor;
///
/// let app = FrontDoor::builder()
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
    /// Begins with the defaults; an auth token and `on_call` must be added.
    pub fn builder() -> FrontDoorBuilder {
        FrontDoorBuilder::new()
    }
}

struct Door {
    signatures: SignatureCheck,
    address: PublicAddress,
    paths: Paths,
    media: MediaSocket,
    tokens: Arc<StreamTokens>,
    parameters: Parameters,
    after: Vec<Verb>,
    when_full: Vec<Verb>,
    events: Option<mpsc::Sender<StatusEvent>>,
    statuses: Statuses,
    answers: Answers,
}

impl Door {
    fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route(&self.paths.voice, post(voice))
            .route(&self.paths.status, post(status))
            .route(&self.paths.media, any(media))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .with_state(self)
    }

    /// Reads and checks a signed form.
    async fn read_form(
        &self,
        request: Request,
    ) -> Result<(Parts, Vec<(String, String)>), StatusCode> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let read = Form::<Vec<(String, String)>>::from_request(request, &());
        let form = timeout(BODY, read).await.map_err(|_| StatusCode::REQUEST_TIMEOUT);
        let Form(fields) = form?.map_err(|rejection| rejection.status())?;
        let base = self.address.base(&parts);
        self.check(&parts, &base, |url, signature| self.signatures.form(url, &fields, signature))?;
        Ok((parts, fields))
    }

    /// Checks a signature, and says in the log what is likely wrong when it does not hold.
    fn check(
        &self,
        parts: &Parts,
        base: &str,
        holds: impl Fn(&str, &str) -> Result<(), SignatureRefusal>,
    ) -> Result<(), StatusCode> {
        let url = format!("{base}{}", target(parts));
        let signature = parts.headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
        let refusal = match signature {
            None => SignatureRefusal::Missing,
            Some(signature) => match holds(&url, signature) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            },
        };
        let other = signature.filter(|_| refusal == SignatureRefusal::Mismatch).and_then(|given| {
            let secure = url.starts_with("ws");
            let guesses = self.address.guesses(parts).into_iter();
            guesses
                .map(|guess| if secure { websocket(&guess) } else { guess })
                .find(|guess| holds(guess, given).is_ok())
        });
        let hint = match (refusal, &other) {
            (SignatureRefusal::Missing, _) => "not from Twilio, or a proxy drops the header",
            (_, Some(_)) => "the auth token is right and the URL is not: set public_url",
            (_, None) => "the auth token is of another account, or a proxy changes the request",
        };
        warn!(checked = url, signed = other, hint, "request refused: {refusal}");
        Err(StatusCode::FORBIDDEN)
    }

    fn answer(&self, parts: &Parts, webhook: &VoiceWebhook) -> Result<String, StatusCode> {
        if !self.media.has_room() {
            warn!(call = webhook.call(), "call refused: the limit of calls is reached");
            let mut answer = document::Response::new();
            answer.extend(self.when_full.iter().cloned());
            return Ok(answer.to_string());
        }
        let mut grant = Grant::for_call(webhook.call());
        grant.from = webhook.from();
        grant.to = webhook.to();
        grant.direction = Some(webhook.direction());
        grant.parameters = (self.parameters)(webhook);
        grant.parameters.remove(TokenCheck::PARAMETER);
        let parameters = grant.parameters.clone();
        let token = self.tokens.issue(grant).map_err(|error| {
            warn!(%error, "call refused");
            StatusCode::INTERNAL_SERVER_ERROR
        })?;
        let base = self.address.base(parts);
        let mut stream = Stream::new(websocket(&format!("{base}{}", self.paths.media)))
            .with_status_callback(format!("{base}{}", self.paths.status))
            .with_parameter(TokenCheck::PARAMETER, token.expose());
        for (name, value) in parameters {
            // Twilio would refuse the whole answer; the call still gets the value from the grant.
            if name.chars().count() + value.chars().count() < LONGEST_PARAMETER {
                stream = stream.with_parameter(name, value);
            }
        }
        let mut answer = document::Response::new().with(stream);
        answer.extend(self.after.iter().cloned());
        Ok(answer.to_string())
    }

    fn note_status(&self, fields: &[(String, String)]) {
        let field = |name: &str| {
            fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let named = field("CallSid").filter(|call| is_name(call));
        let Some(call) = named.map(CallId::from) else { return };
        if let Some(event) = field("StreamEvent") {
            match field("StreamError") {
                Some(error) => warn!(%call, event, error, "Twilio reports a stream error"),
                None => debug!(%call, event, "Twilio reports on a stream"),
            }
            return;
        }
        let Some(status) = field("CallStatus").and_then(CallStatus::parse) else { return };
        if !self.statuses.advance(&call, status) {
            debug!(%call, ?status, "late or repeated status");
            return;
        }
        let duration = field("CallDuration").and_then(|seconds| seconds.parse().ok());
        let event = StatusEvent { call, status, duration: duration.map(Duration::from_secs) };
        if let Some(events) = &self.events
            && let Err(refused) = events.try_send(event)
        {
            warn!(%refused, "a call status was dropped");
        }
    }
}

async fn voice(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, fields) = match door.read_form(request).await {
        Ok(read) => read,
        Err(refusal) => return refusal.into_response(),
    };
    let Some(webhook) = VoiceWebhook::new(fields) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let attempt = parts.headers.get(IDEMPOTENCY_HEADER).and_then(|value| value.to_str().ok());
    // The header is not signed; with the call, it cannot fetch another call's answer.
    let attempt = attempt
        .filter(|token| !token.is_empty())
        .map(|token| format!("{} {token}", webhook.call()));
    if let Some(answer) = attempt.as_ref().and_then(|attempt| door.answers.find(attempt)) {
        debug!(call = webhook.call(), "repeated webhook");
        return xml(answer);
    }
    info!(call = webhook.call(), "call offered");
    match door.answer(&parts, &webhook) {
        Ok(answer) => {
            if let Some(attempt) = attempt {
                door.answers.keep(attempt, &answer);
            }
            xml(answer)
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn status(State(door): State<Arc<Door>>, request: Request) -> Response {
    match door.read_form(request).await {
        Ok((_, fields)) => {
            door.note_status(&fields);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn media(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let base = websocket(&door.address.base(&parts));
    let holds = |url: &str, signature: &str| door.signatures.url(url, signature);
    if let Err(refusal) = door.check(&parts, &base, holds) {
        return refusal.into_response();
    }
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => door.media.clone().upgrade(upgrade),
        Err(rejection) => rejection.into_response(),
    }
}

fn xml(answer: String) -> Response {
    ([(CONTENT_TYPE, Language::Twiml.content_type())], Body::from(answer)).into_response()
}
