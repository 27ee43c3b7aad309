use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use super::super::config::{check_common, check_ends_of_turns};
use crate::wire::settings::{check, check_timeout};

/// Settings of a [`DeepgramAgent`](super::DeepgramAgent). What is not set is not sent.
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::deepgram::{DeepgramAgent, DeepgramAgentConfig};
///
/// let mut config = DeepgramAgentConfig::new(Secret::new("your-key"));
/// config.voice = "aura-2-thalia-en".to_owned();
/// DeepgramAgent::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeepgramAgentConfig {
    /// The key of the Deepgram project.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v1`.
    pub base_url: String,
    /// What hears: a Flux model, which finds turns by what is said, or a Nova model.
    pub model: String,
    /// BCP 47 tag of what is heard, or `multi` (Nova).
    pub language: Option<String>,
    /// Languages to expect (`flux-general-multi` only).
    pub language_hints: Vec<String>,
    /// Words to expect.
    pub keyterms: Vec<String>,
    /// Confidence at which a turn is over, from 0.5 to 1 (Flux).
    pub eot_threshold: Option<f32>,
    /// Confidence at which an answer is begun that may be thrown away, from 0.3 to 0.9 and not above
    /// `eot_threshold` (Flux).
    pub eager_eot_threshold: Option<f32>,
    /// Silence after which a turn is over in any case, from 0.5 s to 60 s (Flux).
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub eot_timeout: Option<Duration>,
    /// Whose language model thinks, as the vendor calls it: `open_ai`, `anthropic`, `google`, `groq`,
    /// `deepgram` and others.
    pub think_provider: String,
    /// The language model.
    pub think_model: String,
    /// Its sampling temperature, from 0 to 2.
    pub temperature: Option<f32>,
    /// Where the language model is, unless it is one that the vendor runs or pays for.
    pub think_endpoint: Option<ThinkEndpoint>,
    /// The voice: one of Aura, or one of Flux (`flux-alexis-en`).
    pub voice: String,
    /// Pace of the voice, from 0.7 to 1.5.
    pub speed: Option<f32>,
    /// Whether the vendor may not learn from the calls.
    pub mip_opt_out: Option<bool>,
    /// Pause in what is sent after which the connection is kept alive by a message; below 10 s.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub keep_alive: Duration,
    /// After how long a conversation is gone on with in a new one, between two answers; below two
    /// hours, after which the vendor ends it.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub renew_after: Duration,
    /// How long connecting may take, and getting ready after that.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing of an answer that it owes.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

/// A language model of one's own, which speaks the protocol of its
/// [provider](DeepgramAgentConfig::think_provider).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ThinkEndpoint {
    /// The address of its chat completions, or of what its provider has in their place.
    pub url: String,
    /// Headers of the requests, such as `authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
}

impl ThinkEndpoint {
    /// A language model at this address, without headers.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), headers: BTreeMap::new() }
    }
}

/// The vendor ends conversations then (page "Errors & Warnings").
const LONGEST: Duration = Duration::from_secs(7_200);

impl Default for DeepgramAgentConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://agent.deepgram.com".to_owned(),
            model: "flux-general-en".to_owned(),
            language: None,
            language_hints: Vec::new(),
            keyterms: Vec::new(),
            eot_threshold: None,
            eager_eot_threshold: None,
            eot_timeout: None,
            think_provider: "open_ai".to_owned(),
            think_model: "gpt-6-luna".to_owned(),
            temperature: None,
            think_endpoint: None,
            voice: "aura-2-thalia-en".to_owned(),
            speed: None,
            mip_opt_out: None,
            keep_alive: Duration::from_secs(8),
            renew_after: Duration::from_secs(6_600),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl DeepgramAgentConfig {
    /// The defaults, with this key.
    #[must_use]
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    /// Whether a Flux model hears.
    pub(super) fn hears_turns(&self) -> bool {
        self.model.starts_with("flux-")
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_common(&self.api_key, &self.base_url, &self.model)?;
        check_ends_of_turns(self.eot_threshold, self.eager_eot_threshold, self.eot_timeout)?;
        let (flux, nova) = (self.hears_turns(), !self.hears_turns());
        check(flux || self.eot_threshold.is_none(), "`eot_threshold` needs a Flux model")?;
        check(
            flux || self.eager_eot_threshold.is_none(),
            "`eager_eot_threshold` needs a Flux model",
        )?;
        check(flux || self.eot_timeout.is_none(), "`eot_timeout` needs a Flux model")?;
        check(flux || self.language_hints.is_empty(), "`language_hints` needs a Flux model")?;
        check(
            nova || self.language.is_none(),
            "`language` needs a Nova model; see `language_hints`",
        )?;
        check(!self.think_provider.trim().is_empty(), "`think_provider` must name a provider")?;
        check(!self.think_model.trim().is_empty(), "`think_model` must name a model")?;
        check(
            self.temperature.is_none_or(|it| (0.0..=2.0).contains(&it)),
            "`temperature` must be from 0 to 2",
        )?;
        let is_https = |endpoint: &ThinkEndpoint| endpoint.url.starts_with("https://");
        check(
            self.think_endpoint.as_ref().is_none_or(is_https),
            "`think_endpoint` must be https://, because the vendor calls it",
        )?;
        check(!self.voice.trim().is_empty(), "`voice` must name a voice")?;
        check(
            self.speed.is_none_or(|it| (0.7..=1.5).contains(&it)),
            "`speed` must be from 0.7 to 1.5",
        )?;
        check(
            !self.keep_alive.is_zero() && self.keep_alive < Duration::from_secs(10),
            "`keep_alive` must be between 0 and 10 s",
        )?;
        check(
            !self.renew_after.is_zero() && self.renew_after < LONGEST,
            "`renew_after` must be between 0 and 2 h, after which Deepgram ends a conversation",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)
    }
}
