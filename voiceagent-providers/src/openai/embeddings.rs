mod answer;
mod config;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use reqwest::{Client, Url};
use serde::Serialize;
use voiceagent_core::{
    Error, Result,
    embedding::{Embedder, EmbedderCapabilities, Embedding, Purpose},
};

use self::answer::Answer;
use super::server::Server;
use crate::wire::embedding::{ask, batches, contents};

pub use config::OpenAiEmbedderConfig;

/// The most texts of one request (OpenAI API reference, "Create embeddings").
const BATCH: usize = 2_048;

/// The most bytes of one request. It takes 300,000 tokens (OpenAI API reference, "Create
/// embeddings"), with some that mark where texts end.
const BYTES: usize = 290_000;

/// Embeddings behind OpenAI's `/v1/embeddings`, which vLLM, Ollama, llama.cpp, TEI and others speak
/// too.
///
/// One value serves any number of calls at once. Points come as base64 where the server can, which
/// costs a third of what their decimals do.
///
/// Wire facts: OpenAI API reference, "Create embeddings"; types of the Python SDK 3.52.0.
///
/// ```
/// use voiceagent_core::{Secret, embedding::Embedder};
/// use voiceagent_providers::openai::{OpenAiEmbedder, OpenAiEmbedderConfig};
///
/// let mut config = OpenAiEmbedderConfig::default();
/// config.api_key = Some(Secret::new("sk-123"));
/// assert_eq!(OpenAiEmbedder::new(config)?.capabilities().dimensions, Some(1_536));
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
pub struct OpenAiEmbedder {
    config: OpenAiEmbedderConfig,
    name: Arc<str>,
    client: Client,
    page: Url,
}

impl OpenAiEmbedder {
    /// Sets the embedder up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Config` for a missing key (OpenAI's own service needs one), and for a value out of its
    /// range; the message names the field.
    pub fn new(config: OpenAiEmbedderConfig) -> Result<Self> {
        let name = config.name.clone().unwrap_or_else(|| "openai".into());
        Self::with_name(config, name.clone()).map_err(|error| error.with_provider(name.to_string()))
    }

    fn with_name(config: OpenAiEmbedderConfig, name: Arc<str>) -> Result<Self> {
        config.validate()?;
        let of = (&name, &*config.model);
        let server = Server::new(config.base_url(), of, config.api_key.as_ref(), &config.headers)?;
        let (client, page) = (server.client()?, server.page(&["embeddings"]));
        Ok(Self { config, name, client, page })
    }

    async fn points(&self, texts: &[Arc<str>]) -> Result<Vec<Embedding>> {
        let request = Request {
            model: &self.config.model,
            input: contents(texts),
            dimensions: self.config.dimensions,
            encoding_format: "base64",
        };
        let body = serde_json::to_vec(&request).expect("texts and numbers are always JSON");
        let asked = ask(self.client.post(self.page.clone()), body, self.config.timeout).await;
        asked.and_then(|answer: Answer| answer.points(texts.len()))
    }
}

/// The body of `POST /embeddings`.
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    encoding_format: &'static str,
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> EmbedderCapabilities {
        EmbedderCapabilities::new(self.config.point_size(), Some(BATCH))
    }

    async fn embed(&self, texts: &[Arc<str>], _purpose: Purpose) -> Result<Vec<Embedding>> {
        let mut points = Vec::with_capacity(texts.len());
        for batch in batches(texts, BATCH, BYTES) {
            let asked = self.points(batch).await;
            let named = |error: Error| error.with_provider(self.name.to_string());
            points.extend(asked.map_err(named)?);
        }
        Ok(points)
    }
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiEmbedder")
            .field("name", &self.name)
            .field("host", &self.page.host_str())
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}
