use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_key, check_named, check_timeout},
};

/// Settings of [`SonioxStt`](super::SonioxStt). What is not set is not sent.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::soniox::{SonioxStt, SonioxSttConfig};
///
/// let mut config = SonioxSttConfig::new(Secret::new("your-key"));
/// config.languages = vec!["en".to_owned(), "es".to_owned()];
/// SonioxStt::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SonioxSttConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before
    /// `/transcribe-websocket`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// Languages to expect, beside the call's, of which the vendor gets the first part (`de` of
    /// `de-AT`).
    pub languages: Vec<String>,
    /// What the conversation is about, and words to expect.
    pub context: Option<Arc<str>>,
    /// Whether the vendor ends turns by itself.
    pub endpoint_detection: bool,
    /// The longest that the vendor waits before it ends a turn, from 0.5 to 3 s.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub max_endpoint_delay: Option<Duration>,
    /// Pause of the audio after which the connection is kept alive; below 20 s.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub keep_alive: Duration,
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

impl Default for SonioxSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://stt-rt.soniox.com".to_owned(),
            model: "stt-rt-v5".to_owned(),
            languages: Vec::new(),
            context: None,
            endpoint_detection: true,
            max_endpoint_delay: None,
            keep_alive: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
            finalize_timeout: Duration::from_secs(1),
        }
    }
}

impl SonioxSttConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check_named("model", &self.model, "name a model")?;
        let range = Duration::from_millis(500)..=Duration::from_secs(3);
        check(
            self.max_endpoint_delay.is_none_or(|it| range.contains(&it)),
            "`max_endpoint_delay` must be from 0.5 to 3 s",
        )?;
        check(
            !self.keep_alive.is_zero() && self.keep_alive < Duration::from_secs(20),
            "`keep_alive` must be between 0 and 20 s, after which Soniox closes",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_timeout("finalize_timeout", self.finalize_timeout)
    }
}
