use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};
use voiceagent_core::session::EndpointingConfig;

/// Milliseconds of silence that may end a turn. Less cuts everybody off; after more than these,
/// callers ask whether anybody is there.
const SILENCES: std::ops::RangeInclusive<u64> = 100..=5_000;

/// How callers and the agent take turns.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[turns]`")]
#[non_exhaustive]
pub struct TurnsConfig {
    /// When the turn of somebody who speaks is over. Who types ends it by sending.
    pub endpointing: Endpointing,
}

/// By what the end of a turn is told.
///
/// ```
/// use std::time::Duration;
/// use dealership::config::{Config, Endpointing};
///
/// let text = "[turns]\nendpointing = { silence_ms = 500 }\n";
/// let config = Config::parse(text, &|_| None).unwrap();
/// assert_eq!(config.turns.endpointing, Endpointing::Silence(Duration::from_millis(500)));
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpointing {
    /// By the words, within 400 ms to 2 s of silence: [`EndpointingConfig::adaptive`].
    #[default]
    Adaptive,
    /// By so much silence, whatever was said: `{ silence_ms = 500 }`.
    #[serde(rename = "silence_ms", deserialize_with = "silence")]
    Silence(Duration),
}

impl Endpointing {
    pub(crate) fn settings(self) -> EndpointingConfig {
        match self {
            Self::Adaptive => EndpointingConfig::adaptive(),
            Self::Silence(silence) => {
                let mut settings = EndpointingConfig::default();
                settings.by_words = false;
                settings.min_delay = silence;
                settings.max_delay = settings.max_delay.max(silence);
                settings.entity_max_delay = settings.entity_max_delay.max(silence);
                settings
            }
        }
    }
}

fn silence<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let millis = u64::deserialize(from)?;
    if SILENCES.contains(&millis) {
        Ok(Duration::from_millis(millis))
    } else {
        Err(D::Error::custom("no such silence"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_one_that_a_session_takes() {
        for millis in [100, 500, 5_000] {
            let settings = Endpointing::Silence(Duration::from_millis(millis)).settings();
            assert_eq!(settings.min_delay, Duration::from_millis(millis));
            assert!(!settings.by_words, "whatever was said");
            let mut config = voiceagent_core::SessionConfig::default();
            config.endpointing = settings;
            config.validate().unwrap();
        }
        assert!(Endpointing::default().settings().by_words);
    }
}
