//! What Vapi asks and tells ("Server events"): who takes a call, what its model wants done, how the
//! call fares, and what is left of it.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::json;
use tracing::{info, warn};
use voiceagent_core::{Private, Result, Secret, transport::CallInfo};
use voiceagent_telephony::{
    signature::VapiSignature,
    vapi::{EndedBy, VapiCall, VapiEvent, VapiToolCall},
};

use super::{Hosted, action::failed};
use crate::{
    bearer::{bearer, is_same},
    clock::Clock,
    config::VapiTable,
    metrics::{Metrics, Rejection},
    store::{CallTurn, Ending, Stages},
};

/// Where Vapi's events come in.
pub(crate) const VAPI: &str = "/webhook/vapi";
/// An event with all that was said in half an hour.
const LONGEST: usize = 1024 * 1024;

/// The address that an assistant of Vapi is given as its server.
#[derive(Debug)]
pub(crate) struct VapiDoor {
    hosted: Arc<Hosted>,
    clock: Clock,
    metrics: Arc<Metrics>,
    assistant: String,
    signature: VapiSignature,
    secret: Secret,
}

impl VapiDoor {
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) without a secret.
    pub(crate) fn new(
        table: &VapiTable,
        hosted: Arc<Hosted>,
        (clock, metrics): (Clock, Arc<Metrics>),
    ) -> Result<Self> {
        let signature = VapiSignature::new([table.secret.clone()])?;
        let (assistant, secret) = (table.assistant.clone(), table.secret.clone());
        Ok(Self { hosted, clock, metrics, assistant, signature, secret })
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route(VAPI, post(event))
            .layer(DefaultBodyLimit::max(LONGEST))
            .with_state(Arc::new(self))
    }

    /// Whether a request is Vapi's: signed, or else with the secret in one of the headers that Vapi
    /// puts it in ("Server authentication"). Who signs is held to the signature.
    fn is_vapis(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(signature) = text("x-signature") {
            let now = u64::try_from(self.clock.now().as_second()).unwrap_or_default();
            let at = text("x-timestamp").unwrap_or_default();
            return self.signature.body(at, body, signature, now).is_ok();
        }
        let brought = text("x-vapi-secret").or_else(|| bearer(headers));
        brought.is_some_and(|brought| is_same(&self.secret, brought))
    }

    async fn answer(&self, event: VapiEvent, call: CallInfo) -> Result<Response> {
        Ok(match event {
            VapiEvent::AssistantRequest { .. } => {
                let desk = self.hosted.desk(&call).await?;
                // The assistant's own prompt names what it takes of this: `{{instructions}}`.
                Json(json!({
                    "assistantId": self.assistant,
                    "assistantOverrides": {
                        "firstMessage": &*desk.greeting,
                        "variableValues": { "instructions": &*desk.instructions },
                    },
                }))
                .into_response()
            }
            VapiEvent::ToolCalls { calls, .. } => {
                let mut results = Vec::new();
                // One after the other: what one hands out, the next may take.
                for VapiToolCall { id, name, arguments, .. } in calls {
                    let done = self.hosted.ask(&call, (&name, arguments), &id).await?;
                    let told = match done {
                        Some(done) => done.map(|envelope| envelope.to_string()),
                        None => Err("there is no such tool".to_owned()),
                    };
                    results.push((id, told));
                }
                let body = VapiToolCall::answer(&results);
                ([("content-type", "application/json")], body).into_response()
            }
            VapiEvent::Status { status, ended, .. } => {
                self.note_status(&call, (&status, ended)).await?;
                nothing()
            }
            VapiEvent::EndOfCall { ended, transcript, .. } => {
                self.conclude(&call, ended, transcript).await?;
                nothing()
            }
            VapiEvent::Other(_) | _ => nothing(),
        })
    }

    async fn note_status(
        &self,
        call: &CallInfo,
        (status, ended): (&str, Option<EndedBy>),
    ) -> Result<()> {
        info!(call = %call.id, status, "call.status");
        match (status, ended) {
            // From here on it is known to be taken: nobody is called again.
            ("in-progress", _) => drop(self.hosted.desk(call).await?),
            ("ended", Some(ended @ (EndedBy::Busy | EndedBy::Failure | EndedBy::NoAnswer))) => {
                self.hosted.reception.note_status(&call.id, ended.status()).await;
            }
            // Of a call that was talked in, the report at its end tells more.
            _ => {}
        }
        Ok(())
    }

    /// Writes down what is left of a call. A report may come twice.
    async fn conclude(
        &self,
        call: &CallInfo,
        ended: EndedBy,
        transcript: Option<Private>,
    ) -> Result<()> {
        if matches!(ended, EndedBy::Busy | EndedBy::NoAnswer) {
            self.hosted.reception.note_status(&call.id, ended.status()).await;
            self.hosted.clear(&call.id);
            return Ok(());
        }
        // A call in which nothing was asked for has no desk before now.
        self.hosted.desk(call).await?;
        let said = transcript.as_ref().map_or_else(Vec::new, |said| turns(said.expose()));
        let ending = Ending {
            failed: ended == EndedBy::Failure,
            by_machine: ended == EndedBy::Voicemail,
            ..Ending::default()
        };
        self.hosted.reception.conclude_hosted(&call.id, &said, ending).await;
        self.hosted.clear(&call.id);
        Ok(())
    }
}

fn nothing() -> Response {
    Json(json!({})).into_response()
}

async fn event(State(door): State<Arc<VapiDoor>>, headers: HeaderMap, body: Bytes) -> Response {
    if !door.is_vapis(&headers, &body) {
        door.metrics.rejected(Rejection::Signature);
        warn!(reason = Rejection::Signature.word(), path = VAPI, "security.rejected");
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(event) = VapiEvent::read(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // Events that are about no call are for nobody here.
    let Some(call) = VapiCall::read(&body) else { return nothing() };
    door.answer(event, call.info()).await.unwrap_or_else(|error| failed(&error))
}

/// What was said, line by line. Vapi writes `AI:` and `User:` before what each has said, and tells
/// no times with it.
fn turns(transcript: &str) -> Vec<(usize, CallTurn)> {
    let spoken = transcript.lines().filter_map(|line| {
        let (who, words) = line.split_once(':')?;
        let by_agent = match who.trim() {
            "AI" => true,
            "User" => false,
            _ => return None,
        };
        let words = words.trim().to_owned();
        let stages = Stages::default();
        let turn = CallTurn { by_agent, from_ms: 0, to_ms: 0, words, interrupted: false, stages };
        (!turn.words.is_empty()).then_some(turn)
    });
    spoken.enumerate().collect()
}
