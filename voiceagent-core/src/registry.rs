//! Providers by name, with typed configuration.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    Error, Result,
    adapt::{
        FallbackLlm, FallbackStt, FallbackTts, LlmFailover, SttFailover, TtsFailover, WarmLlm,
        WarmStt, WarmTts, Warmth,
    },
    embedding::{Embedder, HashingConfig, HashingEmbedder},
    llm::LanguageModel,
    realtime::RealtimeModel,
    stt::SpeechToText,
    tts::TextToSpeech,
    turn::TurnDetector,
    vad::VadFactory,
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
#[derive(Debug)]
#[non_exhaustive]
pub struct Registry {
    /// Embedders.
    pub embedding: Catalog<dyn Embedder>,
    /// Language models.
    pub llm: Catalog<dyn LanguageModel>,
    /// Speech-to-speech models.
    pub realtime: Catalog<dyn RealtimeModel>,
    /// Recognizers.
    pub stt: Catalog<dyn SpeechToText>,
    /// Synthesizers.
    pub tts: Catalog<dyn TextToSpeech>,
    /// End-of-turn predictors.
    pub turn: Catalog<dyn TurnDetector>,
    /// Voice activity detectors.
    pub vad: Catalog<dyn VadFactory>,
}

impl Default for Registry {
    /// What needs no vendor: the embedder `hashing`, and the decorators; a recognizer, a model and a
    /// voice may have a `fallback`, and be kept `warm`.
    fn default() -> Self {
        let mut embedding: Catalog<dyn Embedder> = Catalog::default();
        embedding.register("hashing", |config: HashingConfig| {
            Ok(Arc::new(HashingEmbedder::new(config.dimensions)) as Arc<dyn Embedder>)
        });
        Self {
            embedding,
            llm: Catalog::chained(|first, then, settings: LlmFailover| {
                Arc::new(FallbackLlm::with_settings(first, then, settings))
            })
            .warmed(|llm, warmth| Arc::new(WarmLlm::new(llm, warmth))),
            realtime: Catalog::default(),
            stt: Catalog::chained(|first, then, settings: SttFailover| {
                Arc::new(FallbackStt::with_settings(first, then, settings))
            })
            .warmed(|stt, warmth| Arc::new(WarmStt::new(stt, warmth))),
            tts: Catalog::chained(|first, then, settings: TtsFailover| {
                Arc::new(FallbackTts::with_settings(first, then, settings))
            })
            .warmed(|tts, warmth| Arc::new(WarmTts::new(tts, warmth))),
            turn: Catalog::default(),
            vad: Catalog::default(),
        }
    }
}

type Build<T> = Box<dyn Fn(Value) -> Result<Arc<T>> + Send + Sync>;

/// Makes one provider of several: the first, those behind it, and the settings.
type Chaining<T> = Box<dyn Fn(Arc<T>, Vec<Arc<T>>, Value) -> Result<Arc<T>> + Send + Sync>;

/// Makes a provider one that is kept warm.
type Warming<T> = fn(Arc<T>, Warmth) -> Arc<T>;

/// The providers of one contract.
pub struct Catalog<T: ?Sized> {
    builders: BTreeMap<String, Build<T>>,
    chain: Option<Chaining<T>>,
    warm: Option<Warming<T>>,
}

impl<T: ?Sized + 'static> Catalog<T> {
    /// An empty catalog whose providers may have others behind them.
    fn chained<C: DeserializeOwned + 'static>(
        chain: impl Fn(Arc<T>, Vec<Arc<T>>, C) -> Arc<T> + Send + Sync + 'static,
    ) -> Self {
        let chain = move |first: Arc<T>, then: Vec<Arc<T>>, settings: Value| {
            let settings = read(&settings)
                .map_err(|wrong| within("failover", &wrong).with_provider("failover"))?;
            Ok(chain(first, then, settings))
        };
        Self { builders: BTreeMap::new(), chain: Some(Box::new(chain)), warm: None }
    }

    fn warmed(mut self, warm: Warming<T>) -> Self {
        self.warm = Some(warm);
        self
    }

    /// Adds a provider; a later one of the same name takes the place of the earlier.
    pub fn register<C: DeserializeOwned + 'static>(
        &mut self,
        name: impl Into<String>,
        build: impl Fn(C) -> Result<Arc<T>> + Send + Sync + 'static,
    ) {
        let name = name.into();
        let of = name.clone();
        let build = move |config: Value| {
            let config = read(&config).map_err(|wrong| wrong.with_provider(of.clone()))?;
            build(config)
        };
        self.builders.insert(name, Box::new(build));
    }

    /// Builds the provider that `config`'s field `provider` names, from its other fields.
    ///
    /// A recognizer, a language model and a voice may have others behind them, which step in when
    /// it fails: the list `fallback` of further such configurations, and `failover` with the fields
    /// of [`SttFailover`], [`LlmFailover`] or [`TtsFailover`]. Each of them may be kept `warm`, with
    /// the fields of [`Warmth`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an unknown name, and for an unknown,
    /// missing or wrong field; the message names the field, as `fallback[0].model`, and what is
    /// accepted. It does not hold the value that was found, which may be a secret.
    pub fn build(&self, mut config: Value) -> Result<Arc<T>> {
        let Some(chain) = &self.chain else { return self.build_one(config) };
        let fields = config.as_object_mut();
        let (fallback, failover) = fields
            .map(|fields| (fields.remove("fallback"), fields.remove("failover")))
            .unwrap_or_default();
        let first = self.build_one(config)?;
        let then = match fallback {
            Some(Value::Array(fallback)) => fallback,
            Some(_) => return Err(Error::config("field `fallback`: expected a list of providers")),
            None if failover.is_some() => {
                return Err(Error::config("field `failover` is of no use without `fallback`"));
            }
            None => return Ok(first),
        };
        let then = then.into_iter().enumerate().map(|(at, config)| {
            self.build_one(config).map_err(|wrong| within(&format!("fallback[{at}]"), &wrong))
        });
        let then = then.collect::<Result<_>>()?;
        chain(first, then, failover.unwrap_or_else(|| Value::Object(Map::new())))
    }

    fn build_one(&self, mut config: Value) -> Result<Arc<T>> {
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
        let Some(warm) = self.warm else { return build(config) };
        let warmth = config.as_object_mut().and_then(|fields| fields.remove("warm"));
        let warmth = warmth.map(|warmth| read::<Warmth>(&warmth)).transpose();
        let warmth = warmth.map_err(|wrong| within("warm", &wrong).with_provider(name.clone()))?;
        let provider = build(config)?;
        Ok(match warmth {
            Some(warmth) => warm(provider, warmth),
            None => provider,
        })
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

/// A complaint about what stands in a field of the whole.
fn within(field: &str, wrong: &Error) -> Error {
    let told = match wrong.message().strip_prefix("field `") {
        Some(rest) => format!("field `{field}.{rest}"),
        None => format!("field `{field}`: {}", wrong.message()),
    };
    let told = Error::config(told);
    match wrong.provider() {
        Some(provider) => told.with_provider(provider.to_owned()),
        None => told,
    }
}

/// Reads settings.
fn read<C: DeserializeOwned>(config: &Value) -> Result<C> {
    C::deserialize(config).map_err(|wrong| Error::config(complaint::<C>(config, &wrong)))
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
        Self { builders: BTreeMap::new(), chain: None, warm: None }
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

    #[derive(Debug)]
    struct Voice(&'static str);

    #[async_trait::async_trait]
    impl TextToSpeech for Voice {
        fn name(&self) -> &str {
            self.0
        }

        fn capabilities(&self) -> crate::tts::TtsCapabilities {
            crate::tts::TtsCapabilities::default()
        }

        async fn open(
            &self,
            _: crate::tts::TtsOptions,
        ) -> Result<crate::Link<crate::tts::TtsInput, crate::tts::TtsEvent>> {
            Err(Error::config("it has no sound"))
        }
    }

    #[test]
    fn a_provider_may_have_others_behind_it_and_be_kept_warm() {
        let mut registry = Registry::default();
        registry.tts.register("one", |_: Map<String, Value>| Ok(Arc::new(Voice("one")) as _));
        registry.tts.register("two", |_: Map<String, Value>| Ok(Arc::new(Voice("two")) as _));
        let built = |config: Value| {
            let built = registry.tts.build(config);
            built.map(|voice| voice.name().to_owned()).map_err(|error| error.message().to_owned())
        };
        let then = json!([{ "provider": "two" }]);
        assert_eq!(built(json!({ "provider": "one" })).as_deref(), Ok("one"));
        let chain = json!({ "provider": "one", "fallback": then, "failover": { "stall": "1s" } });
        assert_eq!(built(chain).as_deref(), Ok("fallback"));
        let warm = json!({ "provider": "one", "warm": { "spare": 2, "max_age": "30s" } });
        assert_eq!(built(warm).as_deref(), Ok("one"));
        for (wrong, told) in [
            (json!({ "fallback": "two" }), "field `fallback`: expected a list of providers"),
            (
                json!({ "fallback": [{ "provider": "two" }, { "provider": "three" }] }),
                "field `fallback[1]`: unknown provider `three`",
            ),
            (json!({ "fallback": [{}] }), "field `fallback[0].provider` is missing"),
            (json!({ "failover": {} }), "field `failover` is of no use without `fallback`"),
            (
                json!({ "fallback": then, "failover": { "stal": 1 } }),
                "field `failover`: unknown field `stal`",
            ),
            (json!({ "fallback": then, "failover": { "stall": "x" } }), "field `failover.stall`: "),
            (json!({ "warm": { "spare": -1 } }), "field `warm.spare`: expected usize"),
        ] {
            let mut config = wrong;
            config["provider"] = json!("one");
            let error = built(config).unwrap_err();
            assert!(error.starts_with(told), "{error}");
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
