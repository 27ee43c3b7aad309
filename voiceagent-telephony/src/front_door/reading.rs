use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{StatusCode, header::CONTENT_TYPE, request::Parts},
};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::signature::{Form, read_pairs};

/// A webhook has some forty short fields.
const LONGEST_BODY: usize = 64 * 1024;

/// For a body to arrive.
const BODY: Duration = Duration::from_secs(5);

/// What a request says.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) body: Bytes,
    /// `None` when the body is not a form.
    pub(super) form: Option<Form>,
    /// The fields of a form, or the plain ones of a JSON object.
    pub(super) fields: Vec<(String, String)>,
}

impl Read {
    /// Reads a body within its limits.
    pub(super) async fn from(parts: &Parts, body: Body) -> Result<Self, StatusCode> {
        let body = timeout(BODY, to_bytes(body, LONGEST_BODY));
        let body = body.await.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        match media_type.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                let fields = read_pairs(&String::from_utf8_lossy(&body));
                Ok(Self { body, form: Some(Form(fields.clone())), fields })
            }
            "application/json" => {
                let object: Map<String, Value> =
                    serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
                let fields = object.into_iter().filter_map(plain).collect();
                Ok(Self { body, form: None, fields })
            }
            _ => Err(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        }
    }
}

fn plain((name, value): (String, Value)) -> Option<(String, String)> {
    match value {
        Value::String(value) => Some((name, value)),
        Value::Number(value) => Some((name, value.to_string())),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Object(_) => None,
    }
}
