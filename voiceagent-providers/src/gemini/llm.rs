use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use reqwest::{
    Response, Url,
    header::{HeaderMap, HeaderName},
};
use voiceagent_core::{
    Result,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

use super::{
    codec::Chunks,
    config::{BASE_URL, GeminiLlmConfig},
    request,
};
use crate::wire::{
    llm::{
        call_ids::CallIds,
        client::{ModelClient, add_headers, base_url, below, secret_header},
        keepsakes::Keepsakes,
    },
    models::Models,
};

/// A language model behind Google's Gemini API.
///
/// One value serves any number of calls at once, over connections that stay open in between. It
/// keeps the signature of a tool call, and sends it back with the result.
///
/// Wire facts: Gemini API reference, "Generating content", and its documentation, "Function
/// calling", "Thought signatures", "Thinking".
pub struct GeminiLlm {
    config: GeminiLlmConfig,
    client: ModelClient,
    content: Url,
    models: Arc<Models>,
    keepsakes: Keepsakes,
}

impl GeminiLlm {
    /// Sets the model up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) for a missing key (Google's own service
    /// needs one), for a `base_url` or header that is none, and for a value
    /// out of its range; the message names the field.
    pub fn new(config: GeminiLlmConfig) -> Result<Self> {
        let name = config.name.to_string();
        Self::set_up(config).map_err(|error| error.with_provider(name))
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
        self.client.warm(&self.models).await
    }

    fn set_up(config: GeminiLlmConfig) -> Result<Self> {
        config.validate()?;
        let base = base_url(&config.base_url, BASE_URL)?;
        let method = format!("{}:streamGenerateContent", config.model());
        let mut content = below(&base, &["models", &method]);
        // Without, the answer is one JSON array.
        content.set_query(Some("alt=sse"));
        let (first_token, idle) = (config.first_token_timeout, config.idle_timeout);
        Ok(Self {
            client: ModelClient::new(config.name.clone(), headers(&config)?, first_token, idle)?,
            content,
            models: Arc::new(Models::new(&base, Arc::clone(&config.name), config.model(), None)),
            keepsakes: Keepsakes::default(),
            config,
        })
    }

    /// The response to a request that the vendor accepted.
    async fn ask(&self, request: &LlmRequest) -> Result<Response> {
        let body = request::encode(&self.config, request, &self.keepsakes)?;
        let answered = self.client.post(&self.content, body).await?;
        answered.map_err(|refusal| refusal.into_error("generate"))
    }
}

#[async_trait]
impl LanguageModel for GeminiLlm {
    fn name(&self) -> &str {
        self.client.name()
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
            .with_tools(true, true)
            .with_prompt_caching(self.config.caches())
            .with_structured_outputs(self.config.is_structured())
    }

    async fn warm(&self) -> Result<()> {
        Self::warm(self).await
    }

    async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        let chunks = Chunks::new(CallIds::of(&request.messages), self.keepsakes.clone())
            .telling(&self.models);
        self.client.answer(self.ask(&request), chunks).await
    }
}

impl fmt::Debug for GeminiLlm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeminiLlm")
            .field("name", &self.name())
            .field("host", &self.content.host_str())
            .field("model", &self.config.model())
            .finish_non_exhaustive()
    }
}

fn headers(config: &GeminiLlmConfig) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(key) = config.api_key.as_ref().filter(|key| !key.is_empty()) {
        let name = HeaderName::from_static("x-goog-api-key");
        headers.insert(name, secret_header("api_key", key.expose())?);
    }
    add_headers(&mut headers, &config.headers)?;
    Ok(headers)
}
