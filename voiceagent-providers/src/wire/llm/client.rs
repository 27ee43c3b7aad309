use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::{Instant, timeout, timeout_at};
use voiceagent_core::{Error, ErrorKind, Result, Secret, llm::LlmEvent};

use super::{
    answer::{Answer, Codec, Source, too_late},
    events::Events,
};
use crate::wire::{
    connect,
    http::{self, Refusal},
    models::Models,
};

/// The HTTP side of a language model: connections that stay open, deadlines, refusals.
#[derive(Debug)]
pub(crate) struct ModelClient {
    name: Arc<str>,
    client: Client,
    first_token: Duration,
    idle: Duration,
}

impl ModelClient {
    /// A client of the provider `name` that sends these headers with every request. An answer must
    /// begin within `first_token` and may then pause for `idle`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when TLS cannot be set up.
    pub(crate) fn new(
        name: Arc<str>,
        headers: HeaderMap,
        first_token: Duration,
        idle: Duration,
    ) -> Result<Self> {
        let client = http::client()?
            .default_headers(headers)
            .build()
            .map_err(|error| Error::config("TLS cannot be set up").with_source(error))?;
        Ok(Self { name, client, first_token, idle })
    }

    /// The provider's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Opens a connection ahead, by asking for a page about the model.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthorized`] when the vendor refuses the key, and when it is not reached.
    pub(crate) async fn warm(&self, models: &Models) -> Result<()> {
        let late = || Error::new(ErrorKind::Timeout, "warm", "the vendor did not answer in time");
        let response = timeout(self.first_token, models.request(&self.client).send())
            .await
            .map_err(|_| self.named(late()))?
            .map_err(|error| self.named(http::unanswered(error, "warm")))?;
        if response.status().is_success() {
            models.note(response).await;
            return Ok(());
        }
        let refusal = Refusal::read(response).await;
        if refusal.refuses_the_key() {
            return Err(self.named(refusal.into_error("warm")));
        }
        // Not every server has the page, and not every key is for it; the connection is open all
        // the same.
        Ok(())
    }

    /// Sends a request of JSON. It fails where no response comes; one that says no is inside.
    pub(crate) async fn post(&self, url: &Url, body: Vec<u8>) -> Result<Result<Response, Refusal>> {
        let response = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(|error| http::unanswered(error, "generate"))?;
        Ok(if response.status().is_success() {
            Ok(response)
        } else {
            Err(Refusal::read(response).await)
        })
    }

    /// The events of the answer to a request that `asked` sends.
    ///
    /// # Errors
    ///
    /// Those of `asked`, and [`ErrorKind::Timeout`] when it takes longer than a first token may.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends the request.
    pub(crate) async fn answer(
        &self,
        asked: impl Future<Output = Result<Response>> + Send,
        codec: impl Codec,
    ) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        self.answer_from(async { Ok((Events::of(asked.await?), codec)) }).await
    }

    /// The events of the answer that `asked` begins, from any source.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the stream ends the request.
    pub(crate) async fn answer_from<S: Source, C: Codec>(
        &self,
        asked: impl Future<Output = Result<(S, C)>> + Send,
    ) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let deadline = Instant::now() + self.first_token;
        let (asked, opened) = connect::observed(timeout_at(deadline, asked)).await;
        let (source, codec) =
            asked.unwrap_or_else(|_| Err(too_late())).map_err(|error| self.named(error))?;
        let limits = source.limits().map(LlmEvent::Limits);
        let answer = Answer::new(source, codec, deadline, self.idle);
        let name = self.name.to_string();
        let after = opened.unwrap_or_default();
        let connected = LlmEvent::Connected { after, reused: opened.is_none() };
        let items = stream::unfold(answer, |mut answer| async move {
            let item = answer.next().await?;
            Some((item, answer))
        });
        let items = items.map(move |item| item.map_err(|error| error.with_provider(name.clone())));
        let begun = std::iter::once(connected).chain(limits).map(Ok);
        Ok(stream::iter(begun).chain(items).boxed())
    }

    /// An error of this provider.
    pub(crate) fn named(&self, error: Error) -> Error {
        error.with_provider(self.name.to_string())
    }
}

/// Reads the `base_url` of a configuration.
///
/// # Errors
///
/// [`ErrorKind::Config`] for what is none; `example` shows one.
pub(crate) fn base_url(url: &str, example: &str) -> Result<Url> {
    Url::parse(url)
        .ok()
        .filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host())
        .ok_or_else(|| Error::config(format!("field `base_url` is not a URL such as `{example}`")))
}

/// The URL of a page below `base`.
pub(crate) fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// A header's value that logs do not show, from the configuration's `field`.
///
/// # Errors
///
/// [`ErrorKind::Config`] for a text that does not fit.
pub(crate) fn secret_header(field: &str, value: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Error::config(format!("field `{field}` does not fit into a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Adds the headers that the configuration names itself.
///
/// # Errors
///
/// [`ErrorKind::Config`] for a name or a value that is none of a header.
pub(crate) fn add_headers(
    headers: &mut HeaderMap,
    further: &BTreeMap<String, Secret>,
) -> Result<()> {
    for (name, value) in further {
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| Error::config(format!("`{name}` in `headers` is not a header's name")))?;
        headers.insert(header, secret_header("headers", value.expose())?);
    }
    Ok(())
}
