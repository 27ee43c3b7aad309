use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use super::super::config::BASE_URL;
use crate::wire::settings::{check, check_named, check_timeout};

/// Settings of an [`OpenAiEmbedder`](super::OpenAiEmbedder).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiEmbedderConfig {
    /// The key. Servers of one's own often need none.
    pub api_key: Option<Secret>,
    /// Up to and without `/embeddings`. `https://api.openai.com/v1` unless set.
    pub base_url: Option<Arc<str>>,
    /// The model. `text-embedding-3-small` unless set.
    pub model: Arc<str>,
    /// How many numbers to make of each text, for models that can make fewer. Not every server
    /// takes it.
    pub dimensions: Option<usize>,
    /// The provider's name in errors and in metrics, `openai` unless set.
    pub name: Option<Arc<str>>,
    /// Further headers. Their values are kept out of `Debug`.
    pub headers: BTreeMap<String, Secret>,
    /// How long one request may take. 10 s unless set.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub timeout: Duration,
}

impl Default for OpenAiEmbedderConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: None,
            model: "text-embedding-3-small".into(),
            dimensions: None,
            name: None,
            headers: BTreeMap::new(),
            timeout: Duration::from_secs(10),
        }
    }
}

impl OpenAiEmbedderConfig {
    pub(super) fn validate(&self) -> Result<()> {
        check_named("model", &self.model, "name a model")?;
        let is_named = self.name.as_ref().is_none_or(|name| !name.trim().is_empty());
        check(is_named, "`name` must not be empty")?;
        check(self.dimensions != Some(0), "`dimensions` must be at least 1")?;
        check_timeout("timeout", self.timeout)?;
        let is_keyless = self.api_key.as_ref().is_none_or(Secret::is_empty);
        check(self.base_url() != BASE_URL || !is_keyless, "`api_key` is missing")
    }

    pub(super) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/')
    }

    /// How many numbers a point has (OpenAI API documentation, "Vector embeddings").
    pub(super) fn point_size(&self) -> Option<usize> {
        self.dimensions.or(match &*self.model {
            "text-embedding-3-small" | "text-embedding-ada-002" => Some(1_536),
            "text-embedding-3-large" => Some(3_072),
            _ => None,
        })
    }
}
