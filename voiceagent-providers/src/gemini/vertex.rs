mod config;
mod token;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use voiceagent_core::{
    Error, Result,
    embedding::{Embedder, EmbedderCapabilities, Embedding, Purpose},
};

use self::token::Token;
use crate::wire::{
    embedding::{ask, batches, contents, unreadable},
    http,
    llm::client::{add_headers, base_url, below},
};

pub use config::VertexEmbedderConfig;

/// The name under which it is registered.
pub(super) const PROVIDER: &str = "vertex";

/// The most bytes of one request. It takes 20,000 tokens (Vertex AI documentation, "Text embeddings
/// API", limits), with some that mark where texts begin and end.
const BYTES: usize = 19_000;

/// Embeddings behind Google's Vertex AI.
///
/// Unless an access token is set, it comes from the metadata server that every machine, container
/// and function on Google Cloud has, and is renewed before it ends. Texts are placed by their
/// purpose, so that questions lie close to their answers.
///
/// Wire facts: Vertex AI documentation, "Text embeddings API"; Compute Engine documentation, "Access
/// tokens of a service account".
///
/// ```
/// use voiceagent_core::{Secret, embedding::Embedder};
/// use voiceagent_providers::gemini::{VertexEmbedder, VertexEmbedderConfig};
///
/// let mut config = VertexEmbedderConfig::new("my-project", "europe-west4");
/// config.access_token = Some(Secret::new("ya29.abc"));
/// assert_eq!(VertexEmbedder::new(config)?.capabilities().dimensions, Some(768));
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
pub struct VertexEmbedder {
    config: VertexEmbedderConfig,
    client: Client,
    page: Url,
    token: Token,
}

impl VertexEmbedder {
    /// Sets the embedder up. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `Config` for a value out of its range; the message names the field.
    pub fn new(config: VertexEmbedderConfig) -> Result<Self> {
        Self::set_up(config).map_err(|error| error.with_provider(PROVIDER))
    }

    fn set_up(config: VertexEmbedderConfig) -> Result<Self> {
        config.validate()?;
        let base = base_url(&config.base_url(), "https://europe-west4-aiplatform.googleapis.com")?;
        let method = format!("{}:predict", config.model);
        let place = ["v1", "projects", &config.project, "locations", &config.location];
        let model = ["publishers", "google", "models", &method];
        let mut headers = reqwest::header::HeaderMap::new();
        add_headers(&mut headers, &config.headers)?;
        let unfit = |error| Error::config("TLS cannot be set up").with_source(error);
        let client = http::client()?.default_headers(headers).build().map_err(unfit)?;
        let token = Token::new(config.access_token.clone(), &config.metadata_url)?;
        Ok(Self { page: below(&base, &[&place[..], &model[..]].concat()), client, token, config })
    }

    async fn points(&self, texts: &[Arc<str>], purpose: Purpose) -> Result<Vec<Embedding>> {
        let task_type = match purpose {
            Purpose::Document => "RETRIEVAL_DOCUMENT",
            Purpose::Query => "RETRIEVAL_QUERY",
        };
        let instances = contents(texts).into_iter();
        let request = Request {
            instances: instances.map(|content| Instance { content, task_type }).collect(),
            parameters: Parameters { output_dimensionality: self.config.dimensions },
        };
        let body = serde_json::to_vec(&request).expect("texts and numbers are always JSON");
        let limit = self.config.timeout;
        let token = self.token.get(&self.client, limit).await?;
        let request = self.client.post(self.page.clone()).bearer_auth(token.expose());
        let answer: Answer = ask(request, body, limit).await?;
        if answer.predictions.len() != texts.len() {
            return Err(unreadable("about other texts than were sent"));
        }
        let points = answer.predictions.into_iter();
        Ok(points.map(|point| Embedding::new(point.embeddings.values)).collect())
    }
}

#[derive(Serialize)]
struct Request<'a> {
    instances: Vec<Instance<'a>>,
    parameters: Parameters,
}

#[derive(Serialize)]
struct Instance<'a> {
    content: &'a str,
    task_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<usize>,
}

#[derive(Deserialize)]
struct Answer {
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Values,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<f32>,
}

#[async_trait]
impl Embedder for VertexEmbedder {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> EmbedderCapabilities {
        EmbedderCapabilities::new(self.config.point_size(), Some(self.config.batch()))
    }

    async fn embed(&self, texts: &[Arc<str>], purpose: Purpose) -> Result<Vec<Embedding>> {
        let mut points = Vec::with_capacity(texts.len());
        for batch in batches(texts, self.config.batch(), BYTES) {
            let asked = self.points(batch, purpose).await;
            points.extend(asked.map_err(|error| error.with_provider(PROVIDER))?);
        }
        Ok(points)
    }
}

impl fmt::Debug for VertexEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VertexEmbedder")
            .field("host", &self.page.host_str())
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}
