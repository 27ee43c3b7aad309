use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_extra, check_key, check_named, check_timeout},
};

/// Settings of an [`ElevenLabsStt`](super::ElevenLabsStt). What is not set is not sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ElevenLabsSttConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v1`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The language to expect, unless the call has one. Only its first part is sent (`en` of
    /// `en-US`).
    pub language: Option<Arc<str>>,
    /// Words to expect.
    pub keyterms: Vec<String>,
    /// Silence after which the vendor says a final by itself, from 0.3 to 3 s. Unless set it waits
    /// to be asked.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub silence: Option<Duration>,
    /// Further query parameters, as documented for the endpoint.
    pub extra: Vec<(String, String)>,
    /// Pause of the audio after which silence is sent in its place, so that the connection stays.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub silence_after: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long speech may stay without any answer before the connection counts as stalled.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
    /// How long an answer to a request to finalize may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub finalize_timeout: Duration,
}

impl Default for ElevenLabsSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://api.elevenlabs.io".to_owned(),
            model: "scribe_v2_realtime".to_owned(),
            language: None,
            keyterms: Vec::new(),
            silence: None,
            extra: Vec::new(),
            silence_after: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(4),
            finalize_timeout: Duration::from_secs(1),
        }
    }
}

/// What the adapter sets itself, because it relies on it.
const OWN: [&str; 6] = [
    "audio_format",
    "commit_strategy",
    "include_timestamps",
    "language_code",
    "model_id",
    "vad_silence_threshold_secs",
];

impl ElevenLabsSttConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check_named("model", &self.model, "name a model")?;
        let range = Duration::from_millis(300)..=Duration::from_secs(3);
        check(
            self.silence.is_none_or(|it| range.contains(&it)),
            "`silence` must be from 0.3 to 3 s",
        )?;
        check_timeout("silence_after", self.silence_after)?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_timeout("finalize_timeout", self.finalize_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}
