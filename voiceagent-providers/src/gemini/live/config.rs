use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_key, check_named, check_temperature, check_timeout},
};

/// Settings of a [`GeminiLive`](super::GeminiLive). What is not set is not sent.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::gemini::{GeminiLive, GeminiLiveConfig};
///
/// let mut config = GeminiLiveConfig::new(Secret::new("AIza-123"));
/// config.voice = "Kore".to_owned();
/// GeminiLive::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GeminiLiveConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, up to and without `/ws`.
    pub base_url: String,
    /// The model, without `models/`.
    pub model: String,
    /// The voice.
    pub voice: String,
    /// The language that is spoken, such as `en-US`, for models that take one.
    pub language: Option<Arc<str>>,
    /// Sampling temperature, from 0 to 2.
    pub temperature: Option<f32>,
    /// How much the model thinks before it speaks: `minimal`, `low`, `medium` or `high`.
    pub thinking_level: Option<Arc<str>>,
    /// Who says when the user's turn is over.
    pub turn_detection: TurnDetection,
    /// Whether what the user says is written down.
    pub transcription: bool,
    /// How long connecting may take, and getting ready after that.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing of an answer that it owes.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

/// Who says when the user's turn is over.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnDetection {
    /// The session, by its own detector, its thresholds and its patience.
    #[default]
    Local,
    /// The vendor, which also stops when the user speaks.
    Vendor(ActivityDetection),
}

impl TurnDetection {
    /// Whether the vendor says it.
    pub(super) fn is_vendors(&self) -> bool {
        *self != Self::Local
    }
}

/// How the vendor finds turns.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ActivityDetection {
    /// How readily a turn begins.
    pub start: Option<Sensitivity>,
    /// How readily a turn ends.
    pub end: Option<Sensitivity>,
    /// The speech that it takes until a turn has begun.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub prefix_padding: Option<Duration>,
    /// The silence after which a turn is over.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub silence_duration: Option<Duration>,
}

/// How readily something happens.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the vendor knows two degrees")]
pub enum Sensitivity {
    /// More readily.
    High,
    /// Less readily.
    Low,
}

impl Sensitivity {
    /// The vendor's name, which differs from setting to setting.
    pub(super) const fn of(self, low: &'static str, high: &'static str) -> &'static str {
        match self {
            Self::High => high,
            Self::Low => low,
        }
    }
}

impl Default for GeminiLiveConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://generativelanguage.googleapis.com".to_owned(),
            model: "gemini-3.8-live".to_owned(),
            voice: "Puck".to_owned(),
            language: None,
            temperature: None,
            thinking_level: None,
            turn_detection: TurnDetection::default(),
            transcription: true,
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl GeminiLiveConfig {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        let is_named = |name: &str| !name.trim().is_empty() && !name.contains('/');
        check(is_named(&self.model), "`model` must name a model, without `models/`")?;
        check_named("voice", &self.voice, "name a voice")?;
        check_temperature(self.temperature, 2)?;
        let levels = ["minimal", "low", "medium", "high"];
        check(
            self.thinking_level.as_deref().is_none_or(|level| levels.contains(&level)),
            "`thinking_level` must be `minimal`, `low`, `medium` or `high`",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)
    }
}
