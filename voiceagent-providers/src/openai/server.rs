use std::{collections::BTreeMap, fmt, future::Future, sync::Arc, time::Duration};

use reqwest::{
    Client, Url,
    header::{CONTENT_TYPE, HeaderMap},
};
use tokio::time::timeout;
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{config::BASE_URL, families::known_end, llm::authorize};
use crate::wire::{
    http::{self, Refusal},
    llm::client::{add_headers, base_url, below},
    models::Models,
};

/// A server of speech: where it is, and what each request to it carries.
pub(super) struct Server {
    base: Url,
    headers: HeaderMap,
    models: Models,
}

impl Server {
    /// Sets it up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Config` for an address, a key or a header that is none.
    pub(super) fn new(
        base: &str,
        (name, model): (&Arc<str>, &str),
        api_key: Option<&Secret>,
        further: &BTreeMap<String, Secret>,
    ) -> Result<Self> {
        let mut headers = HeaderMap::new();
        authorize(&mut headers, api_key)?;
        add_headers(&mut headers, further)?;
        let known = known_end(base, model);
        let base = base_url(base, BASE_URL)?;
        let models = Models::new(&base, Arc::clone(name), model, known);
        Ok(Self { base, headers, models })
    }

    /// The URL of a page.
    pub(super) fn page(&self, path: &[&str]) -> Url {
        below(&self.base, path)
    }

    /// A client whose requests carry what the server asks for.
    ///
    /// # Errors
    ///
    /// `Config` when TLS cannot be set up.
    pub(super) fn client(&self) -> Result<Client> {
        let unfit = |error| Error::config("TLS cannot be set up").with_source(error);
        http::client()?.default_headers(self.headers.clone()).build().map_err(unfit)
    }

    /// A client of its own for each call, so that the call's connection ends with it. The
    /// connection is opened ahead, by asking for a page about models. Not every server has one; the
    /// connection is open all the same.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached in time, refuses the key, or has no room.
    pub(super) async fn connect(&self, limit: Duration) -> Result<Client> {
        let client = self.client()?;
        let asked = self.models.request(&client).send();
        let late = || Error::new(ErrorKind::Timeout, "open", "the vendor did not answer in time");
        let response = timeout(limit, asked)
            .await
            .map_err(|_| late())?
            .map_err(|error| http::unanswered(error, "open"))?;
        // A key may be for nothing but speech (403 to pages about models).
        match response.status().as_u16() {
            401 | 429 | 500 | 502 | 503 | 529 => {
                Err(Refusal::read(response).await.into_error("open"))
            }
            _ => {
                self.models.note(response).await;
                Ok(client)
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}

/// Waits for the next part of an answer.
///
/// # Errors
///
/// `Stalled` when `what` does not come in time, and when the connection is lost.
pub(super) async fn within<T>(
    limit: Duration,
    what: &'static str,
    part: impl Future<Output = Result<T, reqwest::Error>>,
) -> Result<T> {
    let stalled = || {
        let message = format!("no {what} came for {} ms", limit.as_millis());
        Error::new(ErrorKind::Stalled, "read", message)
    };
    let done = timeout(limit, part).await.map_err(|_| stalled())?;
    done.map_err(|error| http::unanswered(error, "read"))
}

/// The type of a response's content, without its parameters.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
