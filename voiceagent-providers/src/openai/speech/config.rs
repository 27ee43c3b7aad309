use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};
use voiceagent_core::{Result, Secret};

use super::super::config::BASE_URL;
use crate::wire::settings::{check, check_named, check_timeout};

/// Settings of an [`OpenAiTts`](super::OpenAiTts).
///
/// ```
/// use voiceagent_providers::openai::{OpenAiTts, OpenAiTtsConfig};
///
/// let mut kokoro = OpenAiTtsConfig::default();
/// kokoro.base_url = Some("http://localhost:8880/v1".into());
/// kokoro.model = "kokoro".into();
/// kokoro.voice = "af_bella".into();
/// OpenAiTts::new(kokoro)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiTtsConfig {
    /// The key. Servers of one's own often need none.
    pub api_key: Option<Secret>,
    /// Up to and without `/audio/speech`. `https://api.openai.com/v1` unless set.
    pub base_url: Option<Arc<str>>,
    /// The model. `gpt-4o-mini-tts` unless set, which OpenAI ends on 2027-01-06, as all others that
    /// speak at this address.
    pub model: Arc<str>,
    /// The voice.
    pub voice: Arc<str>,
    /// The provider's name in errors and in metrics, `openai` unless set.
    pub name: Option<Arc<str>>,
    /// How to speak, for models that can be told.
    pub instructions: Option<Arc<str>>,
    /// Pace, from 0.25 to 4.
    pub speed: Option<f32>,
    /// Further headers. Their values are kept out of `Debug`.
    pub headers: BTreeMap<String, Secret>,
    /// Further fields of the request; they take the place of those of the same name.
    pub extra_body: Map<String, Value>,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the server may send nothing while it owes audio.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for OpenAiTtsConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: None,
            model: "gpt-4o-mini-tts".into(),
            voice: "alloy".into(),
            name: None,
            instructions: None,
            speed: None,
            headers: BTreeMap::new(),
            extra_body: Map::new(),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl OpenAiTtsConfig {
    /// Ranges are those of the OpenAI API reference, "Create speech".
    pub(super) fn validate(&self) -> Result<()> {
        check_named("model", &self.model, "name a model")?;
        check_named("voice", &self.voice, "name a voice")?;
        let is_named = self.name.as_ref().is_none_or(|name| !name.trim().is_empty());
        check(is_named, "`name` must not be empty")?;
        check(
            self.speed.is_none_or(|it| (0.25..=4.0).contains(&it)),
            "`speed` must be from 0.25 to 4",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        let is_keyless = self.api_key.as_ref().is_none_or(Secret::is_empty);
        check(self.base_url() != BASE_URL || !is_keyless, "`api_key` is missing")
    }

    pub(super) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/')
    }
}
