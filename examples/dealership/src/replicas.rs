//! Several programs on one database, and what becomes of the calls of one that is gone.
//!
//! A call belongs to the life of the program that answers it: the carrier leads its sound to that
//! program by the path of the media socket. Each program says every two seconds that it lives. What
//! a dead one has left behind is noted by whoever finds it, at the latest by its own next life; and
//! where the carrier asks how to go on with such a call, it is led to a program that lives and goes
//! on there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Form, Router,
    extract::{OriginalUri, Path, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{info, warn};
use voiceagent_core::{Error, Result, Secret};
use voiceagent_telephony::{
    document::{Language, Response as Document, Say, Verb},
    signature::TwilioSignature,
};

use crate::{
    clock::Clock,
    config::ServerConfig,
    shared::Shared,
    store::{Fault, Life, Store},
};

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(2);
/// A call that ends here is noted within this time; one that is not noted then has broken off.
const NOTED: Duration = Duration::from_secs(1);
/// How often it is looked whether a call was noted.
const LOOK: Duration = Duration::from_millis(100);
/// A caller whose call broke off longer ago is not there any more.
const STILL_THERE: SignedDuration = SignedDuration::from_secs(60);

/// Where the carrier finds what belongs to this program alone.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The media socket of its calls. Who stands before several programs goes by this path.
    pub(crate) media: String,
    /// How to go on with its calls. Another program knows by it whose they were.
    pub(crate) after: String,
}

impl Paths {
    pub(crate) fn of(life: &Life) -> Self {
        let (name, id) = (life.name(), life.id());
        Self { media: format!("/twilio/media/{name}"), after: format!("/twilio/after/{name}/{id}") }
    }
}

/// The name of the program of this configuration: as it is set, or by machine and port, which no
/// other program has at the same time.
pub(crate) fn name(config: &ServerConfig) -> String {
    if let Some(name) = &config.replica {
        return name.clone();
    }
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let is_fit = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let machine: String = machine.trim().chars().filter(is_fit).collect();
    let machine = if machine.is_empty() { "here" } else { machine.as_str() };
    format!("{machine}-{}", config.listen.port())
}

/// One of the programs on a database.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) life: Life,
    pub(crate) shared: Shared,
}

impl Replica {
    /// Says that it lives, and notes the calls that others have left behind.
    pub(crate) async fn beat(&self) {
        match self.store.keep_alive(&self.life, self.clock.now()).await {
            Ok(calls) => {
                for call in calls {
                    warn!(call, "a call broke off with the program that had answered it");
                }
            }
            Err(fault) => {
                warn!(error = %Error::from(fault), "nobody is told that this program lives");
            }
        }
    }

    /// Says again and again that it lives.
    pub(crate) async fn live(self) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            self.beat().await;
        }
    }

    /// Says that it is gone.
    pub(crate) async fn end(&self) {
        if let Err(fault) = self.store.end_life(&self.life).await {
            warn!(error = %Error::from(fault), "nobody is told that this program is gone");
        }
    }
}

/// Answers how to go on with calls of other lives.
#[derive(Debug)]
pub(crate) struct Heirs {
    store: Store,
    clock: Clock,
    signatures: TwilioSignature,
    public_url: String,
    /// Whether Fly's proxy brings requests to a machine by its name.
    on_fly: bool,
    voice: &'static str,
    /// What callers hear with whom nobody can go on.
    regret: &'static str,
}

impl Heirs {
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a token.
    pub(crate) fn new(
        replica: &Replica,
        (token, public_url): (Secret, &str),
        voice: &'static str,
        regret: &'static str,
    ) -> Result<Self> {
        Ok(Self {
            store: replica.store.clone(),
            clock: replica.clock,
            signatures: TwilioSignature::new([token])?,
            public_url: public_url.trim_end_matches('/').to_owned(),
            on_fly: false,
            voice,
            regret,
        })
    }

    /// Has Fly's proxy bring requests to the machine that they are for.
    pub(crate) fn on_fly(mut self, on_fly: bool) -> Self {
        self.on_fly = on_fly;
        self
    }

    pub(crate) fn router(self) -> Router {
        let heirs = Arc::new(self);
        Router::new()
            .route("/twilio/after/{name}/{life}", post(after))
            .route("/twilio/media/{name}", any(media))
            .route_layer(middleware::from_fn_with_state(Arc::clone(&heirs), bring))
            .with_state(heirs)
    }

    /// What is done with a call that another life has answered. Where that still has it, it is about
    /// to note its end.
    async fn go_on(&self, call: &str, life: &str) -> Result<Verb, Fault> {
        let mut waited = Duration::ZERO;
        while waited < NOTED && self.store.goes_on((call, life)).await? {
            sleep(LOOK).await;
            waited += LOOK;
        }
        let now = self.clock.now();
        let since = now.saturating_sub(STILL_THERE).unwrap_or(Timestamp::MIN);
        if self.store.take_from((call, life), since, now).await? {
            info!(call, "a call that broke off elsewhere goes on here");
            return Ok(Verb::Redirect(format!("{}{}", self.public_url, self.voice)));
        }
        Ok(Verb::Hangup)
    }
}

/// Has Fly's proxy bring a request to the machine that it is for, once: when it comes again, that
/// machine is gone. The header: "Dynamic request routing with fly-replay".
async fn bring(
    State(heirs): State<Arc<Heirs>>,
    Path(names): Path<BTreeMap<String, String>>,
    request: Request,
    next: Next,
) -> Response {
    let is_new = !request.headers().contains_key("fly-replay-src");
    match names.get("name") {
        Some(name) if heirs.on_fly && is_new => {
            let to = format!("prefer_instance={name}");
            (StatusCode::CONFLICT, [("fly-replay", to)]).into_response()
        }
        _ => next.run(request).await,
    }
}

/// The socket of a call that another program was to have. The carrier goes on with it elsewhere.
async fn media() -> StatusCode {
    warn!("a media stream was led to another program");
    StatusCode::NOT_FOUND
}

async fn after(
    State(heirs): State<Arc<Heirs>>,
    OriginalUri(uri): OriginalUri,
    Path((_, life)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let url = format!("{}{uri}", heirs.public_url);
    let signature = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    let is_signed = |signature: &str| heirs.signatures.form(&url, &fields, signature).is_ok();
    if !signature.is_some_and(is_signed) {
        warn!("request refused: it is not the carrier's");
        return StatusCode::FORBIDDEN.into_response();
    }
    let call = fields.iter().find(|(name, _)| name == "CallSid").map(|(_, value)| value.as_str());
    let Some(call) = call else { return StatusCode::BAD_REQUEST.into_response() };
    let mut answer = Document::new();
    match heirs.go_on(call, &life).await {
        Ok(verb) => answer.extend([verb]),
        Err(fault) => {
            warn!(error = %Error::from(fault), "nobody knows how to go on with a call");
            answer.extend([Say::new(heirs.regret).into(), Verb::Hangup]);
        }
    }
    match answer.write(Language::Twiml) {
        Ok(written) => ([(CONTENT_TYPE, Language::Twiml.content_type())], written).into_response(),
        Err(error) => {
            warn!(%error, "a call is not answered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests;
