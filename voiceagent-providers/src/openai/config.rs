use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};
use voiceagent_core::Secret;

/// Where OpenAI itself is found.
pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";

/// The model that is used unless another is named: quick to its first word, and it calls tools.
pub(crate) const MODEL: &str = "gpt-6-luna";

/// Settings of an [`OpenAiLlm`](super::OpenAiLlm).
///
/// What is not set is not sent, so that every server applies its own defaults and none is asked
/// for something that it refuses.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::openai::{OpenAiLlm, OpenAiLlmConfig};
///
/// let mut config = OpenAiLlmConfig::default();
/// config.api_key = Some(Secret::new("sk-123"));
/// config.max_completion_tokens = Some(400);
/// OpenAiLlm::new(config).unwrap();
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiLlmConfig {
    /// The key. Servers of one's own often need none.
    pub api_key: Option<Secret>,
    /// Up to and without `/chat/completions`. `https://api.openai.com/v1` unless set.
    pub base_url: Option<Arc<str>>,
    /// The model. `gpt-6-luna` unless set.
    pub model: Option<Arc<str>>,
    /// The provider's name in errors and in metrics, `openai` unless set.
    pub name: Option<Arc<str>>,
    /// How much the model thinks before it speaks. Unless set, OpenAI's reasoning models are asked
    /// for as little as they allow, and other servers are not asked.
    pub reasoning_effort: Option<Arc<str>>,
    /// Sampling temperature. Reasoning models refuse it unless their effort is `none`.
    pub temperature: Option<f32>,
    /// Nucleus sampling. Reasoning models refuse it unless their effort is `none`.
    pub top_p: Option<f32>,
    /// The most tokens of an answer.
    pub max_completion_tokens: Option<u32>,
    /// Makes sampling repeatable, where the vendor can.
    pub seed: Option<i64>,
    /// The vendor's class of service, such as `priority`.
    pub service_tier: Option<Arc<str>>,
    /// Steers requests with the same beginning to the same cache.
    pub prompt_cache_key: Option<Arc<str>>,
    /// Whether the model may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// Asks for arguments that follow the schema exactly. Every schema must then forbid additional
    /// properties and require all of its own.
    pub strict_tools: bool,
    /// What is put after the words of an answer that the user cut off, so that the model knows.
    /// Nothing unless set.
    pub interruption_marker: Option<Arc<str>>,
    /// The organization that is billed.
    pub organization: Option<Arc<str>>,
    /// The project that is billed.
    pub project: Option<Arc<str>>,
    /// Further headers, such as Azure's `api-key`. Their values are kept out of `Debug`.
    pub headers: BTreeMap<String, Secret>,
    /// Further fields of the request; they take the place of those of the same name.
    pub extra_body: Map<String, Value>,
    /// Request to the first words, tool call or reasoning. 10 s unless set: a fallback or the
    /// session usually gives up sooner.
    pub first_token_timeout: Duration,
    /// The longest pause within an answer. 3 s unless set.
    pub idle_timeout: Duration,
}

impl Default for OpenAiLlmConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: None,
            model: None,
            name: None,
            reasoning_effort: None,
            temperature: None,
            top_p: None,
            max_completion_tokens: None,
            seed: None,
            service_tier: None,
            prompt_cache_key: None,
            parallel_tool_calls: None,
            strict_tools: false,
            interruption_marker: None,
            organization: None,
            project: None,
            headers: BTreeMap::new(),
            extra_body: Map::new(),
            first_token_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(3),
        }
    }
}

impl OpenAiLlmConfig {
    pub(crate) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/')
    }

    pub(crate) fn model(&self) -> &str {
        self.model.as_deref().unwrap_or(MODEL)
    }

    /// The effort to ask for. `with_tools` matters because some models refuse one with the other.
    pub(crate) fn effort(&self, with_tools: bool) -> Option<&str> {
        self.reasoning_effort.as_deref().or_else(|| {
            let ours = self.base_url() == BASE_URL;
            ours.then(|| least_effort(self.model(), with_tools)).flatten()
        })
    }
}

/// The least effort that a model of OpenAI takes over chat completions.
///
/// GPT-6 calls tools only at `none`; GPT-5.2 and 5.4 take no effort together with tools (and do
/// not think unless asked); the first GPT-5 knows no `none`.
fn least_effort(model: &str, with_tools: bool) -> Option<&'static str> {
    let version = model.strip_prefix("gpt-")?.split('-').next()?;
    let chat = model.contains("-chat");
    match version {
        _ if chat => None,
        "5.2" | "5.4" if with_tools => None,
        "5" => Some("minimal"),
        _ if version.starts_with("5.") || version.starts_with('6') => Some("none"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_effort_is_what_the_model_takes() {
        for (model, plain, with_tools) in [
            ("gpt-6-luna", Some("none"), Some("none")),
            ("gpt-6.1-terra", Some("none"), Some("none")),
            ("gpt-5.6-sol", Some("none"), Some("none")),
            ("gpt-5.4-mini", Some("none"), None),
            ("gpt-5-mini", Some("minimal"), Some("minimal")),
            ("gpt-5-chat-latest", None, None),
            ("gpt-4.1", None, None),
            ("o3", None, None),
        ] {
            let config = OpenAiLlmConfig { model: Some(model.into()), ..Default::default() };
            assert_eq!(config.effort(false), plain, "{model}");
            assert_eq!(config.effort(true), with_tools, "{model} with tools");
        }
    }

    #[test]
    fn other_servers_are_not_asked_for_an_effort() {
        let base_url = Some("http://localhost:8000/v1/".into());
        let config = OpenAiLlmConfig { base_url, ..Default::default() };
        assert_eq!(config.effort(true), None);
        assert_eq!(config.base_url(), "http://localhost:8000/v1");
        let asked = OpenAiLlmConfig { reasoning_effort: Some("low".into()), ..config };
        assert_eq!(asked.effort(true), Some("low"));
    }
}
