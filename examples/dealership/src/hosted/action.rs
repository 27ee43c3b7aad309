//! One address for all that comes in, as a number may have had it before: what comes there goes to
//! the route that is meant, which checks it as it checks what comes to itself.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_service::Service;
use tracing::warn;
use voiceagent_core::{
    CallId, Secret,
    audio::AudioFormat,
    transport::{CallInfo, Media},
};

use super::{Answer, Hosted, vapi::VAPI};
use crate::{
    bearer::{bearer, is_same},
    phone::Phone,
    server::{MESSAGES, STATUS},
};

/// Where callbacks of carriers, events of a platform and calls of tools come in alike.
pub(crate) const ACTION: &str = "/action";
/// Where programs of the house use tools; they bring the operator's key.
pub(crate) const TOOLS: &str = "/api/v1/tools";
/// As long as the longest of them, an event with all that was said.
const LONGEST: usize = 1024 * 1024;

/// Hands what comes to [`ACTION`] to these routes.
pub(crate) fn dispatching(routes: Router) -> Router {
    Router::new().route(ACTION, post(dispatch)).with_state(routes)
}

async fn dispatch(State(mut routes): State<Router>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LONGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(path) = meant(&parts.headers, &body) else {
        warn!("what came to {ACTION} is meant for no route");
        return StatusCode::BAD_REQUEST.into_response();
    };
    // What is signed is the address that the sender knows: it stays beside, as the original one.
    parts.uri = Uri::from_static(path);
    match routes.call(Request::from_parts(parts, Body::from(body))).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The route that a request is meant for; `None` if it is none of ours.
fn meant(headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/json" => {
            let object: Map<String, Value> = serde_json::from_slice(body).ok()?;
            match (object.get("tool"), object.get("message")) {
                (Some(_), None) => Some(TOOLS),
                (None, Some(_)) => Some(VAPI),
                _ => None,
            }
        }
        "application/x-www-form-urlencoded" => {
            let text = str::from_utf8(body).ok()?;
            let names = || text.split('&').filter_map(|pair| pair.split('=').next());
            let has = |name: &str| names().any(|known| known == name);
            // A report on a text has its name too, and nothing that somebody has written.
            match (has("MessageSid") && has("Body"), has("CallSid")) {
                (true, _) => Some(MESSAGES),
                (false, true) => Some(STATUS),
                (false, false) => None,
            }
        }
        _ => None,
    }
}

/// A tool that is to be used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolCall {
    /// Its name.
    tool: String,
    /// An object; none is an empty one.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// The call in which it is used: what one tool hands out there, others take.
    call_id: String,
    /// The number of the other side.
    phone_number: Option<String>,
    /// A name for the use, which a repetition has again: it does nothing twice.
    id: Option<String>,
}

/// The route for calls of tools.
pub(crate) fn tool_calls(hosted: Arc<Hosted>, key: Secret) -> Router {
    Router::new()
        .route(TOOLS, post(use_tool))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state((hosted, key))
}

async fn use_tool(
    State((hosted, key)): State<(Arc<Hosted>, Secret)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !bearer(&headers).is_some_and(|brought| is_same(&key, brought)) {
        warn!(reason = "key", path = TOOLS, "security.rejected");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let told = |status: StatusCode, why: &str| {
        (status, axum::Json(json!({ "error": why }))).into_response()
    };
    let Ok(asked) = serde_json::from_slice::<ToolCall>(&body) else {
        let why = "write an object of `tool`, `arguments`, `call_id`, `phone_number` and `id`";
        return told(StatusCode::UNPROCESSABLE_ENTITY, why);
    };
    if asked.call_id.trim().is_empty() || asked.call_id.len() > 128 {
        return told(StatusCode::UNPROCESSABLE_ENTITY, "`call_id` names the call");
    }
    let mut call = CallInfo::new(CallId::new(asked.call_id), Media::audio(AudioFormat::MULAW_8K));
    if let Some(phone) = asked.phone_number.as_deref().and_then(Phone::parse) {
        call = call.with_from(phone.as_str());
    }
    let name = match asked.id {
        Some(id) => id,
        // Each is a use of its own then.
        None => match crate::agent::call_secret() {
            Ok(random) => random.expose().to_owned(),
            Err(error) => return failed(&error),
        },
    };
    let arguments = Value::Object(asked.arguments);
    match hosted.ask(&call, (&asked.tool, arguments), &name).await {
        Ok(Some(Answer::Ok(envelope))) => axum::Json(envelope).into_response(),
        Ok(Some(Answer::Err(why))) => told(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Ok(None) => told(StatusCode::NOT_FOUND, "there is no such tool"),
        Err(error) => failed(&error),
    }
}

pub(super) fn failed(error: &voiceagent_core::Error) -> Response {
    warn!(%error, "a hosted call has no desk");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_goes_to_the_route_that_it_is_meant_for() {
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        let json = "application/json";
        for (kind, body, path) in [
            (form, "CallSid=CA1&CallStatus=failed", Some(STATUS)),
            (form, "CallSid=CA1&StreamEvent=stream-error", Some(STATUS)),
            (form, "MessageSid=SM1&From=%2B16305550111&Body=Stop", Some(MESSAGES)),
            (form, "MessageSid=SM1&MessageStatus=sent", None),
            (form, "hello=world", None),
            (json, r#"{"tool":"get_time","call_id":"c1"}"#, Some(TOOLS)),
            (json, r#"{"message":{"type":"tool-calls"}}"#, Some(VAPI)),
            (json, r#"{"message":{},"tool":"get_time"}"#, None),
            (json, "[]", None),
            (json, "{", None),
            ("text/plain", "CallSid=CA1", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
            assert_eq!(meant(&headers, body.as_bytes()), path, "{body}");
        }
        assert_eq!(meant(&HeaderMap::new(), b"CallSid=CA1"), None);
    }
}
