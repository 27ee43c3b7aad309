use serde::Deserialize;
use voiceagent_core::{Error, Result};

use super::ProviderConfig;

/// How documents are found that answer a question.
///
/// ```toml
/// [knowledge]
/// near = 0.4
///
/// [knowledge.embedding]
/// provider = "openai"
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[knowledge]`")]
#[non_exhaustive]
pub struct KnowledgeConfig {
    /// Who knows what documents and questions mean; `None` goes by words and pieces of words.
    pub embedding: Option<ProviderConfig>,
    /// From which similarity on a document answers a question that it shares no word with, above 0
    /// and up to 1. It depends on the model.
    pub near: f32,
}

impl Default for KnowledgeConfig {
    fn default() -> Self {
        Self { embedding: None, near: 0.4 }
    }
}

impl KnowledgeConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        self.embedding.iter_mut().for_each(|embedding| embedding.take_key(env));
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.near > 0.0 && self.near <= 1.0 {
            return Ok(());
        }
        Err(Error::config("field `knowledge.near`: write a number above 0 and up to 1"))
    }
}
