use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_key, check_named, check_timeout},
};

/// Settings of an [`OpenAiRealtime`](super::OpenAiRealtime). What is not set is not sent.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::openai::{OpenAiRealtime, OpenAiRealtimeConfig, TurnDetection};
///
/// let mut config = OpenAiRealtimeConfig::new(Secret::new("sk-123"));
/// config.turn_detection = TurnDetection::SemanticVad { eagerness: Some("high".into()) };
/// OpenAiRealtime::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiRealtimeConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, up to and without `/realtime`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The voice. It cannot change within a call.
    pub voice: String,
    /// Pace, from 0.25 to 1.5.
    pub speed: Option<f32>,
    /// Who says when the user's turn is over.
    pub turn_detection: TurnDetection,
    /// What writes down what the user says; nothing does if this is empty.
    pub transcription_model: String,
    /// The language of the user, for the transcription, such as `en`.
    pub language: Option<Arc<str>>,
    /// `near_field` for a handset, `far_field` for a speakerphone.
    pub noise_reduction: Option<Arc<str>>,
    /// How much a reasoning model thinks before it speaks.
    pub reasoning_effort: Option<Arc<str>>,
    /// Whether a reasoning model may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// The most tokens of an answer, from 1 to 4,096.
    pub max_output_tokens: Option<u32>,
    /// After how long a conversation is gone on with in a new one, between two answers; below 60
    /// minutes, after which the vendor ends it.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub renew_after: Duration,
    /// How long connecting may take, and getting ready after that.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing of an answer that it owes.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

/// Who says when the user's turn is over.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum TurnDetection {
    /// The session, by its own detector, its thresholds and its patience.
    #[default]
    Local,
    /// The vendor, by what is said.
    SemanticVad {
        /// How soon it takes a turn for over: `low`, `medium`, `high` or `auto`.
        #[serde(default)]
        eagerness: Option<Arc<str>>,
    },
    /// The vendor, by silence.
    ServerVad {
        /// How loud a voice must be, from 0 to 1.
        #[serde(default)]
        threshold: Option<f32>,
        /// Audio before the first sound that belongs to a turn.
        #[serde(default, deserialize_with = "voiceagent_core::duration::optional::deserialize")]
        prefix_padding: Option<Duration>,
        /// The silence after which a turn is over.
        #[serde(default, deserialize_with = "voiceagent_core::duration::optional::deserialize")]
        silence_duration: Option<Duration>,
    },
}

impl TurnDetection {
    /// Whether the vendor says it.
    pub(super) fn is_vendors(&self) -> bool {
        *self != Self::Local
    }
}

/// The vendor ends conversations then.
const LONGEST: Duration = Duration::from_secs(3_600);

impl Default for OpenAiRealtimeConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://api.openai.com/v1".to_owned(),
            model: "gpt-realtime-2.1".to_owned(),
            voice: "marin".to_owned(),
            speed: None,
            turn_detection: TurnDetection::default(),
            transcription_model: "gpt-transcribe".to_owned(),
            language: None,
            noise_reduction: None,
            reasoning_effort: None,
            parallel_tool_calls: None,
            max_output_tokens: None,
            renew_after: Duration::from_secs(3_000),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl OpenAiRealtimeConfig {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check_named("model", &self.model, "name a model")?;
        check_named("voice", &self.voice, "name a voice")?;
        check(
            self.speed.is_none_or(|it| (0.25..=1.5).contains(&it)),
            "`speed` must be from 0.25 to 1.5",
        )?;
        let is_one_of = |value: &Option<Arc<str>>, known: &[&str]| {
            value.as_deref().is_none_or(|value| known.contains(&value))
        };
        check(
            is_one_of(&self.noise_reduction, &["near_field", "far_field"]),
            "`noise_reduction` must be `near_field` or `far_field`",
        )?;
        check(
            self.max_output_tokens.is_none_or(|it| (1..=4_096).contains(&it)),
            "`max_output_tokens` must be from 1 to 4096",
        )?;
        match &self.turn_detection {
            TurnDetection::SemanticVad { eagerness } => check(
                is_one_of(eagerness, &["low", "medium", "high", "auto"]),
                "`eagerness` must be `low`, `medium`, `high` or `auto`",
            )?,
            TurnDetection::ServerVad { threshold, .. } => check(
                threshold.is_none_or(|it| (0.0..=1.0).contains(&it)),
                "`threshold` must be from 0 to 1",
            )?,
            TurnDetection::Local => {}
        }
        check(
            !self.renew_after.is_zero() && self.renew_after < LONGEST,
            "`renew_after` must be between 0 and 60 min, after which OpenAI ends a conversation",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)
    }
}
