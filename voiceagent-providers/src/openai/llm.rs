use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::{
    Client, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::{Instant, timeout, timeout_at};
use voiceagent_core::{
    Error, ErrorKind, Result, Secret,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

use super::{
    codec::Answer,
    config::{BASE_URL, OpenAiLlmConfig},
    request,
};
use crate::wire::{
    connect,
    http::{self, Refusal},
    sse::SseParser,
};

/// The largest event that is taken. A chunk is a few hundred bytes; servers that send a tool call
/// as a whole need more.
const MAX_EVENT: usize = 1 << 20;

/// How long the vendor may take, once the answer is complete, to say what it cost.
const GRACE: Duration = Duration::from_millis(500);

/// How long the end of a response may lag behind its last event. A response that is read to its
/// end leaves its connection open for the next one.
const DRAIN: Duration = Duration::from_millis(10);

/// A language model behind OpenAI's chat completions protocol.
///
/// One value serves any number of calls at once, over connections that stay open in between.
///
/// Wire facts: OpenAI API reference, "Chat completions" and "Streaming".
pub struct OpenAiLlm {
    config: OpenAiLlmConfig,
    name: Arc<str>,
    client: Client,
    completions: Url,
    models: Url,
    /// Whether the server takes `stream_options`. Some refuse it, and are asked only once.
    reports_usage: AtomicBool,
}

impl OpenAiLlm {
    /// Sets the model up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for a missing key (OpenAI's own service needs one), for a `base_url` or
    /// header that is none, and for a value out of its range; the message names the field.
    pub fn new(config: OpenAiLlmConfig) -> Result<Self> {
        let name = config.name.clone().unwrap_or_else(|| "openai".into());
        Self::with_name(config, name.clone()).map_err(|error| error.with_provider(name.to_string()))
    }

    /// Opens a connection ahead, so that the first answer need not wait for one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthorized`] when the vendor refuses the key, and when it is not reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up, and with it the connection if it is not open yet.
    /// Answers that are under way are not concerned.
    pub async fn warm(&self) -> Result<()> {
        let asked = self.client.head(self.models.clone()).send();
        let refused = |kind, message: &'static str| self.named(Error::new(kind, "warm", message));
        let response = timeout(self.config.first_token_timeout, asked)
            .await
            .map_err(|_| refused(ErrorKind::Timeout, "the vendor did not answer in time"))?
            .map_err(|error| self.named(http::unanswered(error, "warm")))?;
        // Not every server lists its models; the connection is open all the same.
        match response.status().as_u16() {
            401 | 403 => Err(refused(ErrorKind::Unauthorized, "the key was refused")),
            _ => Ok(()),
        }
    }

    fn with_name(config: OpenAiLlmConfig, name: Arc<str>) -> Result<Self> {
        config.validate()?;
        let base = Url::parse(config.base_url())
            .ok()
            .filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host());
        let base = base.ok_or_else(|| {
            Error::config("field `base_url` is not a URL such as `https://api.openai.com/v1`")
        })?;
        let client = http::client()?
            .default_headers(headers(&config)?)
            .build()
            .map_err(|error| Error::config("TLS cannot be set up").with_source(error))?;
        Ok(Self {
            name,
            client,
            completions: below(&base, &["chat", "completions"]),
            models: below(&base, &["models"]),
            reports_usage: AtomicBool::new(true),
            config,
        })
    }

    /// The response to a request that the vendor accepted.
    async fn ask(&self, request: &LlmRequest) -> Result<Response> {
        let include_usage = self.reports_usage.load(Ordering::Relaxed);
        let refusal = match self.post(request, include_usage).await? {
            Ok(response) => return Ok(response),
            Err(refusal) => refusal,
        };
        if !include_usage || !refusal.blames("stream_options") {
            return Err(refusal.into_error("generate"));
        }
        tracing::debug!(provider = &*self.name, "the server takes no stream_options");
        self.reports_usage.store(false, Ordering::Relaxed);
        self.post(request, false).await?.map_err(|refusal| refusal.into_error("generate"))
    }

    async fn post(
        &self,
        request: &LlmRequest,
        include_usage: bool,
    ) -> Result<Result<Response, Refusal>> {
        let body = request::body(&self.config, request, include_usage)?;
        let response = self
            .client
            .post(self.completions.clone())
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

    fn named(&self, error: Error) -> Error {
        error.with_provider(self.name.to_string())
    }
}

#[async_trait]
impl LanguageModel for OpenAiLlm {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
            .with_tools(true, self.config.parallel_tool_calls.unwrap_or(true))
            .with_prompt_caching(self.config.base_url() == BASE_URL)
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let deadline = Instant::now() + self.config.first_token_timeout;
        let asked = timeout_at(deadline, self.ask(&request));
        let (asked, opened) = connect::observed(asked).await;
        let response =
            asked.unwrap_or_else(|_| Err(too_late())).map_err(|error| self.named(error))?;
        let reading = Reading {
            response,
            parser: SseParser::new(MAX_EVENT),
            answer: Answer::new(request::call_ids(&request.messages)),
            deadline,
            idle: self.config.idle_timeout,
            begun: false,
            ended: None,
        };
        let name = self.name.to_string();
        let after = opened.unwrap_or_default();
        let connected = LlmEvent::Connected { after, reused: opened.is_none() };
        let items = stream::unfold(reading, |mut reading| async move {
            let item = reading.next().await?;
            Some((item, reading))
        });
        let items = items.map(move |item| item.map_err(|error| error.with_provider(name.clone())));
        Ok(stream::iter([Ok(connected)]).chain(items).boxed())
    }
}

impl fmt::Debug for OpenAiLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiLlm")
            .field("name", &self.name)
            .field("host", &self.completions.host_str())
            .field("model", &self.config.model())
            .finish_non_exhaustive()
    }
}

/// An answer while it comes in. Dropping it ends the request.
struct Reading {
    response: Response,
    parser: SseParser,
    answer: Answer,
    /// When the next progress must have been made.
    deadline: Instant,
    idle: Duration,
    begun: bool,
    /// How the response ended, once it did; the error is taken out when it is told.
    ended: Option<Result<()>>,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<LlmEvent>> {
        loop {
            if let Some(event) = self.answer.poll() {
                return Some(Ok(event));
            }
            match self.ended.replace(Ok(())) {
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(())) => return None,
                None => self.ended = self.read().await,
            }
        }
    }

    /// Takes in the next bytes. Says how the response ended, if it did.
    async fn read(&mut self) -> Option<Result<()>> {
        let lost = match timeout_at(self.deadline, self.response.chunk()).await {
            Ok(Ok(Some(bytes))) => match self.understand(&bytes) {
                Ok(()) if self.answer.is_done() => {
                    // What the connection does from here on is of no concern to the answer.
                    let _ = timeout(DRAIN, self.response.chunk()).await;
                    return Some(self.answer.end());
                }
                Ok(()) => return None,
                Err(error) => error,
            },
            Ok(Ok(None)) => return Some(self.answer.end()),
            Ok(Err(lost)) => http::unanswered(lost, "generate"),
            Err(_) if self.begun => {
                Error::new(ErrorKind::Stalled, "generate", "the answer does not go on")
            }
            Err(_) => too_late(),
        };
        // An answer that is complete needs nothing that may still go wrong.
        Some(if self.answer.is_finished() { self.answer.end() } else { Err(lost) })
    }

    fn understand(&mut self, bytes: &[u8]) -> Result<()> {
        let mut progress = false;
        self.parser.feed(bytes)?;
        while let Some(data) = self.parser.poll() {
            progress |= self.answer.handle(&data)?;
        }
        if progress {
            self.begun = true;
            let patience = if self.answer.is_finished() { GRACE } else { self.idle };
            self.deadline = Instant::now() + patience;
        }
        Ok(())
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::Timeout, "generate", "no first token in time")
}

fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

fn headers(config: &OpenAiLlmConfig) -> Result<HeaderMap> {
    let secret = |name: &str, value: &str| {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Error::config(format!("field `{name}` does not fit into a header")))?;
        value.set_sensitive(true);
        Ok(value)
    };
    let mut headers = HeaderMap::new();
    if let Some(key) = config.api_key.as_ref().filter(|key| !key.is_empty()) {
        headers.insert(AUTHORIZATION, secret("api_key", &format!("Bearer {}", key.expose()))?);
    }
    let billing = [
        ("organization", "openai-organization", &config.organization),
        ("project", "openai-project", &config.project),
    ];
    for (field, header, value) in billing {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(header), secret(field, value)?);
        }
    }
    for (name, value) in &config.headers {
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| Error::config(format!("`{name}` in `headers` is not a header's name")))?;
        headers.insert(header, secret("headers", Secret::expose(value))?);
    }
    Ok(headers)
}
