use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use reqwest::{
    Response, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName},
};
use voiceagent_core::{
    Result, Secret,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

use super::{
    codec::Chunks,
    config::{BASE_URL, OpenAiApi, OpenAiLlmConfig},
    families::{known_end, warn_of_end},
    request,
    responses::Responses,
};
use crate::wire::{
    http::Refusal,
    llm::{
        call_ids::CallIds,
        client::{ModelClient, add_headers, base_url, below, secret_header},
    },
    models::Models,
};

/// A language model behind OpenAI's chat completions or responses.
///
/// One value serves any number of calls at once, over connections that stay open in between.
///
/// Wire facts: OpenAI API reference, "Chat completions", "Responses" and "Streaming".
pub struct OpenAiLlm {
    config: OpenAiLlmConfig,
    client: ModelClient,
    models: Models,
    endpoint: Endpoint,
}

/// What an answer is asked of.
enum Endpoint {
    Completions {
        url: Url,
        /// Whether the server takes `stream_options`. Some refuse it, and are asked only once.
        reports_usage: AtomicBool,
    },
    Responses(Responses),
}

impl OpenAiLlm {
    /// Sets the model up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) for a missing key (OpenAI's own
    /// service needs one), for a `base_url` or header that is none, and for a value out of its
    /// range; the message names the field.
    pub fn new(config: OpenAiLlmConfig) -> Result<Self> {
        let name = config.name.clone().unwrap_or_else(|| "openai".into());
        Self::with_name(config, name.clone()).map_err(|error| error.with_provider(name.to_string()))
    }

    /// Opens a connection ahead, so that the first answer need not wait for one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthorized`](voiceagent_core::ErrorKind::Unauthorized) when the vendor
    /// refuses the key, and when it is not reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up, and with it the connection if it is not open yet.
    /// Answers that are under way are not concerned.
    pub async fn warm(&self) -> Result<()> {
        if let Endpoint::Responses(Responses::Socket { lanes, .. }) = &self.endpoint {
            return lanes.warm().await.map_err(|error| self.client.named(error));
        }
        self.client.warm(&self.models).await
    }

    fn with_name(config: OpenAiLlmConfig, name: Arc<str>) -> Result<Self> {
        config.validate()?;
        warn_of_end(config.base_url(), config.model());
        let base = base_url(config.base_url(), BASE_URL)?;
        let (first_token, idle) = (config.first_token_timeout, config.idle_timeout);
        let headers = headers(&config)?;
        let endpoint = match config.api {
            OpenAiApi::ChatCompletions => Endpoint::Completions {
                url: below(&base, &["chat", "completions"]),
                reports_usage: AtomicBool::new(true),
            },
            OpenAiApi::Responses => Endpoint::Responses(Responses::over_http(&base)),
            OpenAiApi::ResponsesWebsocket => {
                Endpoint::Responses(Responses::over_a_socket(&config, headers.clone())?)
            }
        };
        let client = ModelClient::new(Arc::clone(&name), headers, first_token, idle)?;
        let known = known_end(config.base_url(), config.model());
        let models = Models::new(&base, name, config.model(), known);
        Ok(Self { client, models, endpoint, config })
    }

    /// The response to a request for chat completions that the vendor accepted.
    async fn ask(
        &self,
        request: &LlmRequest,
        url: &Url,
        reports_usage: &AtomicBool,
    ) -> Result<Response> {
        let include_usage = reports_usage.load(Ordering::Relaxed);
        let refusal = match self.post(request, url, include_usage).await? {
            Ok(response) => return Ok(response),
            Err(refusal) => refusal,
        };
        if !include_usage || !refusal.blames("stream_options") {
            return Err(refusal.into_error("generate"));
        }
        tracing::debug!(provider = self.name(), "the server takes no stream_options");
        reports_usage.store(false, Ordering::Relaxed);
        self.post(request, url, false).await?.map_err(|refusal| refusal.into_error("generate"))
    }

    async fn post(
        &self,
        request: &LlmRequest,
        url: &Url,
        include_usage: bool,
    ) -> Result<Result<Response, Refusal>> {
        let body = request::encode(&self.config, request, include_usage)?;
        self.client.post(url, body).await
    }
}

#[async_trait]
impl LanguageModel for OpenAiLlm {
    fn name(&self) -> &str {
        self.client.name()
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
            .with_tools(true, self.config.parallel_tool_calls.unwrap_or(true))
            .with_prompt_caching(self.config.caches())
            .with_structured_outputs(self.config.is_structured())
    }

    async fn warm(&self) -> Result<()> {
        Self::warm(self).await
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        match &self.endpoint {
            Endpoint::Completions { url, reports_usage } => {
                let chunks = Chunks::new(CallIds::of(&request.messages));
                self.client.answer(self.ask(&request, url, reports_usage), chunks).await
            }
            Endpoint::Responses(responses) => {
                responses.generate(&self.config, &self.client, request).await
            }
        }
    }
}

impl fmt::Debug for OpenAiLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiLlm")
            .field("name", &self.name())
            .field("host", &self.models.host())
            .field("model", &self.config.model())
            .finish_non_exhaustive()
    }
}

/// Adds the key, if there is one.
///
/// # Errors
///
/// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) for one that does not fit.
pub(super) fn authorize(headers: &mut HeaderMap, api_key: Option<&Secret>) -> Result<()> {
    if let Some(key) = api_key.filter(|key| !key.is_empty()) {
        let bearer = format!("Bearer {}", key.expose());
        headers.insert(AUTHORIZATION, secret_header("api_key", &bearer)?);
    }
    Ok(())
}

fn headers(config: &OpenAiLlmConfig) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    authorize(&mut headers, config.api_key.as_ref())?;
    let billing = [
        ("organization", "openai-organization", &config.organization),
        ("project", "openai-project", &config.project),
    ];
    for (field, header, value) in billing {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(header), secret_header(field, value)?);
        }
    }
    add_headers(&mut headers, &config.headers)?;
    Ok(headers)
}
