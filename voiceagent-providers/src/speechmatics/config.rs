use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_key, check_timeout},
};

/// Settings of [`SpeechmaticsStt`](super::SpeechmaticsStt). What is not set is not sent.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::speechmatics::{SpeechmaticsStt, SpeechmaticsSttConfig};
///
/// let mut config = SpeechmaticsSttConfig::new(Secret::new("your-key"));
/// config.vocabulary = vec!["Silverado".to_owned()];
/// SpeechmaticsStt::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SpeechmaticsSttConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v2`.
    pub base_url: String,
    /// The model, such as `enhanced` or `standard`.
    pub model: Option<Arc<str>>,
    /// The language, of which the vendor gets the first part (`de` of `de-AT`);
    /// [`SttOptions::language`](voiceagent_core::stt::SttOptions) wins. English unless one is set.
    pub language: Option<Arc<str>>,
    /// Words to expect.
    pub vocabulary: Vec<String>,
    /// The longest that the vendor waits before words are final, from 0.7 to 4 s.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub max_delay: Duration,
    /// Silence after which the vendor ends a turn, up to 2 s and best below `max_delay`; `None`
    /// leaves the end to the session.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub end_of_utterance: Option<Duration>,
    /// Pause of the audio after which silence is sent, so that the vendor does not close; below
    /// three minutes.
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

impl Default for SpeechmaticsSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://eu2.rt.speechmatics.com".to_owned(),
            model: None,
            language: None,
            vocabulary: Vec::new(),
            max_delay: Duration::from_millis(700),
            end_of_utterance: Some(Duration::from_millis(500)),
            keep_alive: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
            finalize_timeout: Duration::from_secs(1),
        }
    }
}

impl SpeechmaticsSttConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check(
            self.model.as_deref().is_none_or(|model| !model.trim().is_empty()),
            "`model` must name a model",
        )?;
        let delays = Duration::from_millis(700)..=Duration::from_secs(4);
        check(delays.contains(&self.max_delay), "`max_delay` must be from 0.7 to 4 s")?;
        check(
            self.end_of_utterance.is_none_or(|it| !it.is_zero() && it <= Duration::from_secs(2)),
            "`end_of_utterance` must be longer than 0 and at most 2 s",
        )?;
        check(
            !self.keep_alive.is_zero() && self.keep_alive < Duration::from_secs(180),
            "`keep_alive` must be between 0 and 3 minutes, after which Speechmatics closes",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_timeout("finalize_timeout", self.finalize_timeout)
    }
}
