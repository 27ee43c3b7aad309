use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// What was found of a row.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    pub(crate) row: u8,
    pub(crate) state: State,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) figure: String,
    /// The day of the measurement: year, month, day.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) date: String,
    /// Why it is red, or not measured; or what bounds a figure that is green.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) why: String,
}

/// Whether a row holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Green,
    Red,
    NotMeasured,
}

impl State {
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "**red**",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Measured {
    /// What this entry does not say, or says without having it.
    pub(crate) fn gaps(&self) -> Vec<&'static str> {
        let mut gaps = Vec::new();
        if self.state == State::NotMeasured {
            if !self.figure.is_empty() || !self.date.is_empty() {
                gaps.push("it has a figure or a day, and is called not measured");
            }
        } else {
            if self.figure.is_empty() {
                gaps.push("the figure is missing");
            }
            if self.date.parse::<Date>().is_err() {
                gaps.push("the day is missing");
            }
        }
        if self.state != State::Green && self.why.is_empty() {
            gaps.push("the reason is missing");
        }
        gaps
    }
}

/// # Errors
///
/// When the text is not a list of entries.
pub(crate) fn read(text: &str) -> Result<Vec<Measured>, Failure> {
    Ok(serde_json::from_str(text)?)
}

/// # Errors
///
/// When an entry cannot be written as JSON.
pub(crate) fn written(measured: &[Measured]) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(measured)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_were_written() {
        let text = r#"[{"row":1,"state":"not_measured","why":"no time"}]"#;
        let entries = read(text).unwrap();
        assert_eq!(read(&written(&entries).unwrap()).unwrap(), entries);
        assert!(read(r#"[{"row":1,"state":"splendid"}]"#).is_err());
    }
}
