use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_extra, check_key, check_named, check_timeout},
};

/// Settings of [`AssemblyAiStt`](super::AssemblyAiStt).
///
/// What is not set is not sent, so that the vendor's `mode` keeps its own defaults.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::assemblyai::{AssemblyAiStt, AssemblyAiSttConfig};
///
/// let mut config = AssemblyAiSttConfig::new(Secret::new("your-key"));
/// config.keyterms = vec!["Silverado".to_owned()];
/// AssemblyAiStt::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AssemblyAiSttConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v3`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// Languages to expect, at most ten; none for the model's own choice. The call's language is
    /// not passed on, because some models refuse it.
    pub languages: Vec<String>,
    /// Whether a turn is formatted once more at its end. The text without format is then an early
    /// notice of the end. Recent models format all of their text anyway.
    pub format_turns: bool,
    /// What to prefer: `min_latency`, `balanced` or `max_accuracy`.
    pub mode: Option<Arc<str>>,
    /// Confidence at which a turn is over, from 0 to 1.
    pub end_of_turn_confidence: Option<f32>,
    /// Silence after which a turn is over if the model is sure.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub min_turn_silence: Option<Duration>,
    /// Silence after which a turn is over in any case.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub max_turn_silence: Option<Duration>,
    /// Words to expect.
    pub keyterms: Vec<String>,
    /// Further query parameters, as documented for `/v3/ws`.
    pub extra: Vec<(String, String)>,
    /// Pause of the audio within a turn after which silence is sent in its place: without audio
    /// the vendor never ends a turn.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub silence_after: Duration,
    /// How often a line without audio and without a turn is kept alive by a message. The vendor
    /// ends sessions that are quiet for longer than its `inactivity_timeout`, which is 5 s at
    /// least.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub keep_alive: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long speech within a turn may stay without any answer before the connection counts as
    /// stalled. Before a turn, where it may be noise, it is twice as long.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
    /// How long an answer to a request to finalize, or a formatted turn, may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub finalize_timeout: Duration,
}

impl Default for AssemblyAiSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://streaming.assemblyai.com".to_owned(),
            model: "universal-3-6-pro".to_owned(),
            languages: Vec::new(),
            format_turns: false,
            mode: None,
            end_of_turn_confidence: None,
            min_turn_silence: None,
            max_turn_silence: None,
            keyterms: Vec::new(),
            extra: Vec::new(),
            silence_after: Duration::from_millis(500),
            keep_alive: Duration::from_secs(4),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
            finalize_timeout: Duration::from_secs(1),
        }
    }
}

/// What the adapter sets itself, because it relies on it.
const OWN: [&str; 5] =
    ["encoding", "format_turns", "sample_rate", "session_heartbeat", "speech_model"];

impl AssemblyAiSttConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check_named("model", &self.model, "name a model")?;
        check(self.languages.len() <= 10, "`languages` must be at most ten")?;
        check(
            self.mode.as_deref().is_none_or(|it| MODES.contains(&it)),
            "`mode` must be `min_latency`, `balanced` or `max_accuracy`",
        )?;
        check(
            self.end_of_turn_confidence.is_none_or(|it| (0.0..=1.0).contains(&it)),
            "`end_of_turn_confidence` must be from 0 to 1",
        )?;
        let (least, most) = (self.min_turn_silence, self.max_turn_silence);
        check(
            least.zip(most).is_none_or(|(least, most)| least <= most),
            "`min_turn_silence` must not be longer than `max_turn_silence`",
        )?;
        check(!self.silence_after.is_zero(), "`silence_after` must be longer than 0")?;
        check(!self.keep_alive.is_zero(), "`keep_alive` must be longer than 0")?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_timeout("finalize_timeout", self.finalize_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}

const MODES: [&str; 3] = ["balanced", "max_accuracy", "min_latency"];
