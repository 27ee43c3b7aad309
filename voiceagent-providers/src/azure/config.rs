use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use crate::wire::{
    address::websocket_base,
    settings::{check, check_extra, check_key, check_timeout},
};

/// Settings of [`AzureStt`](super::AzureStt). What is not set is not sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AzureSttConfig {
    /// A key of the Speech resource.
    pub api_key: Secret,
    /// The region of the resource, such as `westeurope`.
    pub region: String,
    /// Where the service is, in place of the region's address: `ws`, `wss`, `http` or `https`, with
    /// an optional path before `/speech`.
    pub base_url: Option<String>,
    /// BCP 47 tag with its region; [`SttOptions::language`](voiceagent_core::stt::SttOptions) wins
    /// if it has one, too.
    pub language: Arc<str>,
    /// Silence after which a phrase is complete, from 0.1 to 5 s.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub segmentation_silence: Duration,
    /// Words to expect.
    pub phrases: Vec<String>,
    /// Further query parameters, such as `profanity`.
    pub extra: Vec<(String, String)>,
    /// Pause of the audio after which silence is sent, so that the vendor does not close.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub keep_alive: Duration,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long speech may stay without any answer before the connection counts as stalled.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for AzureSttConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            region: String::new(),
            base_url: None,
            language: "en-US".into(),
            segmentation_silence: Duration::from_millis(500),
            phrases: Vec::new(),
            extra: Vec::new(),
            keep_alive: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

/// What the adapter sets itself.
const OWN: [&str; 2] = ["format", "language"];

impl AzureSttConfig {
    /// The defaults, with this key, in this region.
    pub fn new(api_key: Secret, region: impl Into<String>) -> Self {
        Self { api_key, region: region.into(), ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_place(&self.api_key, self.base_url.as_deref(), &self.region)?;
        check(self.language.contains('-'), "`language` must be a tag like `en-US`")?;
        let range = Duration::from_millis(100)..=Duration::from_secs(5);
        check(
            range.contains(&self.segmentation_silence),
            "`segmentation_silence` must be from 0.1 to 5 s",
        )?;
        check(!self.keep_alive.is_zero(), "`keep_alive` must be longer than 0")?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)?;
        check_extra(&self.extra, &OWN)
    }
}

/// Settings of [`AzureTts`](super::AzureTts). What is not set is not sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AzureTtsConfig {
    /// A key of the Speech resource.
    pub api_key: Secret,
    /// The region of the resource, such as `westeurope`.
    pub region: String,
    /// Where the service is, in place of the region's address: `ws`, `wss`, `http` or `https`, with
    /// an optional path before `/cognitiveservices`.
    pub base_url: Option<String>,
    /// The voice, such as `en-US-AvaMultilingualNeural`.
    pub voice: Arc<str>,
    /// BCP 47 tag of the text; the call's or the voice's own unless set.
    pub language: Option<Arc<str>>,
    /// Pace, as in SSML: `+10%`.
    pub rate: Option<Arc<str>>,
    /// Pitch, as in SSML: `-2%`.
    pub pitch: Option<Arc<str>>,
    /// Volume, as in SSML: `+10%`.
    pub volume: Option<Arc<str>>,
    /// Manner of speaking, if the voice has several: `customerservice`.
    pub style: Option<Arc<str>>,
    /// How long connecting may take.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub connect_timeout: Duration,
    /// How long the vendor may send nothing while it owes audio or an answer.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for AzureTtsConfig {
    fn default() -> Self {
        Self {
            api_key: Secret::default(),
            region: String::new(),
            base_url: None,
            voice: "en-US-AvaMultilingualNeural".into(),
            language: None,
            rate: None,
            pitch: None,
            volume: None,
            style: None,
            connect_timeout: Duration::from_secs(5),
            // Half a second before that it was told that no more text comes.
            stall_timeout: Duration::from_millis(2_500),
        }
    }
}

impl AzureTtsConfig {
    /// The defaults, with this key, in this region.
    pub fn new(api_key: Secret, region: impl Into<String>) -> Self {
        Self { api_key, region: region.into(), ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_place(&self.api_key, self.base_url.as_deref(), &self.region)?;
        check(
            self.voice.splitn(3, '-').filter(|part| !part.is_empty()).count() == 3,
            "`voice` must be a name like `en-US-AvaMultilingualNeural`",
        )?;
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)
    }
}

fn check_place(api_key: &Secret, base_url: Option<&str>, region: &str) -> Result<()> {
    check_key(api_key)?;
    if let Some(base_url) = base_url {
        return websocket_base(base_url).map(drop);
    }
    check(
        !region.is_empty() && region.chars().all(|c| c.is_ascii_alphanumeric()),
        "`region` must be that of the resource, such as `westeurope`",
    )
}
