use std::time::Duration;

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_extra, check_key, check_timeout},
};

const BASE_URL: &str = "wss://api.deepgram.com";

/// Settings of [`DeepgramStt`](super::DeepgramStt): recognition with `/v1/listen`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeepgramSttConfig {
    /// The key of the Deepgram project.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v1`.
    pub base_url: String,
    /// The model. Deepgram adds names often, so that any is accepted.
    pub model: String,
    /// BCP 47 tag, or `multi`; [`SttOptions::language`](voiceagent_core::stt::SttOptions) wins.
    pub language: Option<String>,
    /// Silence after which the vendor calls an utterance complete.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub endpointing: Duration,
    /// Gap between words after which the vendor calls an utterance complete even where noise
    /// hides the silence; at least 1 s, `None` to do without.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub utterance_end: Option<Duration>,
    /// Whether to ask for interim transcripts.
    pub interim_results: bool,
    /// Whether numbers, dates and the like are formatted.
    pub smart_format: bool,
    /// Whether to ask for [`SttEvent::SpeechStarted`](voiceagent_core::stt::SttEvent).
    pub vad_events: bool,
    /// Words to expect (Nova-3).
    pub keyterms: Vec<String>,
    /// Further query parameters, as documented for `/v1/listen`.
    pub extra: Vec<(String, String)>,
    /// Pause in the audio after which the connection is kept alive by a message; below 10 s.
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

impl Default for DeepgramSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: BASE_URL.to_owned(),
            model: "nova-3".to_owned(),
            language: None,
            endpointing: Duration::from_millis(300),
            utterance_end: Some(Duration::from_secs(1)),
            interim_results: true,
            smart_format: true,
            vad_events: true,
            keyterms: Vec::new(),
            extra: Vec::new(),
            keep_alive: Duration::from_secs(4),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
            finalize_timeout: Duration::from_secs(1),
        }
    }
}

impl DeepgramSttConfig {
    /// The defaults for phone calls, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_common(&self.api_key, &self.base_url, &self.model)?;
        check(!self.endpointing.is_zero(), "`endpointing` must be longer than 0")?;
        check(
            self.utterance_end.is_none_or(|gap| gap >= Duration::from_secs(1)),
            "`utterance_end` must be at least 1 s",
        )?;
        check(
            self.utterance_end.is_none() || self.interim_results,
            "`utterance_end` needs `interim_results` to be true",
        )?;
        check(
            !self.keep_alive.is_zero() && self.keep_alive < Duration::from_secs(10),
            "`keep_alive` must be between 0 and 10 s, after which Deepgram closes",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_timeout("finalize_timeout", self.finalize_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}

/// Settings of [`DeepgramFlux`](super::DeepgramFlux): recognition of turns with `/v2/listen`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeepgramFluxConfig {
    /// The key of the Deepgram project.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v2`.
    pub base_url: String,
    /// The model: `flux-general-en`, `flux-general-multi` or a later one.
    pub model: String,
    /// Confidence at which a turn is over, from 0.5 to 1.
    pub eot_threshold: Option<f32>,
    /// Confidence at which a turn is probably over, from 0.3 to 0.9 and not above
    /// `eot_threshold`; `None` for no early notice.
    pub eager_eot_threshold: Option<f32>,
    /// Silence after which a turn is over in any case, from 0.5 s to 60 s.
    #[serde(deserialize_with = "voiceagent_core::duration::optional::deserialize")]
    pub eot_timeout: Option<Duration>,
    /// Words to expect.
    pub keyterms: Vec<String>,
    /// Languages to expect (`flux-general-multi` only).
    pub language_hints: Vec<String>,
    /// Whether a request to finalize ends the vendor's turn (`ForceEndTurn`), and so brings a final.
    /// Off, a final comes only when the model has decided.
    pub finalize: bool,
    /// Further query parameters, as documented for `/v2/listen`.
    pub extra: Vec<(String, String)>,
    /// Pause of the audio within a turn after which silence is sent in its place: without audio
    /// the vendor never ends a turn.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub silence_after: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long speech within a turn may stay without any answer before the connection counts as
    /// stalled. Before a turn, where the vendor may be silent in noise, it is twice as long.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for DeepgramFluxConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: BASE_URL.to_owned(),
            model: "flux-general-en".to_owned(),
            eot_threshold: None,
            eager_eot_threshold: None,
            eot_timeout: None,
            keyterms: Vec::new(),
            language_hints: Vec::new(),
            finalize: false,
            extra: Vec::new(),
            silence_after: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl DeepgramFluxConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_common(&self.api_key, &self.base_url, &self.model)?;
        check_ends_of_turns(self.eot_threshold, self.eager_eot_threshold, self.eot_timeout)?;
        check(!self.silence_after.is_zero(), "`silence_after` must be longer than 0")?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}

/// Settings of [`DeepgramTts`](super::DeepgramTts): voices with `/v1/speak`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeepgramTtsConfig {
    /// The key of the Deepgram project.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v1`.
    pub base_url: String,
    /// The voice, such as `aura-2-thalia-en`.
    pub model: String,
    /// Pace, from 0.7 to 1.5.
    pub speed: Option<f32>,
    /// Further query parameters, as documented for `/v1/speak`.
    pub extra: Vec<(String, String)>,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing while it owes audio or an answer.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for DeepgramTtsConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: BASE_URL.to_owned(),
            model: "aura-2-thalia-en".to_owned(),
            speed: None,
            extra: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl DeepgramTtsConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_common(&self.api_key, &self.base_url, &self.model)?;
        check(
            self.speed.is_none_or(|it| (0.7..=1.5).contains(&it)),
            "`speed` must be from 0.7 to 1.5",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}

/// Whether a speed is one of those that Flux voices take (`/docs/flux-tts/feature-overview`).
fn is_a_step(speed: f32) -> bool {
    let steps = speed / 0.05;
    (steps - steps.round()).abs() < 0.001
}

/// Settings of [`DeepgramFluxTts`](super::DeepgramFluxTts): voices with `/v2/speak`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeepgramFluxTtsConfig {
    /// The key of the Deepgram project.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v2`.
    pub base_url: String,
    /// The voice, such as `flux-alexis-en`.
    pub model: String,
    /// Pace, from 0.5 to 1.5.
    pub speed: Option<f32>,
    /// How lively it speaks, from -2 to 2.
    pub expressivity: Option<f32>,
    /// Further query parameters, as documented for `/v2/speak`.
    pub extra: Vec<(String, String)>,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing while it owes audio or an answer.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for DeepgramFluxTtsConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: BASE_URL.to_owned(),
            model: "flux-alexis-en".to_owned(),
            speed: None,
            expressivity: None,
            extra: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            // Half a second before that it was told that no more text comes.
            stall_timeout: Duration::from_millis(2_500),
        }
    }
}

impl DeepgramFluxTtsConfig {
    /// The defaults, with this key.
    pub fn new(api_key: Secret) -> Self {
        Self { api_key, ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_common(&self.api_key, &self.base_url, &self.model)?;
        check(
            self.speed.is_none_or(|it| (0.5..=1.5).contains(&it) && is_a_step(it)),
            "`speed` must be from 0.5 to 1.5 in steps of 0.05",
        )?;
        check(
            self.expressivity.is_none_or(|it| (-2.0..=2.0).contains(&it)),
            "`expressivity` must be from -2 to 2",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}

pub(super) fn check_common(api_key: &Secret, base_url: &str, model: &str) -> Result<()> {
    check_key(api_key)?;
    check(!model.trim().is_empty(), "`model` must name a model")?;
    websocket_base(base_url).map(drop)
}

/// Checks when Flux takes a turn for over.
pub(super) fn check_ends_of_turns(
    eot_threshold: Option<f32>,
    eager_eot_threshold: Option<f32>,
    eot_timeout: Option<Duration>,
) -> Result<()> {
    check(
        eot_threshold.is_none_or(|it| (0.5..=1.0).contains(&it)),
        "`eot_threshold` must be from 0.5 to 1",
    )?;
    let highest = eot_threshold.unwrap_or(0.7).min(0.9);
    check(
        eager_eot_threshold.is_none_or(|it| (0.3..=highest).contains(&it)),
        "`eager_eot_threshold` must be from 0.3 to 0.9 and not above `eot_threshold` \
         (0.7 unless set)",
    )?;
    let timeouts = Duration::from_millis(500)..=Duration::from_secs(60);
    check(
        eot_timeout.is_none_or(|it| timeouts.contains(&it)),
        "`eot_timeout` must be from 0.5 s to 60 s",
    )
}

/// What the adapter sets itself from the format of the call or from other fields.
const OWN: [&str; 4] = ["channels", "encoding", "model", "sample_rate"];
