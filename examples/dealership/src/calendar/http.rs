//! Requests to calendars and tables outside.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::ETAG};
use serde::de::DeserializeOwned;
use voiceagent_core::{Error, ErrorKind, Result};

/// What a service may take for an answer. Nobody waits for it on the phone.
const DEADLINE: Duration = Duration::from_secs(10);
/// The longest answer that is read: the busy times of two months are a few kilobytes.
const LONGEST: usize = 1 << 20;

/// A client for one service.
pub(crate) fn client() -> Result<Client> {
    // Whoever installed a provider before has the same one; a second installation changes nothing.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(DEADLINE).build().map_err(|cause| {
        Error::config("no HTTP client can be made").with_source(cause.without_url())
    })
}

/// The address that a field of the configuration holds.
pub(crate) fn address(field: &str, url: &str) -> Result<Url> {
    let wrong = || {
        Error::config(format!(
            "field `{field}` is no address; write it like `https://example.com/`"
        ))
    };
    let mut url = Url::parse(url).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    // What is below is added to it.
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// The address of something below another one. Each step is one name, whatever is in it.
pub(crate) fn below(base: &Url, steps: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(steps);
    }
    url
}

/// Asks, and returns whatever the service says.
pub(crate) async fn ask(operation: &'static str, request: RequestBuilder) -> Result<Response> {
    request.send().await.map_err(|cause| lost(operation, cause))
}

/// A refusal as an error.
pub(crate) fn refused(operation: &'static str, status: StatusCode) -> Error {
    let kind = ErrorKind::from_http_status(status.as_u16());
    Error::new(kind, operation, format!("the service answered with {}", status.as_u16()))
}

/// The text of an answer.
pub(crate) async fn text(operation: &'static str, mut answer: Response) -> Result<String> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|cause| lost(operation, cause))? {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST {
            return Err(Error::new(ErrorKind::Protocol, operation, "the answer has no end"));
        }
    }
    let strange = |cause| {
        Error::new(ErrorKind::Protocol, operation, "the answer is no text").with_source(cause)
    };
    String::from_utf8(body).map_err(strange)
}

/// An answer in JSON.
pub(crate) async fn json<T: DeserializeOwned>(
    operation: &'static str,
    answer: Response,
) -> Result<T> {
    let body = text(operation, answer).await?;
    // What is wrong with it may quote what is in it.
    serde_json::from_str(&body)
        .map_err(|_| Error::new(ErrorKind::Protocol, operation, "the answer has another form"))
}

/// The tag in the head of an answer.
pub(crate) fn tag(answer: &Response) -> Option<String> {
    answer.headers().get(ETAG)?.to_str().ok().map(str::to_owned)
}

fn lost(operation: &'static str, cause: reqwest::Error) -> Error {
    let kind = if cause.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
    Error::new(kind, operation, "the service does not answer").with_source(cause.without_url())
}
