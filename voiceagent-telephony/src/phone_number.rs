//! Phone numbers.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer};
use voiceagent_core::{Error, ErrorKind, Private, Result};

/// A phone number in the international form of ITU-T E.164: `+`, then 7 to 15 digits, the first of
/// them not zero.
///
/// It prints as `[private]`. Separators that people write (spaces, dashes, dots, brackets) are
/// dropped; national and short numbers, `sip:` and `client:` addresses are refused.
///
/// ```
/// use voiceagent_telephony::PhoneNumber;
///
/// let number: PhoneNumber = "+1 (415) 555-0100".parse()?;
/// assert_eq!(number.as_str(), "+14155550100");
/// assert_eq!(format!("{number:?}"), "[private]");
/// assert!("0415 5550100".parse::<PhoneNumber>().is_err());
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PhoneNumber(Arc<str>);

impl PhoneNumber {
    /// The number with its `+`, to be put on a wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number as Plivo and Vonage write it, without its `+`. Other addresses stay as they are.
pub(crate) fn bare(number: &str) -> &str {
    number.trim_start_matches('+')
}

impl FromStr for PhoneNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            Error::new(
                ErrorKind::Rejected,
                "read a phone number",
                "it must be `+` and 7 to 15 digits, such as +14155550100",
            )
        };
        let written = text.trim().strip_prefix('+').ok_or_else(refused)?;
        let mut number = String::with_capacity(16);
        number.push('+');
        for character in written.chars() {
            match character {
                '0'..='9' => number.push(character),
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return Err(refused()),
            }
        }
        let digits = number.len() - 1;
        if !(7..=15).contains(&digits) || number.as_bytes()[1] == b'0' {
            return Err(refused());
        }
        Ok(Self(number.into()))
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl From<PhoneNumber> for Private {
    fn from(number: PhoneNumber) -> Self {
        Self::new(number.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_international_numbers_are_taken() {
        for good in
            ["+14155550100", "+49 30 901820", "+442079460000", "+1234567", " +1.415.5550100 "]
        {
            assert!(good.parse::<PhoneNumber>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "+",
            "14155550100",
            "0014155550100",
            "+0155550100",
            "+123456",
            "+1234567890123456",
            "+1415555O100",
            "+1415+5550100",
            "anonymous",
            "client:alice",
            "sip:a@b.example",
            "+١٤١٥٥٥٥٠١٠٠",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_the_number() {
        let error = "555 0100 77".parse::<PhoneNumber>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("0100 77"));
    }
}
