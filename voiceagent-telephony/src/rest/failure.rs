use std::{borrow::Cow, time::Duration};

use reqwest::{RequestBuilder, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use tokio::time::timeout;
use voiceagent_core::{Error, ErrorKind, Result};

use super::{ATTEMPT, Again, Answer};

/// The longest answer that is read: a hundred calls in a list take a quarter of it.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// What has ended already, in the carriers' words: Twilio's "resource was not found" and "call is
/// not in-progress", Telnyx's "call has already ended".
const ENDED: [u64; 3] = [20_404, 21_220, 90_018];

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// The carrier has certainly not done what it was asked.
    untouched: bool,
    pub(super) wait: Option<Duration>,
}

impl Failure {
    pub(super) fn may_repeat(&self, again: Again) -> bool {
        let passing = matches!(
            self.error.kind(),
            ErrorKind::Disconnected
                | ErrorKind::Overloaded
                | ErrorKind::RateLimited
                | ErrorKind::Timeout
        );
        passing && (again == Again::Always || self.untouched)
    }
}

pub(super) async fn attempt(
    request: RequestBuilder,
    provider: &'static str,
    operation: &'static str,
) -> Result<Answer, Failure> {
    let answered = timeout(ATTEMPT, async {
        let answer = request.send().await?;
        let status = answer.status();
        let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
        let wait = wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs);
        Ok((status, read(answer).await, wait))
    });
    let failure = |kind, message: &'static str, untouched| Failure {
        error: fault(provider, kind, operation, message),
        untouched,
        wait: None,
    };
    match answered.await {
        Err(_) => Err(failure(ErrorKind::Timeout, "no answer in time", false)),
        Ok(Err(error)) => {
            let error: reqwest::Error = error;
            Err(failure(ErrorKind::Disconnected, "no connection", error.is_connect()))
        }
        Ok(Ok((status, value, _))) if status.is_success() => {
            Ok(Answer { provider, operation, value })
        }
        Ok(Ok((status, value, wait))) => Err(Failure {
            error: judge(status, code(&value), provider, operation),
            untouched: status == StatusCode::TOO_MANY_REQUESTS,
            wait,
        }),
    }
}

fn judge(
    status: StatusCode,
    code: Option<u64>,
    provider: &'static str,
    operation: &'static str,
) -> Error {
    if status == StatusCode::NOT_FOUND || code.is_some_and(|code| ENDED.contains(&code)) {
        return fault(provider, ErrorKind::Closed, operation, "it has ended, or never was");
    }
    // The carrier's own words may repeat a number, so only the code is kept.
    let message = match code {
        Some(code) => format!("status {}, code {code}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    };
    fault(provider, ErrorKind::from_http_status(status.as_u16()), operation, message)
}

/// The carrier's number for what is wrong: Twilio's `code`, or that of Telnyx's first error.
fn code(value: &Value) -> Option<u64> {
    let code = value.pointer("/code").or_else(|| value.pointer("/errors/0/code"))?;
    code.as_u64().or_else(|| code.as_str()?.parse().ok())
}

async fn read(mut answer: reqwest::Response) -> Value {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return Value::Null;
        }
        body.extend_from_slice(&piece);
    }
    serde_json::from_slice(&body).unwrap_or_default()
}

pub(super) fn fault(
    provider: &'static str,
    kind: ErrorKind,
    operation: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Error {
    Error::new(kind, operation, message).with_provider(provider)
}
