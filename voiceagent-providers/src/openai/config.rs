use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};
use voiceagent_core::{Result, Secret};

use super::families::{least_effort, takes_sampling};
use crate::wire::settings::{
    check, check_temperature, check_timeout, check_top_p, check_vendors_key,
};

/// Where OpenAI itself is found.
pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";

/// Whether an address is OpenAI's own, of the world or of a region (`eu.api.openai.com`).
pub(super) fn is_openais(base_url: &str) -> bool {
    is_below(base_url, "api.openai.com")
}

/// Whether an address is that of a resource of Azure's, where OpenAI's models keep their own rules
/// (Azure OpenAI documentation, "v1 API"; the other two are those of resources of Foundry).
fn is_azures(base_url: &str) -> bool {
    ["openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"]
        .iter()
        .any(|host| is_below(base_url, host))
}

/// Whether an address is of this host, or of one below it.
fn is_below(base_url: &str, host: &str) -> bool {
    let asked = base_url.split_once("://").map_or("", |(_, rest)| rest);
    let asked = asked.split(['/', ':', '?']).next().unwrap_or_default();
    asked.strip_suffix(host).is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

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
    /// By which of the vendor's interfaces the model is asked. Chat completions unless set.
    pub api: OpenAiApi,
    /// Up to and without `/chat/completions` or `/responses`. `https://api.openai.com/v1` unless set.
    pub base_url: Option<Arc<str>>,
    /// The model. `gpt-6-luna` unless set.
    pub model: Option<Arc<str>>,
    /// The provider's name in errors and in metrics, `openai` unless set.
    pub name: Option<Arc<str>>,
    /// How much the model thinks before it speaks. Unless set, OpenAI's reasoning models are asked
    /// for as little as they allow, and other servers are not asked.
    pub reasoning_effort: Option<Arc<str>>,
    /// Sampling temperature, from 0 to 2. Reasoning models refuse it unless their effort is `none`.
    pub temperature: Option<f32>,
    /// Nucleus sampling, above 0 and at most 1. Reasoning models refuse it unless their effort is `none`.
    pub top_p: Option<f32>,
    /// The most tokens of an answer.
    pub max_completion_tokens: Option<u32>,
    /// Makes sampling repeatable, where the vendor can. Chat completions only.
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
    /// Whether the server holds an answer to a form where one is asked for. Unless set, OpenAI
    /// itself does, and other servers are told in words.
    pub structured_outputs: Option<bool>,
    /// Whether it is claimed that the server keeps the beginning of a conversation at hand. Unless
    /// set, it is of OpenAI itself. Nothing is sent differently.
    pub prompt_caching: Option<bool>,
    /// Whether the vendor may store answers, and for how long is up to it. With it, responses over
    /// HTTP go on from the answer before, and send only what is new. Responses only.
    pub store: bool,
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
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub first_token_timeout: Duration,
    /// The longest pause within an answer. 3 s unless set.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub idle_timeout: Duration,
}

/// An interface of OpenAI's language models.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OpenAiApi {
    /// `/chat/completions`, which every compatible server speaks.
    #[default]
    ChatCompletions,
    /// `/responses`, over HTTP. Models may reason and call tools at once.
    Responses,
    /// `/responses`, over a WebSocket. The vendor goes on from the answer before without storing
    /// it, so that a turn sends only what is new.
    ResponsesWebsocket,
}

impl Default for OpenAiLlmConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            api: OpenAiApi::default(),
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
            structured_outputs: None,
            prompt_caching: None,
            store: false,
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
    /// Ranges are those of the OpenAI API reference, "Create chat completion".
    pub(crate) fn validate(&self) -> Result<()> {
        let is_named =
            |name: &Option<Arc<str>>| name.as_ref().is_none_or(|it| !it.trim().is_empty());
        check(is_named(&self.model), "`model` must name a model")?;
        check(is_named(&self.name), "`name` must not be empty")?;
        check_temperature(self.temperature, 2)?;
        check_top_p(self.top_p)?;
        let samples = !self.has_openais_models()
            || takes_sampling(self.model(), self.reasoning_effort.as_deref());
        check(
            samples || self.temperature.is_none(),
            "`temperature` is not taken by a model that reasons",
        )?;
        check(samples || self.top_p.is_none(), "`top_p` is not taken by a model that reasons")?;
        check(self.max_completion_tokens != Some(0), "`max_completion_tokens` must be at least 1")?;
        let chat = self.api == OpenAiApi::ChatCompletions;
        check(chat || self.seed.is_none(), "`seed` is not taken by responses")?;
        check(!chat || !self.store, "`store` is of no use for chat completions")?;
        check_timeout("first_token_timeout", self.first_token_timeout)?;
        check_timeout("idle_timeout", self.idle_timeout)?;
        check_vendors_key(self.is_the_vendors(), self.api_key.as_ref())
    }

    pub(crate) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/')
    }

    /// Whether it is OpenAI's own service.
    pub(crate) fn is_the_vendors(&self) -> bool {
        is_openais(self.base_url())
    }

    /// Whether models are what their names say. Azure's deployments are called as one likes, mostly
    /// by the names of their models.
    fn has_openais_models(&self) -> bool {
        self.is_the_vendors() || is_azures(self.base_url())
    }

    /// Whether the server holds answers to a form.
    pub(crate) fn is_structured(&self) -> bool {
        self.structured_outputs.unwrap_or_else(|| self.is_the_vendors())
    }

    /// Whether the server caches prompts.
    pub(crate) fn caches(&self) -> bool {
        self.prompt_caching.unwrap_or_else(|| self.is_the_vendors())
    }

    pub(crate) fn model(&self) -> &str {
        self.model.as_deref().unwrap_or(MODEL)
    }

    /// The effort to ask for. `with_tools` matters because some models refuse one with the other
    /// over chat completions.
    pub(crate) fn effort(&self, with_tools: bool) -> Option<&str> {
        let with_tools = with_tools && self.api == OpenAiApi::ChatCompletions;
        self.reasoning_effort.as_deref().or_else(|| {
            let known = self.has_openais_models();
            known.then(|| least_effort(self.model(), with_tools)).flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::settings::tests::hold_to;

    #[test]
    fn a_value_out_of_its_range_is_refused_by_the_name_of_its_field() {
        let ranges = [
            ("api_key", json!(""), json!("k")),
            (
                "first_token_timeout",
                json!({ "secs": 0, "nanos": 0 }),
                json!({ "secs": 1, "nanos": 0 }),
            ),
            ("idle_timeout", json!({ "secs": 0, "nanos": 0 }), json!({ "secs": 1, "nanos": 0 })),
            ("max_completion_tokens", json!(0), json!(1)),
            ("model", json!(" "), json!("m")),
            ("name", json!(""), json!("n")),
            ("temperature", json!(-9), json!(0)),
            ("temperature", json!(2.5), json!(2)),
            ("top_p", json!(0), json!(0.1)),
            ("top_p", json!(1.1), json!(1)),
        ];
        hold_to(&json!({ "api_key": "k" }), OpenAiLlmConfig::validate, &ranges);
    }

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
    fn deployments_of_azures_that_are_called_as_their_models_think_as_little() {
        for (host, model, effort) in [
            ("house.openai.azure.com", "gpt-6-luna", Some("none")),
            ("house.openai.azure.com", "gpt-6-luna-calls", Some("none")),
            ("house.services.ai.azure.com", "gpt-5-mini", Some("minimal")),
            ("house.openai.azure.com", "front-desk", None),
            ("openai.azure.com.example.org", "gpt-6-luna", None),
            ("notopenai.azure.com", "gpt-6-luna", None),
        ] {
            let base_url = Some(format!("https://{host}/openai/v1").into());
            let model = Some(model.into());
            let config = OpenAiLlmConfig { base_url, model, ..Default::default() };
            assert_eq!(config.effort(true), effort, "{host}: {:?}", config.model);
            // The key goes in a header of Azure's own.
            config.validate().unwrap();
        }
        let base_url = Some("https://house.openai.azure.com/openai/v1".into());
        let config = OpenAiLlmConfig { base_url, temperature: Some(0.5), ..Default::default() };
        config.validate().unwrap();
        let thinks = OpenAiLlmConfig { reasoning_effort: Some("low".into()), ..config };
        assert!(thinks.validate().unwrap_err().message().contains("`temperature`"));
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
