use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_key, check_named, check_timeout},
};

/// Settings of [`CartesiaTts`](super::CartesiaTts).
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::cartesia::{CartesiaTts, CartesiaTtsConfig};
///
/// let mut config = CartesiaTtsConfig::new(Secret::new("your-key"), "your-voice");
/// config.speed = Some(1.1);
/// CartesiaTts::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CartesiaTtsConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/tts`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The id of the voice. There is no default.
    pub voice: String,
    /// The language; [`TtsOptions::language`](voiceagent_core::tts::TtsOptions) wins, of which the
    /// vendor gets the first part (`de` of `de-AT`).
    pub language: Option<Arc<str>>,
    /// Pace, from 0.6 to 1.5.
    pub speed: Option<f32>,
    /// Loudness, from 0.5 to 2.
    pub volume: Option<f32>,
    /// A mood, as documented for the model.
    pub emotion: Option<Arc<str>>,
    /// The id of a pronunciation dictionary.
    pub pronunciation_dict_id: Option<Arc<str>>,
    /// How long the vendor may wait for more text before it speaks, up to 5 s. Zero unless set,
    /// because texts come in whole clauses.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub max_buffer_delay: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing while it owes audio.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for CartesiaTtsConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://api.cartesia.ai".to_owned(),
            model: "sonic-3.5".to_owned(),
            voice: String::new(),
            language: None,
            speed: None,
            volume: None,
            emotion: None,
            pronunciation_dict_id: None,
            max_buffer_delay: Duration::ZERO,
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl CartesiaTtsConfig {
    /// The defaults, with this key and this voice.
    pub fn new(api_key: Secret, voice: impl Into<String>) -> Self {
        Self { api_key, voice: voice.into(), ..Self::default() }
    }

    /// Ranges are those of `generation_request.py` in the vendor's SDK.
    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check_named("model", &self.model, "name a model")?;
        check(!self.voice.trim().is_empty(), "`voice` must be the id of a voice")?;
        check(
            self.speed.is_none_or(|it| (0.6..=1.5).contains(&it)),
            "`speed` must be from 0.6 to 1.5",
        )?;
        check(
            self.volume.is_none_or(|it| (0.5..=2.0).contains(&it)),
            "`volume` must be from 0.5 to 2",
        )?;
        check(
            self.max_buffer_delay <= Duration::from_secs(5),
            "`max_buffer_delay` must be at most 5 s",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check(
            self.max_buffer_delay < self.stall_timeout,
            "`max_buffer_delay` must be shorter than `stall_timeout`",
        )
    }
}
