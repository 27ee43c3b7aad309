//! Durations as people write them in settings.
//!
//! ```
//! use std::time::Duration;
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     #[serde(deserialize_with = "voiceagent_core::duration::deserialize")]
//!     pause: Duration,
//! }
//!
//! let settings: Settings = serde_json::from_str(r#"{ "pause": "250ms" }"#).unwrap();
//! assert_eq!(settings.pause, Duration::from_millis(250));
//! ```

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

/// Reads `"250ms"`, `"1.5s"`, `"2min"`, a number of seconds, or what serde itself writes:
/// `{ secs = 1, nanos = 0 }`.
///
/// # Errors
///
/// What is accepted, for anything else.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(Written)
}

/// A duration that need not be set.
pub mod optional {
    use super::{Deserialize, Deserializer, Duration};

    /// Reads a duration, or nothing.
    ///
    /// # Errors
    ///
    /// What is accepted, for anything else.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Set(#[serde(with = "super")] Duration);

        Ok(Option::deserialize(from)?.map(|Set(duration)| duration))
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as \"250ms\", \"1.5s\", or a number of seconds")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Duration, E> {
        let wrong = || E::invalid_value(Unexpected::Signed(seconds), &self);
        u64::try_from(seconds).map(Duration::from_secs).map_err(|_| wrong())
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Duration, E> {
        let wrong = || E::invalid_value(Unexpected::Float(seconds), &self);
        Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text.trim()).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Duration, A::Error> {
        Duration::deserialize(MapAccessDeserializer::new(map))
    }
}

fn parse(text: &str) -> Option<Duration> {
    // Longer units first: "ms" also ends with "s".
    let units = [("ms", 1e-3), ("us", 1e-6), ("min", 60.0), ("s", 1.0)];
    let (number, scale) =
        units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))?;
    let number: f64 = number.trim_end().parse().ok()?;
    Duration::try_from_secs_f64(number * scale).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Settings {
        #[serde(with = "super")]
        pause: Duration,
        #[serde(default, with = "super::optional")]
        limit: Option<Duration>,
    }

    fn read(pause: &Value) -> Result<Duration, serde_json::Error> {
        Settings::deserialize(&json!({ "pause": pause })).map(|settings| settings.pause)
    }

    #[test]
    fn a_duration_is_read_as_people_and_as_programs_write_it() {
        for (written, millis) in [
            (json!("250ms"), 250),
            (json!("1.5s"), 1_500),
            (json!(" 3 s "), 3_000),
            (json!("2min"), 120_000),
            (json!("2000us"), 2),
            (json!(3), 3_000),
            (json!(0.25), 250),
            (json!({ "secs": 1, "nanos": 500_000_000 }), 1_500),
        ] {
            assert_eq!(read(&written).unwrap(), Duration::from_millis(millis), "{written}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_is() {
        for wrong in [json!("3"), json!("soon"), json!("-1s"), json!(-1), json!(-0.5), json!([1])] {
            let told = read(&wrong).unwrap_err().to_string();
            assert!(told.ends_with("or a number of seconds"), "{wrong}: {told}");
        }
        for wrong in [json!("infs"), json!("nans"), json!("1e99s"), json!({ "secs": 1 })] {
            read(&wrong).unwrap_err();
        }
    }

    #[test]
    fn a_duration_may_be_left_out_or_taken_away() {
        for (written, limit) in [
            (json!({ "pause": 1 }), None),
            (json!({ "pause": 1, "limit": null }), None),
            (json!({ "pause": 1, "limit": "2s" }), Some(Duration::from_secs(2))),
        ] {
            assert_eq!(serde_json::from_value::<Settings>(written).unwrap().limit, limit);
        }
    }
}
