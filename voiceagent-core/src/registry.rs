//! Providers by name, with typed configuration.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Error, Result, llm::LanguageModel, realtime::RealtimeModel, stt::SpeechToText,
    tts::TextToSpeech, vad::VadFactory,
};

/// What can be built from configuration.
///
/// ```
/// use std::sync::Arc;
/// use serde::Deserialize;
/// use serde_json::json;
/// use voiceagent_core::registry::Registry;
/// # use async_trait::async_trait;
/// # use futures_util::stream::BoxStream;
/// # use voiceagent_core::{Result, llm::*};
/// # #[derive(Debug)] struct House { accent: String }
/// # #[async_trait] impl LanguageModel for House {
/// #     fn name(&self) -> &str { &self.accent }
/// #     fn capabilities(&self) -> LlmCapabilities { LlmCapabilities::default() }
/// #     async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
/// #         unreachable!()
/// #     }
/// # }
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct HouseConfig {
///     accent: String,
/// }
///
/// let mut registry = Registry::default();
/// registry.llm.register("house", |config: HouseConfig| {
///     Ok(Arc::new(House { accent: config.accent }) as Arc<dyn LanguageModel>)
/// });
/// let llm = registry.llm.build(json!({ "provider": "house", "accent": "plain" })).unwrap();
/// assert_eq!(llm.name(), "plain");
///
/// let unknown = registry.llm.build(json!({ "provider": "castle" })).unwrap_err();
/// assert!(unknown.message().contains("house"), "the known names are listed");
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Registry {
    /// Language models.
    pub llm: Catalog<dyn LanguageModel>,
    /// Speech-to-speech models.
    pub realtime: Catalog<dyn RealtimeModel>,
    /// Recognizers.
    pub stt: Catalog<dyn SpeechToText>,
    /// Synthesizers.
    pub tts: Catalog<dyn TextToSpeech>,
    /// Voice activity detectors.
    pub vad: Catalog<dyn VadFactory>,
}

type Build<T> = Box<dyn Fn(Value) -> Result<Arc<T>> + Send + Sync>;

/// The providers of one contract.
pub struct Catalog<T: ?Sized> {
    builders: BTreeMap<String, Build<T>>,
}

impl<T: ?Sized + 'static> Catalog<T> {
    /// Adds a provider; a later one of the same name takes the place of the earlier.
    pub fn register<C: DeserializeOwned + 'static>(
        &mut self,
        name: impl Into<String>,
        build: impl Fn(C) -> Result<Arc<T>> + Send + Sync + 'static,
    ) {
        let name = name.into();
        let of = name.clone();
        let build = move |config: Value| {
            let config = C::deserialize(&config).map_err(|wrong| {
                Error::config(complaint::<C>(&config, &wrong)).with_provider(of.clone())
            })?;
            build(config)
        };
        self.builders.insert(name, Box::new(build));
    }

    /// Builds the provider that `config`'s field `provider` names, from its other fields.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an unknown name, and for an unknown,
    /// missing or wrong field; the message names the field and what is accepted. It does not hold
    /// the value that was found, which may be a secret.
    pub fn build(&self, mut config: Value) -> Result<Arc<T>> {
        let name = config
            .as_object_mut()
            .and_then(|fields| fields.remove("provider"))
            .and_then(|name| name.as_str().map(str::to_owned))
            .ok_or_else(|| {
                Error::config(format!("field `provider` is missing; one of {}", self.known()))
            })?;
        let build = self.builders.get(&name).ok_or_else(|| {
            Error::config(format!("unknown provider `{name}`; one of {}", self.known()))
        })?;
        build(config)
    }

    /// The names of all providers, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.builders.keys().map(String::as_str)
    }

    fn known(&self) -> String {
        if self.builders.is_empty() {
            return "none (no provider is compiled in)".to_owned();
        }
        self.names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

/// What is wrong about a configuration, without the value that was found.
fn complaint<C: DeserializeOwned>(config: &Value, wrong: &serde_json::Error) -> String {
    let message = wrong.to_string();
    if message.starts_with("unknown field") || message.starts_with("missing field") {
        return message;
    }
    let accepted = match message.rfind("expected ") {
        Some(at) if message.starts_with("invalid ") || message.starts_with("unknown variant") => {
            &message[at..]
        }
        Some(_) | None => &message,
    };
    match culprit::<C>(config, &message) {
        Some(field) => format!("field `{field}`: {accepted}"),
        None => accepted.to_owned(),
    }
}

/// The field that is complained about when it stands alone, too: a deserializer does not tell.
fn culprit<'a, C: DeserializeOwned>(config: &'a Value, complaint: &str) -> Option<&'a str> {
    let mut fields = config.as_object()?.iter();
    let is_to_blame = |(field, value): &(&String, &Value)| {
        let alone = Value::Object([((*field).clone(), (*value).clone())].into_iter().collect());
        C::deserialize(&alone).err().is_some_and(|wrong| wrong.to_string() == complaint)
    };
    fields.find(is_to_blame).map(|(field, _)| field.as_str())
}

impl<T: ?Sized> Default for Catalog<T> {
    fn default() -> Self {
        Self { builders: BTreeMap::new() }
    }
}

impl<T: ?Sized> fmt::Debug for Catalog<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.builders.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::Secret;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        key: Secret,
        model: String,
        pace: Pace,
        retries: u32,
        words: Vec<String>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Pace {
        #[default]
        Slow,
        Quick,
    }

    fn complaint(settings: Value) -> String {
        let mut catalog: Catalog<dyn SpeechToText> = Catalog::default();
        catalog.register("house", |_: Settings| Err(Error::config("it was read")));
        let mut config = settings;
        config["provider"] = json!("house");
        let error = catalog.build(config).unwrap_err();
        assert_eq!(error.provider().unwrap_or("house"), "house");
        error.message().to_owned()
    }

    #[test]
    fn a_wrong_value_is_not_quoted_and_its_field_is_named() {
        for (settings, told) in [
            (json!({ "key": 8675309 }), "field `key`: a secret must be a text in quotes"),
            (json!({ "model": 8675309 }), "field `model`: expected a string"),
            (json!({ "pace": "8675309" }), "field `pace`: expected `slow` or `quick`"),
            (json!({ "retries": "8675309, expected soon" }), "field `retries`: expected u32"),
            (json!({ "retries": -8675309 }), "field `retries`: expected u32"),
            (json!({ "words": ["a", 8675309] }), "field `words`: expected a string"),
            (json!({ "model": 8675309, "words": [8675309] }), "field `model`: expected a string"),
            (json!({ "retries": 1 }), "it was read"),
        ] {
            assert_eq!(complaint(settings), told);
        }
    }

    #[test]
    fn an_unknown_field_is_named_with_those_that_there_are() {
        let told = complaint(json!({ "modle": "8675309" }));
        assert!(
            told.starts_with("unknown field `modle`, expected one of `key`, `model`"),
            "{told}"
        );
    }
}
