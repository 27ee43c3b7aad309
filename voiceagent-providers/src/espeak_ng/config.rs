use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::Deserialize;
use voiceagent_core::Result;

use crate::wire::settings::{check, check_timeout};

/// Settings of [`EspeakNgTts`](super::EspeakNgTts). What is not set is left to the program.
///
/// ```
/// use voiceagent_providers::espeak_ng::{EspeakNgConfig, EspeakNgTts};
///
/// let mut config = EspeakNgConfig::default();
/// config.voice = Some("en-gb".into());
/// EspeakNgTts::new(config)?;
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EspeakNgConfig {
    /// The program, by its name or where it is.
    pub program: PathBuf,
    /// A voice of `espeak-ng --voices`; that of the call's language unless set.
    pub voice: Option<Arc<str>>,
    /// Pace, from 80 to 450.
    pub words_per_minute: Option<u32>,
    /// Pitch, from 0 to 99.
    pub pitch: Option<u32>,
    /// How long the program may take to tell whether it can speak.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub start_timeout: Duration,
    /// How long it may be silent while it has something to say.
    #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
    pub stall_timeout: Duration,
}

impl Default for EspeakNgConfig {
    fn default() -> Self {
        Self {
            program: "espeak-ng".into(),
            voice: None,
            words_per_minute: None,
            pitch: None,
            start_timeout: Duration::from_secs(2),
            stall_timeout: Duration::from_secs(3),
        }
    }
}

impl EspeakNgConfig {
    pub(super) fn validate(&self) -> Result<()> {
        check(!self.program.as_os_str().is_empty(), "`program` must name the program")?;
        check(
            self.voice.as_deref().is_none_or(|it| !it.trim().is_empty() && !it.starts_with('-')),
            "`voice` must name a voice",
        )?;
        check(
            self.words_per_minute.is_none_or(|it| (80..=450).contains(&it)),
            "`words_per_minute` must be from 80 to 450",
        )?;
        check(self.pitch.is_none_or(|it| it <= 99), "`pitch` must be from 0 to 99")?;
        check_timeout("start_timeout", self.start_timeout)?;
        check_timeout("stall_timeout", self.stall_timeout)
    }
}
