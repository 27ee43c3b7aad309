use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_extra, check_key, check_named, check_timeout},
};

/// Settings of [`CartesiaStt`](super::CartesiaStt). What is not set is not sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CartesiaSttConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/stt`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// Whether the vendor waits to be asked for finals, and does not look for turns.
    pub manual: bool,
    /// With `manual`: the language to expect, unless the call has one, of which the vendor gets the
    /// first part (`de` of `de-AT`).
    pub language: Option<Arc<str>>,
    /// By turns: words to expect.
    pub keyterms: Vec<String>,
    /// By turns: how sure it must be that a turn begins, from 0 to 1.
    pub turn_start_threshold: Option<f32>,
    /// By turns: below which chance that the speaker goes on the turn is probably over, from 0 to 1.
    pub turn_eager_end_threshold: Option<f32>,
    /// By turns: below which chance that the speaker goes on the turn is over, from 0 to 1.
    pub turn_end_threshold: Option<f32>,
    /// By turns: silence after which a turn is over in any case, from 0.64 to 11.2 s.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub turn_end_timeout: Option<Duration>,
    /// Further query parameters, as documented for the endpoint.
    pub extra: Vec<(String, String)>,
    /// Pause of the audio after which silence is sent in its place: within a turn, which has no end
    /// without audio, and with `manual` at any time.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub silence_after: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long speech within a turn may stay without any answer before the connection counts as
    /// stalled. Elsewhere, where the vendor may be silent in noise, it is twice as long.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
    /// With `manual`: how long an answer to a request to finalize may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub finalize_timeout: Duration,
}

impl Default for CartesiaSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://api.cartesia.ai".to_owned(),
            model: "ink-2".to_owned(),
            manual: false,
            language: None,
            keyterms: Vec::new(),
            turn_start_threshold: None,
            turn_eager_end_threshold: None,
            turn_end_threshold: None,
            turn_end_timeout: None,
            extra: Vec::new(),
            silence_after: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
            finalize_timeout: Duration::from_millis(1_500),
        }
    }
}

/// What the adapter sets itself, because it relies on it.
const OWN: [&str; 5] = ["encoding", "language", "model", "sample_rate", "turn_end_timeout_ms"];

impl CartesiaSttConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    /// The thresholds under the vendor's names, which are ours.
    pub(super) fn thresholds(&self) -> [(&'static str, Option<f32>); 3] {
        [
            ("turn_start_threshold", self.turn_start_threshold),
            ("turn_eager_end_threshold", self.turn_eager_end_threshold),
            ("turn_end_threshold", self.turn_end_threshold),
        ]
    }

    /// Ranges are those of `auto_finalize.py` in the vendor's SDK.
    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check_named("model", &self.model, "name a model")?;
        for (field, threshold) in self.thresholds() {
            check(
                threshold.is_none_or(|it| (0.0..=1.0).contains(&it)),
                &format!("`{field}` must be from 0 to 1"),
            )?;
            check(
                threshold.is_none() || !self.manual,
                &format!("`{field}` is of no use with `manual`"),
            )?;
        }
        let range = Duration::from_millis(640)..=Duration::from_millis(11_200);
        check(
            self.turn_end_timeout.is_none_or(|it| range.contains(&it) && !self.manual),
            "`turn_end_timeout` must be from 0.64 to 11.2 s, without `manual`",
        )?;
        check(self.language.is_none() || self.manual, "`language` is of no use without `manual`")?;
        check(self.keyterms.is_empty() || !self.manual, "`keyterms` are of no use with `manual`")?;
        check_timeout("silence_after", self.silence_after)?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_timeout("finalize_timeout", self.finalize_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}
