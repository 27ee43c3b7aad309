use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use opentelemetry::{KeyValue, trace::SpanKind};
use reqwest::Url;
use voiceagent_core::CallId;

use super::{Piece, Spans, Trace};
use crate::clock::Clock;

/// The longest webhook that is read; carriers send a few kilobytes.
const LONGEST: usize = 64 * 1024;

/// Notes each webhook that was answered as a span `webhook` of the call that it is about. What is not
/// signed is about nothing.
pub(crate) async fn note_webhooks(
    State((spans, clock)): State<(Spans, Clock)>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != axum::http::Method::POST {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LONGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let call = call_of(&bytes);
    let from = clock.now().into();
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let status = response.status();
    if let Some(call) = call.filter(|_| status != StatusCode::FORBIDDEN) {
        let (trace, parent) = Trace::of(&CallId::new(call)).ids();
        spans.note(Piece {
            name: "webhook",
            kind: SpanKind::Server,
            trace,
            id: spans.id(trace, from),
            parent: Some(parent),
            from,
            to: clock.now().into(),
            attributes: vec![
                KeyValue::new("http.request.method", "POST"),
                KeyValue::new("url.path", path),
                KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            ],
            fault: status.is_server_error().then(|| status.as_u16().to_string()),
        });
    }
    response
}

/// The call that a webhook is about.
fn call_of(form: &[u8]) -> Option<String> {
    let form = str::from_utf8(form).ok()?;
    let url = Url::parse(&format!("form:?{form}")).ok()?;
    let call = url.query_pairs().find(|(name, _)| name == "CallSid");
    call.map(|(_, call)| call.into_owned())
}
