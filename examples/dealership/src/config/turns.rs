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
    /// By so much silence, whatever was said: `{ silence_ms = 500 }`. A recognizer that counts a
    /// shorter one ends turns sooner.
    #[serde(rename = "silence_ms", deserialize_with = "silence")]
    Silence(Duration),
    /// By so much silence, the less the surer the words are that no more comes:
    /// `{ between_ms = [300, 1200] }`.
    #[serde(rename = "between_ms", deserialize_with = "bounds")]
    Between(Duration, Duration),
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
            Self::Between(shortest, longest) => {
                let mut settings = EndpointingConfig::adaptive();
                (settings.min_delay, settings.max_delay) = (shortest, longest);
                settings.entity_max_delay = settings.entity_max_delay.max(longest);
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

fn bounds<'de, D: Deserializer<'de>>(from: D) -> Result<(Duration, Duration), D::Error> {
    let (shortest, longest) = <(u64, u64)>::deserialize(from)?;
    if SILENCES.contains(&shortest) && SILENCES.contains(&longest) && shortest <= longest {
        Ok((Duration::from_millis(shortest), Duration::from_millis(longest)))
    } else {
        Err(D::Error::custom("no such silences"))
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
        let bounds = Endpointing::Between(Duration::from_millis(300), Duration::from_millis(1_200));
        let mut config = voiceagent_core::SessionConfig::default();
        config.endpointing = bounds.settings();
        config.validate().unwrap();
        assert_eq!(config.endpointing.max_delay, Duration::from_millis(1_200));
    }
}
