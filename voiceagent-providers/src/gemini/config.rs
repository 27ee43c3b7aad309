use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};
use voiceagent_core::{Result, Secret};

use crate::wire::settings::{
    check, check_named, check_temperature, check_timeout, check_top_p, check_vendors_key,
};

/// Where Google's service is found.
pub(crate) const BASE_URL: &str = "https://generativelanguage.googleapis.com/v1beta";

/// Settings of a [`GeminiLlm`](super::GeminiLlm).
///
/// What is not set is not sent, except that models that think are asked for as little of it as they
/// allow.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::gemini::{GeminiLlm, GeminiLlmConfig};
///
/// let mut config = GeminiLlmConfig::default();
/// config.api_key = Some(Secret::new("AIza-123"));
/// config.max_output_tokens = Some(400);
/// GeminiLlm::new(config).unwrap();
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GeminiLlmConfig {
    /// The key.
    pub api_key: Option<Secret>,
    /// Up to and without `/models`. `https://generativelanguage.googleapis.com/v1beta` unless set.
    pub base_url: Arc<str>,
    /// The model. `gemini-3.8-flash` unless set.
    pub model: Arc<str>,
    /// The provider's name in errors and in metrics, `gemini` unless set.
    pub name: Arc<str>,
    /// How much the model thinks before it speaks, from `MINIMAL` to `HIGH`, since Gemini 3.
    pub thinking_level: Option<Arc<str>>,
    /// How many tokens the model may think for, up to Gemini 2.5.
    pub thinking_budget: Option<i32>,
    /// Sampling temperature, from 0 to 2.
    pub temperature: Option<f32>,
    /// Nucleus sampling, above 0 and at most 1.
    pub top_p: Option<f32>,
    /// The most tokens of an answer, thoughts included.
    pub max_output_tokens: Option<u32>,
    /// Makes sampling repeatable, where the vendor can.
    pub seed: Option<i32>,
    /// What is filtered, in the vendor's form: `{ category = "…", threshold = "…" }`.
    pub safety_settings: Vec<Map<String, Value>>,
    /// Whether the server holds an answer to a form where one is asked for. Unless set, the vendor
    /// itself does, and other servers are told in words.
    pub structured_outputs: Option<bool>,
    /// Whether it is claimed that the server keeps the beginning of a conversation at hand. Unless
    /// set, it is of the vendor itself. Nothing is sent differently.
    pub prompt_caching: Option<bool>,
    /// What is put after the words of an answer that the user cut off, so that the model knows.
    /// Nothing unless set.
    pub interruption_marker: Option<Arc<str>>,
    /// What stands in for the user's words where the agent speaks first, since to this vendor a
    /// conversation begins and ends with the user. `(silence)` unless set.
    pub silence: Arc<str>,
    /// Further headers. Their values are kept out of `Debug`.
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

impl Default for GeminiLlmConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: BASE_URL.into(),
            model: "gemini-3.8-flash".into(),
            name: "gemini".into(),
            thinking_level: None,
            thinking_budget: None,
            temperature: None,
            top_p: None,
            max_output_tokens: None,
            seed: None,
            safety_settings: Vec::new(),
            structured_outputs: None,
            prompt_caching: None,
            interruption_marker: None,
            silence: "(silence)".into(),
            headers: BTreeMap::new(),
            extra_body: Map::new(),
            first_token_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(3),
        }
    }
}

impl GeminiLlmConfig {
    /// Ranges are those of the Gemini API reference, "GenerationConfig".
    pub(crate) fn validate(&self) -> Result<()> {
        check_named("model", &self.model, "name a model")?;
        check_named("name", &self.name, "not be empty")?;
        check_named("silence", &self.silence, "not be empty")?;
        check(self.max_output_tokens != Some(0), "`max_output_tokens` must be at least 1")?;
        check(
            self.thinking_level.is_none() || self.thinking_budget.is_none(),
            "`thinking_budget` excludes `thinking_level`",
        )?;
        check_temperature(self.temperature, 2)?;
        check_top_p(self.top_p)?;
        check_timeout("first_token_timeout", self.first_token_timeout)?;
        check_timeout("idle_timeout", self.idle_timeout)?;
        check_vendors_key(self.is_the_vendors(), self.api_key.as_ref())
    }

    /// Whether it is the vendor's own service.
    pub(crate) fn is_the_vendors(&self) -> bool {
        self.base_url.trim_end_matches('/') == BASE_URL
    }

    /// Whether the server holds answers to a form.
    pub(crate) fn is_structured(&self) -> bool {
        self.structured_outputs.unwrap_or_else(|| self.is_the_vendors())
    }

    /// Whether the server caches prompts.
    pub(crate) fn caches(&self) -> bool {
        self.prompt_caching.unwrap_or_else(|| self.is_the_vendors())
    }

    /// The model without the folder that Google writes before it.
    pub(crate) fn model(&self) -> &str {
        self.model.strip_prefix("models/").unwrap_or(&self.model)
    }

    /// The level and the budget of thinking to ask for.
    pub(crate) fn thinking(&self) -> (Option<&str>, Option<i32>) {
        match (self.thinking_level.as_deref(), self.thinking_budget) {
            (None, None) => least_thinking(self.model()),
            asked => asked,
        }
    }

    /// Whether the model refuses calls in the conversation that do not carry their signature.
    pub(crate) fn wants_signatures(&self) -> bool {
        !["gemini-1", "gemini-2"].iter().any(|early| self.model().starts_with(early))
    }
}

/// The least thinking that a model takes (Gemini API documentation, "Thinking").
///
/// 2.5 Flash can do without; of the later ones, some of the Flash models take `MINIMAL`, and all
/// take `LOW`. Others are not asked.
fn least_thinking(model: &str) -> (Option<&'static str>, Option<i32>) {
    let Some(version) = model.strip_prefix("gemini-").and_then(|rest| rest.split('-').next())
    else {
        return (None, None);
    };
    let is_flash = model.contains("-flash");
    match version {
        "2.5" if is_flash => (None, Some(0)),
        "3" | "3.5" | "3.6" if is_flash => (Some("MINIMAL"), None),
        _ if version.starts_with('3') || version.starts_with('4') => (Some("LOW"), None),
        _ => (None, None),
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
            ("first_token_timeout", json!("0s"), json!("1s")),
            ("idle_timeout", json!("0s"), json!("1s")),
            ("model", json!(" "), json!("m")),
            ("name", json!(""), json!("n")),
            ("silence", json!(" "), json!("...")),
            ("top_p", json!(0), json!(0.1)),
            ("top_p", json!(1.1), json!(1)),
            ("max_output_tokens", json!(0), json!(1)),
            ("temperature", json!(-1), json!(0)),
            ("temperature", json!(2.5), json!(2)),
        ];
        hold_to(&json!({ "api_key": "k" }), GeminiLlmConfig::validate, &ranges);
    }

    #[test]
    fn the_least_thinking_is_what_the_model_takes() {
        for (model, level, budget) in [
            ("gemini-3.8-flash", Some("LOW"), None),
            ("models/gemini-3.6-flash", Some("MINIMAL"), None),
            ("gemini-3-flash-preview", Some("MINIMAL"), None),
            ("gemini-3.1-pro-preview", Some("LOW"), None),
            ("gemini-4-argon", Some("LOW"), None),
            ("gemini-2.5-flash-lite", None, Some(0)),
            ("gemini-2.5-pro", None, None),
            ("gemma-4", None, None),
        ] {
            let config = GeminiLlmConfig { model: model.into(), ..Default::default() };
            assert_eq!(config.thinking(), (level, budget), "{model}");
            assert_eq!(config.wants_signatures(), !model.contains("-2.5"), "{model}");
        }
        let config = GeminiLlmConfig { thinking_budget: Some(-1), ..Default::default() };
        assert_eq!(config.thinking(), (None, Some(-1)), "one's own wish goes first");
    }
}
