//! Durations as people write them.

use std::time::Duration;

/// In microseconds.
const UNITS: [(&str, f64); 4] = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("min", 60e6)];

/// Reads `250ms`, `1.5s`, `2min` or `300us`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let refuse = || format!("`{text}` is no duration; write it like 250ms, 1.5s or 2min");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(refuse)?;
    let (number, unit) = text.split_at(split);
    let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
    let number: f64 = number.trim().parse().map_err(|_| refuse())?;
    let seconds = number * micros / 1e6;
    let rounded = Duration::try_from_secs_f64(seconds).map_err(|_| refuse())?;
    Ok(Duration::from_micros(
        u64::try_from((rounded.as_nanos() + 500) / 1_000).map_err(|_| refuse())?,
    ))
}

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("0.3s"), Ok(Duration::from_millis(300)));
        assert_eq!(parse("2 min"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("20us"), Ok(Duration::from_micros(20)));
        for wrong in ["250", "ms", "1h", "-1s", "1e99s", ""] {
            assert!(parse(wrong).unwrap_err().contains("250ms"), "{wrong}");
        }
    }
}
