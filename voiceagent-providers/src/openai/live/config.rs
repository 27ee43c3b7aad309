use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_key, check_named, check_timeout},
};

/// Settings of an [`OpenAiLive`](super::OpenAiLive). What is not set is not sent.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::openai::{OpenAiLive, OpenAiLiveConfig};
///
/// let mut config = OpenAiLiveConfig::new(Secret::new("sk-123"));
/// config.voice = "cedar".to_owned();
/// OpenAiLive::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiLiveConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, up to and without `/live`.
    pub base_url: String,
    /// The model that hears and speaks.
    pub model: String,
    /// The voice. It cannot change within a call.
    pub voice: String,
    /// The model that thinks and calls functions, to which the other one delegates.
    pub backend_model: String,
    /// What the backend is told; the instructions of the agent unless set.
    pub backend_instructions: Option<Arc<str>>,
    /// How much a reasoning backend thinks.
    pub reasoning_effort: Option<Arc<str>>,
    /// Whether the backend may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// The most tokens of an answer of the backend, from 16.
    pub max_output_tokens: Option<u32>,
    /// Whether the vendor keeps the conversation, with a recording of it.
    pub store: Option<bool>,
    /// After how long a conversation is gone on with in a new one, while nobody speaks.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub renew_after: Duration,
    /// How long connecting may take, and getting ready after that.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send no audio, be it silence, while it is sent the user's.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for OpenAiLiveConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://api.openai.com/v1".to_owned(),
            model: "gpt-live-1".to_owned(),
            voice: "marin".to_owned(),
            backend_model: "gpt-6-luna".to_owned(),
            backend_instructions: None,
            reasoning_effort: None,
            parallel_tool_calls: None,
            max_output_tokens: None,
            store: None,
            renew_after: Duration::from_secs(3_000),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl OpenAiLiveConfig {
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
        check_named("backend_model", &self.backend_model, "name a model")?;
        check(
            self.max_output_tokens.is_none_or(|it| it >= 16),
            "`max_output_tokens` must be at least 16",
        )?;
        check_timeout("renew_after", self.renew_after)?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)
    }
}
