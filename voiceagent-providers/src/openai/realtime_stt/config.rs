use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use super::super::config::BASE_URL;
use crate::wire::{
    address::websocket_base,
    settings::{check, check_key, check_named, check_timeout},
};

/// Settings of an [`OpenAiRealtimeStt`](super::OpenAiRealtimeStt). What is not set is not sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenAiRealtimeSttConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Up to and without `/realtime`: `ws`, `wss`, `http` or `https`.
    pub base_url: String,
    /// The model.
    pub model: Arc<str>,
    /// The language to expect, unless the call has one. Only its first part is sent (`en` of
    /// `en-US`).
    pub language: Option<Arc<str>>,
    /// Words to expect.
    pub keywords: Vec<String>,
    /// What the conversation is about.
    pub prompt: Option<Arc<str>>,
    /// How long `gpt-realtime-whisper` thinks about its words: `minimal`, `low`, `medium`, `high`
    /// or `xhigh`.
    pub delay: Option<Arc<str>>,
    /// Which noise the vendor takes out: `near_field` or `far_field`. None on the phone unless set.
    pub noise_reduction: Option<Arc<str>>,
    /// Silence after which the vendor ends an utterance by itself. Unless set it waits to be asked,
    /// as models that listen all the time need it.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub silence: Option<Duration>,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long speech may stay without any answer before the connection counts as stalled. Models
    /// that say nothing before an utterance is over may take twelve times as long for it.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
    /// How long a final may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub finalize_timeout: Duration,
}

impl Default for OpenAiRealtimeSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: BASE_URL.to_owned(),
            model: "gpt-live-transcribe".into(),
            language: None,
            keywords: Vec::new(),
            prompt: None,
            delay: None,
            noise_reduction: None,
            silence: None,
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            finalize_timeout: Duration::from_millis(2_500),
        }
    }
}

/// Models that hear without a pause and refuse to look for one.
const LIVE: [&str; 2] = ["gpt-live-transcribe", "gpt-realtime-whisper"];

const DELAYS: [&str; 5] = ["minimal", "low", "medium", "high", "xhigh"];

impl OpenAiRealtimeSttConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check_named("model", &self.model, "name a model")?;
        check(
            self.delay.as_deref().is_none_or(|it| DELAYS.contains(&it)),
            "`delay` must be `minimal`, `low`, `medium`, `high` or `xhigh`",
        )?;
        check(
            self.delay.is_none() || *self.model == *"gpt-realtime-whisper",
            "`delay` is of no use but for `gpt-realtime-whisper`",
        )?;
        check(
            self.noise_reduction
                .as_deref()
                .is_none_or(|it| it == "near_field" || it == "far_field"),
            "`noise_reduction` must be `near_field` or `far_field`",
        )?;
        check(
            self.silence.is_none() || !self.listens_all_the_time(),
            "`silence` is refused by models that listen all the time",
        )?;
        check(self.silence.is_none_or(|it| !it.is_zero()), "`silence` must be longer than 0")?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_timeout("finalize_timeout", self.finalize_timeout)
    }

    /// Whether words come while they are spoken.
    pub(super) fn listens_all_the_time(&self) -> bool {
        LIVE.iter().any(|model| self.model.starts_with(model))
    }
}
