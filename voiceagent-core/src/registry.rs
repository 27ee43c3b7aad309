//! Providers by name, with typed configuration.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Error, Result, llm::LanguageModel, realtime::RealtimeModel, stt::SpeechToText,
    tts::TextToSpeech,
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
            let config = serde_json::from_value(config)
                .map_err(|wrong| Error::config(wrong.to_string()).with_provider(of.clone()))?;
            build(config)
        };
        self.builders.insert(name, Box::new(build));
    }

    /// Builds the provider that `config`'s field `provider` names, from its other fields.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an unknown name, and for an unknown,
    /// missing or wrong field; the message names the field and what is accepted.
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
