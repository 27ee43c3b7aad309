use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_extra, check_key, check_named, check_timeout},
};

/// The longest time that the vendor keeps an idle connection.
pub(super) const INACTIVITY: Duration = Duration::from_secs(180);

/// Settings of [`ElevenLabsTts`](super::ElevenLabsTts).
///
/// ```
/// use voiceagent_core::Secret;
/// use voiceagent_providers::elevenlabs::{ElevenLabsTts, ElevenLabsTtsConfig};
///
/// let mut config = ElevenLabsTtsConfig::new(Secret::new("your-key"), "your-voice");
/// config.stability = Some(0.5);
/// ElevenLabsTts::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ElevenLabsTtsConfig {
    /// The key of the account.
    pub api_key: Secret,
    /// Where the service is: `ws`, `wss`, `http` or `https`, with an optional path before `/v1`.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The id of the voice. There is no default.
    pub voice: String,
    /// The language, for models that take one. It is not derived from the call's, because other
    /// models refuse it.
    pub language: Option<Arc<str>>,
    /// How little the voice varies, from 0 to 1.
    pub stability: Option<f32>,
    /// How close it keeps to the original, from 0 to 1.
    pub similarity_boost: Option<f32>,
    /// How much it exaggerates the style of the original, from 0 to 1.
    pub style: Option<f32>,
    /// Whether to be more like the original at the cost of time.
    pub use_speaker_boost: Option<bool>,
    /// Pace, from 0.7 to 1.2.
    pub speed: Option<f32>,
    /// Dictionaries of the account that say how words are pronounced; three at most.
    pub pronunciation_dictionaries: Vec<ElevenLabsDictionary>,
    /// Whether one connection serves all answers of a call (`multi-stream-input`). It does unless
    /// set; without, each answer has a connection of its own (`stream-input`), as gateways that
    /// know no contexts need it.
    pub multi_context: bool,
    /// Further query parameters, as documented for `multi-stream-input`. With
    /// `enable_ssml_parsing` the models that know sounds are given those of
    /// [`Pronunciation`](voiceagent_core::spoken::Pronunciation)s.
    pub extra: Vec<(String, String)>,
    /// How often an idle connection is kept alive; below 180 s, after which the vendor closes.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub keep_alive: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing while it owes audio.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for ElevenLabsTtsConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            base_url: "wss://api.elevenlabs.io".to_owned(),
            model: "eleven_flash_v2_5".to_owned(),
            voice: String::new(),
            language: None,
            stability: None,
            similarity_boost: None,
            style: None,
            use_speaker_boost: None,
            speed: None,
            pronunciation_dictionaries: Vec::new(),
            multi_context: true,
            extra: Vec::new(),
            keep_alive: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

/// A pronunciation dictionary of the account (ElevenLabs API reference, "Pronunciation
/// dictionaries").
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ElevenLabsDictionary {
    /// Its id.
    #[serde(rename(serialize = "pronunciation_dictionary_id"))]
    pub id: Arc<str>,
    /// The id of the version; the newest unless set.
    #[serde(default, rename(serialize = "version_id"), skip_serializing_if = "Option::is_none")]
    pub version: Option<Arc<str>>,
}

impl ElevenLabsDictionary {
    /// The newest version of a dictionary.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), version: None }
    }
}

/// Models that are documented to know the sounds of the International Phonetic Alphabet.
const KNOW_SOUNDS: [&str; 3] = ["eleven_flash_v2", "eleven_turbo_v2", "eleven_monolingual_v1"];

/// What the adapter sets itself, because it relies on it.
const OWN: [&str; 6] = [
    "auto_mode",
    "inactivity_timeout",
    "language_code",
    "model_id",
    "output_format",
    "sync_alignment",
];

impl ElevenLabsTtsConfig {
    /// The defaults, with this key and this voice.
    pub fn new(api_key: Secret, voice: impl Into<String>) -> Self {
        Self { api_key, voice: voice.into(), ..Self::default() }
    }

    /// Whether elements of SSML for the sounds of a word are understood.
    pub(super) fn takes_elements(&self) -> bool {
        let parses =
            |(name, value): &(String, String)| name == "enable_ssml_parsing" && value == "true";
        KNOW_SOUNDS.contains(&&*self.model) && self.extra.iter().any(parses)
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_key(&self.api_key)?;
        websocket_base(&self.base_url)?;
        check(
            self.pronunciation_dictionaries.len() <= 3,
            "`pronunciation_dictionaries` may be three at most",
        )?;
        check_named("model", &self.model, "name a model")?;
        let is_id = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
        check(is_id(&self.voice.replace(['-', '_'], "")), "`voice` must be the id of a voice")?;
        for (field, value) in [
            ("stability", self.stability),
            ("similarity_boost", self.similarity_boost),
            ("style", self.style),
        ] {
            check(
                value.is_none_or(|it| (0.0..=1.0).contains(&it)),
                &format!("`{field}` must be from 0 to 1"),
            )?;
        }
        check(
            self.speed.is_none_or(|it| (0.7..=1.2).contains(&it)),
            "`speed` must be from 0.7 to 1.2",
        )?;
        check(
            !self.keep_alive.is_zero() && self.keep_alive < INACTIVITY,
            "`keep_alive` must be between 0 and 180 s, after which ElevenLabs closes",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}
