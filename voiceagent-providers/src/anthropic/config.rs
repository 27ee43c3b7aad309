use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};
use voiceagent_core::{Result, Secret};

use crate::wire::settings::{
    check, check_named, check_temperature, check_timeout, check_top_p, check_vendors_key,
};

/// Where Anthropic itself is found.
pub(crate) const BASE_URL: &str = "https://api.anthropic.com/v1";

/// Settings of an [`AnthropicLlm`](super::AnthropicLlm).
///
/// Neither sampling parameters nor thinking are asked for unless set: newer models refuse the
/// former, and a caller waits for the latter.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::anthropic::{AnthropicLlm, AnthropicLlmConfig};
///
/// let mut config = AnthropicLlmConfig::default();
/// config.api_key = Some(Secret::new("sk-ant-123"));
/// config.max_tokens = 400;
/// AnthropicLlm::new(config).unwrap();
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AnthropicLlmConfig {
    /// The key.
    pub api_key: Option<Secret>,
    /// Up to and without `/messages`. `https://api.anthropic.com/v1` unless set.
    pub base_url: Arc<str>,
    /// The model. `claude-haiku-5-5` unless set: the quickest to its first word.
    pub model: Arc<str>,
    /// The provider's name in errors and in metrics, `anthropic` unless set.
    pub name: Arc<str>,
    /// The version of the protocol. `2023-06-01` unless set, which every model takes; later ones
    /// refuse sampling parameters.
    pub version: Arc<str>,
    /// The most tokens of an answer, thoughts included. 4,096 unless set: the vendor wants a limit.
    pub max_tokens: u32,
    /// How the model thinks before it speaks, in the vendor's form: `{ type = "adaptive" }`. The
    /// model's own default unless set.
    pub thinking: Option<Map<String, Value>>,
    /// How much it takes upon itself, from `low` to `max`.
    pub effort: Option<Arc<str>>,
    /// Sampling temperature, from 0 to 1. Models since Claude 4.7 refuse it.
    pub temperature: Option<f32>,
    /// Nucleus sampling, above 0 and at most 1. Models since Claude 4.7 refuse it.
    pub top_p: Option<f32>,
    /// Sampling from the likeliest tokens. Models since Claude 4.7 refuse it.
    pub top_k: Option<u32>,
    /// The vendor's class of service, such as `auto`.
    pub service_tier: Option<Arc<str>>,
    /// Whether the vendor keeps instructions, tools and conversation at hand for the next turn.
    /// It does unless set: that is quicker, and costs less from the second turn on.
    pub prompt_caching: bool,
    /// For how long: `5m` or `1h`. Five minutes unless set, counted from the last use.
    pub cache_ttl: Option<Arc<str>>,
    /// Whether the model may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// Asks for arguments that follow the schema exactly. Every schema must then forbid additional
    /// properties.
    pub strict_tools: bool,
    /// Whether the server holds an answer to a form where one is asked for. Unless set, the vendor
    /// itself does, and other servers are told in words.
    pub structured_outputs: Option<bool>,
    /// What is put after the words of an answer that the user cut off, so that the model knows.
    /// Nothing unless set.
    pub interruption_marker: Option<Arc<str>>,
    /// What stands in for the user's words where the agent speaks first, since to this vendor a
    /// conversation begins and ends with the user. `(silence)` unless set.
    pub silence: Arc<str>,
    /// Further headers, such as `anthropic-beta`. Their values are kept out of `Debug`.
    pub headers: BTreeMap<String, Secret>,
    /// Further fields of the request; they take the place of those of the same name.
    pub extra_body: Map<String, Value>,
    /// Request to the first words, tool call or thought. 10 s unless set: a fallback or the session
    /// usually gives up sooner.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub first_token_timeout: Duration,
    /// The longest pause within an answer. 3 s unless set.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub idle_timeout: Duration,
}

impl Default for AnthropicLlmConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: BASE_URL.into(),
            model: "claude-haiku-5-5".into(),
            name: "anthropic".into(),
            version: "2023-06-01".into(),
            max_tokens: 4_096,
            thinking: None,
            effort: None,
            temperature: None,
            top_p: None,
            top_k: None,
            service_tier: None,
            prompt_caching: true,
            cache_ttl: None,
            parallel_tool_calls: None,
            strict_tools: false,
            structured_outputs: None,
            interruption_marker: None,
            silence: "(silence)".into(),
            headers: BTreeMap::new(),
            extra_body: Map::new(),
            first_token_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(3),
        }
    }
}

impl AnthropicLlmConfig {
    /// Ranges are those of the Anthropic API reference, "Messages".
    pub(crate) fn validate(&self) -> Result<()> {
        check_named("model", &self.model, "name a model")?;
        check_named("name", &self.name, "not be empty")?;
        check_named("silence", &self.silence, "not be empty")?;
        check(self.max_tokens > 0, "`max_tokens` must be at least 1")?;
        check(
            self.cache_ttl.as_deref().is_none_or(|ttl| ["5m", "1h"].contains(&ttl)),
            "`cache_ttl` must be `5m` or `1h`",
        )?;
        check_temperature(self.temperature, 1)?;
        check_top_p(self.top_p)?;
        let samples = !self.is_the_vendors() || self.takes_sampling();
        check(
            samples || self.temperature.is_none_or(|it| it == 1.0),
            "`temperature` is not taken by the model",
        )?;
        check(samples || self.top_p.is_none(), "`top_p` is not taken by the model")?;
        check(samples || self.top_k.is_none(), "`top_k` is not taken by the model")?;
        check_timeout("first_token_timeout", self.first_token_timeout)?;
        check_timeout("idle_timeout", self.idle_timeout)?;
        check_vendors_key(self.is_the_vendors(), self.api_key.as_ref())
    }

    /// Whether the model takes `temperature`, `top_p` and `top_k`: those before Claude 4.7 do, by the
    /// protocols before 2026-10-21 (Anthropic API documentation, "Versions").
    fn takes_sampling(&self) -> bool {
        let mut version = self.model.split('-').filter_map(|part| part.parse::<u32>().ok());
        let (major, minor) = (version.next(), version.next().unwrap_or(0));
        // What stands in the place of a minor version may be a day.
        let minor = if minor < 1_000 { minor } else { 0 };
        let early = major.is_none_or(|major| (major, minor) < (4, 7));
        early && *self.version < *"2026-10-21"
    }

    /// Whether it is the vendor's own service.
    pub(crate) fn is_the_vendors(&self) -> bool {
        self.base_url.trim_end_matches('/') == BASE_URL
    }

    /// Whether the server holds answers to a form.
    pub(crate) fn is_structured(&self) -> bool {
        self.structured_outputs.unwrap_or_else(|| self.is_the_vendors())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::settings::tests::hold_to;

    #[test]
    fn later_models_and_protocols_take_no_sampling() {
        for (model, version, takes) in [
            ("claude-haiku-5-5", "2023-06-01", false),
            ("claude-sonnet-4-6", "2023-06-01", true),
            ("claude-sonnet-4-6", "2026-10-21", false),
            ("claude-opus-4-7", "2023-06-01", false),
            ("claude-3-5-haiku-20241022", "2023-06-01", true),
            ("claude-sonnet-4-20250514", "2023-06-01", true),
        ] {
            let settings = json!({ "api_key": "k", "model": model, "version": version });
            let mut config: AnthropicLlmConfig = serde_json::from_value(settings).unwrap();
            config.validate().unwrap();
            config.top_k = Some(1);
            assert_eq!(config.validate().is_ok(), takes, "{model} by {version}");
        }
    }

    #[test]
    fn a_value_out_of_its_range_is_refused_by_the_name_of_its_field() {
        let ranges = [
            ("api_key", json!(""), json!("k")),
            ("first_token_timeout", json!("0s"), json!("1s")),
            ("idle_timeout", json!("0s"), json!("1s")),
            ("model", json!(" "), json!("m")),
            ("name", json!(""), json!("n")),
            ("silence", json!(" "), json!("...")),
            ("top_p", json!(0), json!(0.1)),
            ("top_p", json!(1.1), json!(1)),
            ("cache_ttl", json!("2h"), json!("1h")),
            ("max_tokens", json!(0), json!(1)),
            ("temperature", json!(-1), json!(0)),
            ("temperature", json!(1.5), json!(1)),
        ];
        hold_to(
            &json!({ "api_key": "k", "model": "claude-haiku-4-5" }),
            AnthropicLlmConfig::validate,
            &ranges,
        );
    }
}
