//! The HTTP client of all vendors, and what their refusals mean.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, Response, StatusCode, header::HeaderMap, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;
use voiceagent_core::{Error, ErrorKind, Result};

use super::{connect::Timed, patience::asked_wait};

/// How long a connection may take to open, TLS included.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// How long a connection that nobody uses stays open: longer than a caller's pause.
const IDLE: Duration = Duration::from_secs(300);

/// How often an HTTP/2 connection is asked whether it still lives, and how long it may take to
/// answer. A connection lost in silence is found between two turns and not by the next one.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(5));

/// How much of a page or a refusal is read: the codes stand at its beginning.
const BODY_SIZE: usize = 16 * 1024;

/// How long reading it may take.
const BODY_TIME: Duration = Duration::from_secs(2);

/// The client that every vendor's adapter starts from.
///
/// TLS is rustls with ring and the roots of Mozilla, whatever the process has installed.
///
/// # Errors
///
/// [`ErrorKind::Config`] when TLS cannot be set up.
pub(crate) fn client() -> Result<ClientBuilder> {
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|unfit| Error::config("TLS cannot be set up").with_source(unfit))?
        .with_root_certificates(RootCertStore::from_iter(
            webpki_roots::TLS_SERVER_ROOTS.iter().cloned(),
        ))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .connector_layer(Timed)
        .user_agent(concat!("voiceagent/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .tcp_keepalive(PING.0)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .http2_keep_alive_interval(PING.0)
        .http2_keep_alive_timeout(PING.1)
        .http2_keep_alive_while_idle(true)
        .redirect(redirect::Policy::custom(within_one_host)))
}

/// Follows a redirect within one host and scheme only: keys go nowhere else.
fn within_one_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let same =
        attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
    if same && attempt.previous().len() <= 3 { attempt.follow() } else { attempt.stop() }
}

/// What a request that got no response failed of.
pub(crate) fn unanswered(error: reqwest::Error, operation: &'static str) -> Error {
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::Timeout, "the vendor was not reached in time")
    } else if error.is_connect() {
        (ErrorKind::Disconnected, "the vendor was not reached")
    } else if error.is_builder() {
        (ErrorKind::Config, "the request cannot be built")
    } else {
        (ErrorKind::Disconnected, "the connection was lost")
    };
    // A URL may carry a key.
    Error::new(kind, operation, message).with_source(error.without_url())
}

/// The beginning of a body, as much as is of use and comes in time.
pub(crate) async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(piece)) = response.chunk().await {
            body.extend_from_slice(&piece[..piece.len().min(BODY_SIZE - body.len())]);
            if body.len() == BODY_SIZE {
                break;
            }
        }
    };
    let _ = timeout(BODY_TIME, read).await;
    String::from_utf8_lossy(&body).into_owned()
}

/// A response that says no.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    retry_after: Option<Duration>,
    fault: Fault,
    body: String,
}

impl Refusal {
    /// Reads what the vendor says, as far as it is of use.
    pub(crate) async fn read(response: Response) -> Self {
        let status = response.status();
        let retry_after = asked_wait(response.headers());
        // What came in time is enough: the status alone tells the kind.
        let body = beginning(response).await;
        Self { status, retry_after, fault: Fault::parse(&body), body }
    }

    /// What a vendor says on a socket in the form of a refusal.
    pub(crate) fn reported(status: u16, headers: &HeaderMap, data: &str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            retry_after: asked_wait(headers),
            fault: Fault::parse(data),
            body: String::new(),
        }
    }

    /// Whether it refuses the key, and not only what was asked for: a key may be for nothing but
    /// answers, and get status 403 for all else.
    pub(crate) fn refuses_the_key(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED || self.fault.is_about_the_account()
    }

    /// Whether it refuses the request for its content, and names `word`.
    pub(crate) fn blames(&self, word: &str) -> bool {
        matches!(self.status.as_u16(), 400 | 422) && self.body.contains(word)
    }

    /// The error that it stands for.
    pub(crate) fn into_error(self, operation: &'static str) -> Error {
        let status = self.status.as_u16();
        let kind = if self.fault.is_about_the_account() {
            ErrorKind::Unauthorized
        } else if self.fault.is_of_a_model_that_slipped() {
            ErrorKind::Overloaded
        } else {
            ErrorKind::from_http_status(status)
        };
        let codes = self.fault.codes();
        let message = if codes.is_empty() {
            format!("status {status}")
        } else {
            format!("status {status} ({codes})")
        };
        let error = Error::new(kind, operation, message);
        match self.retry_after.or(self.fault.retry_after) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}

/// The error that a vendor reports in the middle of an answer.
pub(crate) fn reported(data: &str) -> Error {
    let fault = Fault::parse(data);
    let kind = fault.kind().unwrap_or(ErrorKind::Overloaded);
    let codes = fault.codes();
    let message = if codes.is_empty() {
        "the vendor reports an error".to_owned()
    } else {
        format!("the vendor reports an error ({codes})")
    };
    let error = Error::new(kind, "generate", message);
    match fault.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// The machine-readable part of a vendor's error. The rest is left out of every error and log: it
/// may repeat the key or the prompt.
#[derive(Debug, Default)]
pub(crate) struct Fault {
    code: Option<String>,
    kind: Option<String>,
    param: Option<String>,
    /// Google's name for the code, such as `RESOURCE_EXHAUSTED`.
    status: Option<String>,
    /// Google's more exact name, such as `API_KEY_INVALID`.
    reason: Option<String>,
    retry_after: Option<Duration>,
}

impl Fault {
    /// Reads `{"error": {"code", "type", "param", "status", "details"}}`, in so far as it is that.
    pub(crate) fn parse(json: &str) -> Self {
        serde_json::from_str::<Envelope>(json).map(|body| body.error.into()).unwrap_or_default()
    }

    /// Whether waiting does not help, because it brings neither money nor a key: another provider
    /// is needed.
    pub(crate) fn is_about_the_account(&self) -> bool {
        const CODES: [&str; 11] = [
            "API_KEY_INVALID",
            "PERMISSION_DENIED",
            "UNAUTHENTICATED",
            "account_deactivated",
            "authentication_error",
            "billing_error",
            "billing_hard_limit_reached",
            "credit_balance_exhausted",
            "insufficient_quota",
            "invalid_api_key",
            "permission_error",
        ];
        self.names().any(|code| CODES.contains(&code))
    }

    /// Whether the model has written a call that is none (Groq's `tool_use_failed`, with status
    /// 400): there is no answer, and asking again helps.
    fn is_of_a_model_that_slipped(&self) -> bool {
        self.is("tool_use_failed")
    }

    /// Whether it goes by this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.names().any(|name| name == code)
    }

    /// The kind that its codes stand for where no status does, in the middle of a stream.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        if self.is_about_the_account() {
            return Some(ErrorKind::Unauthorized);
        }
        if self.is_of_a_model_that_slipped() {
            return Some(ErrorKind::Overloaded);
        }
        let named = self.names().find_map(|code| match code {
            "inference_rate_limit_exceeded" | "rate_limit_exceeded" | "rate_limit_error" => {
                Some(ErrorKind::RateLimited)
            }
            "api_error" | "overloaded_error" | "server_error" | "server_overloaded" => {
                Some(ErrorKind::Overloaded)
            }
            "context_length_exceeded"
            | "invalid_request_error"
            | "not_found_error"
            | "request_too_large" => Some(ErrorKind::Rejected),
            "timeout_error" => Some(ErrorKind::Timeout),
            _ => None,
        });
        let status = || self.code.as_ref()?.parse().ok().filter(|code| (400..600).contains(code));
        named.or_else(|| status().map(ErrorKind::from_http_status))
    }

    /// Its codes, for an error's message.
    pub(crate) fn codes(&self) -> String {
        // Google's code is the number of its status.
        let code = self.code.as_ref().filter(|_| self.status.is_none());
        let codes = [&self.kind, &code.cloned(), &self.param, &self.status, &self.reason];
        let codes = codes.into_iter().flatten().filter(|code| is_identifier(code));
        let mut codes: Vec<_> = codes.map(String::as_str).collect();
        codes.dedup();
        codes.join(", ")
    }

    /// Whether it says nothing that is understood.
    pub(crate) fn is_none(&self) -> bool {
        self.names().next().is_none()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = [&self.code, &self.kind, &self.status, &self.reason];
        names.into_iter().flatten().map(String::as_str)
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Said,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Coded {
        #[serde(default)]
        code: Option<Code>,
        #[serde(default, rename = "type")]
        kind: Option<String>,
        #[serde(default)]
        param: Option<String>,
        #[serde(default)]
        status: Option<String>,
        #[serde(default)]
        details: Value,
    },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Name(String),
    Number(i64),
}

impl From<Said> for Fault {
    fn from(said: Said) -> Self {
        match said {
            Said::Coded { code, kind, param, status, details } => {
                let code = code.map(|code| match code {
                    Code::Name(name) => name,
                    Code::Number(number) => number.to_string(),
                });
                let (reason, retry_after) = detailed(&details);
                Self { code, kind, param, status, reason, retry_after }
            }
            Said::Other(_) => Self::default(),
        }
    }
}

/// The reason (`google.rpc.ErrorInfo`) and the time to wait (`google.rpc.RetryInfo`, such as
/// `12.5s`) among the details of Google's errors.
fn detailed(details: &Value) -> (Option<String>, Option<Duration>) {
    let details = details.as_array().map_or(&[][..], Vec::as_slice);
    let find = |name: &str| details.iter().find_map(|detail| detail.get(name)?.as_str());
    let wait = find("retryDelay").and_then(|delay| delay.strip_suffix('s')?.parse().ok());
    let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    (find("reason").map(str::to_owned), wait)
}

/// Whether a text is a code or a path into the request, and so holds no sentence and no key.
fn is_identifier(text: &str) -> bool {
    let is_path =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._[]".contains(&byte);
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    (1..=64).contains(&text.len()) && (text.bytes().all(is_path) || text.bytes().all(is_name))
}

#[cfg(test)]
mod tests {
    use voiceagent_core::Retry;

    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal { status, retry_after: None, fault: Fault::parse(body), body: body.to_owned() }
    }

    #[test]
    fn an_empty_account_is_not_asked_again() {
        let body =
            include_str!("../../tests/cassettes/openai/error_429_insufficient_quota.sample.json");
        let error = refusal(429, body).into_error("generate");
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert_eq!(error.message(), "status 429 (insufficient_quota)");
    }

    #[test]
    fn codes_are_told_and_sentences_are_not() {
        let error = refusal(
            401,
            r#"{"error":{"message":"Incorrect API key: sk-123","type":"invalid_request_error",
                "param":"No Sentence","code":"invalid_api_key"}}"#,
        )
        .into_error("generate");
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert_eq!(
            error.to_string(),
            "generate: unauthorized: status 401 (invalid_request_error, invalid_api_key)",
        );
    }

    /// Groq's, of a model that has written a call that is none.
    const SLIPPED: &str = r#"{"error":{"message":"Failed to call a function.",
        "type":"invalid_request_error","code":"tool_use_failed","failed_generation":"<function"}}"#;

    #[test]
    fn a_call_that_the_model_got_wrong_is_asked_for_again_in_a_refusal_and_in_a_stream() {
        for error in [refusal(400, SLIPPED).into_error("generate"), reported(SLIPPED)] {
            assert_eq!(error.kind(), ErrorKind::Overloaded);
            assert_ne!(error.retry(), Retry::Never);
            assert!(error.message().contains("tool_use_failed"), "{error}");
        }
    }

    #[test]
    fn a_refusal_of_any_form_has_a_kind() {
        for (status, body, kind) in [
            (400, "", ErrorKind::Rejected),
            (401, r#"{"error":{"type":"invalid_request_error"}}"#, ErrorKind::Unauthorized),
            (400, SLIPPED, ErrorKind::Overloaded),
            (403, "<html>", ErrorKind::Unauthorized),
            (429, r#"{"error":"slow down"}"#, ErrorKind::RateLimited),
            (500, r#"{"error":{"code":500}}"#, ErrorKind::Overloaded),
            (503, r#"{"detail":"x"}"#, ErrorKind::Overloaded),
            (504, "null", ErrorKind::Timeout),
            (529, r#"{"error":{"details":"none"}}"#, ErrorKind::Overloaded),
        ] {
            assert_eq!(
                refusal(status, body).into_error("generate").kind(),
                kind,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn rd1_google_says_in_the_body_how_long_to_wait() {
        let body = r#"{"error":{"code":429,"message":"Resource exhausted",
            "status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/other"},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12.5s"}]}}"#;
        let error = refusal(429, body).into_error("generate");
        assert_eq!(error.retry(), Retry::After(Duration::from_millis(12_500)));
        assert_eq!(error.message(), "status 429 (RESOURCE_EXHAUSTED)");
        let within = reported(body);
        assert_eq!(within.kind(), ErrorKind::RateLimited, "in the middle of an answer");
        assert_eq!(within.retry_after(), error.retry_after());
    }

    #[test]
    fn a_key_that_google_does_not_know_is_no_mistake_in_the_request() {
        let body = r#"{"error":{"code":400,"message":"API key not valid: AIzaSy123",
            "status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#;
        let error = refusal(400, body).into_error("generate");
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert_eq!(error.message(), "status 400 (INVALID_ARGUMENT, API_KEY_INVALID)");
    }

    #[test]
    fn an_error_within_an_answer_has_a_kind() {
        for (error, kind) in [
            (r#"{"type":"overloaded_error"}"#, ErrorKind::Overloaded),
            (r#"{"type":"api_error"}"#, ErrorKind::Overloaded),
            (r#"{"type":"rate_limit_error"}"#, ErrorKind::RateLimited),
            (r#"{"type":"billing_error"}"#, ErrorKind::Unauthorized),
            (r#"{"type":"timeout_error"}"#, ErrorKind::Timeout),
            (r#"{"type":"request_too_large"}"#, ErrorKind::Rejected),
            (r#"{"code":429,"status":"RESOURCE_EXHAUSTED"}"#, ErrorKind::RateLimited),
            (r#"{"code":7}"#, ErrorKind::Overloaded),
            (r#""busy""#, ErrorKind::Overloaded),
        ] {
            let error = reported(&format!(r#"{{"error":{error}}}"#));
            assert_eq!(error.kind(), kind, "{error}");
        }
    }
}
