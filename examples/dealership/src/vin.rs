//! Vehicle identification numbers: checking them, and finding out what they stand for.

mod decoder;
mod makes;
mod vpic;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use decoder::{DecodeFault, Decoder, Source};
pub use vpic::Vpic;

/// A number of 17 characters whose check digit is right, as 49 CFR 565 asks of every vehicle sold
/// in the United States.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vin(String);

/// What is wrong with a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "length, alphabet, check digit: there is no fourth rule"
)]
pub enum VinFault {
    /// The ninth character does not fit the others; one was misheard.
    #[error("the check digit does not fit")]
    CheckDigit,
    /// I, O and Q do not occur, nor anything but letters and digits.
    #[error("{0:?} does not occur in such a number")]
    IllegalChar(char),
    /// It has this many characters instead of 17.
    #[error("it has {0} characters instead of 17")]
    Length(usize),
}

/// What a number stands for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Decoded {
    /// The model year.
    pub year: Option<i16>,
    /// The make.
    pub make: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The trim level.
    pub trim: Option<String>,
    /// The shape of the body.
    pub body_class: Option<String>,
    /// The engine.
    pub engine: Option<String>,
    /// The fuel.
    pub fuel_type: Option<String>,
    /// The country in which it was assembled.
    pub plant_country: Option<String>,
}

impl Vin {
    /// Reads a number as it was heard; spaces, dashes and the case do not matter.
    ///
    /// ```
    /// use dealership::vin::{Vin, VinFault};
    ///
    /// let vin = Vin::parse("1m8gdm9axkp042788").unwrap();
    /// assert_eq!(vin.model_year(), Some(1989));
    /// assert_eq!(Vin::parse("1M8GDM9A0KP042788"), Err(VinFault::CheckDigit));
    /// ```
    ///
    /// # Errors
    ///
    /// Which of the rules it breaks: illegal characters first, since they are also what is misheard.
    pub fn parse(heard: &str) -> Result<Self, VinFault> {
        let vin: String = heard
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if let Some(illegal) = vin.chars().find(|c| value(*c).is_none()) {
            return Err(VinFault::IllegalChar(illegal));
        }
        if vin.len() != 17 {
            return Err(VinFault::Length(vin.len()));
        }
        if vin.as_bytes()[8] != check_digit(&vin) {
            return Err(VinFault::CheckDigit);
        }
        Ok(Self(vin))
    }

    /// The number in upper case, without spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The model year. The tenth character names a year of a cycle of thirty; in cars and light
    /// trucks the seventh is a digit up to 2009 and a letter from 2010 on.
    #[must_use]
    pub fn model_year(&self) -> Option<i16> {
        const CYCLE: &str = "ABCDEFGHJKLMNPRSTVWXY123456789";
        let vin = self.0.as_bytes();
        let place = CYCLE.find(char::from(vin[9]))?;
        let first = if vin[6].is_ascii_digit() { 1980 } else { 2010 };
        Some(first + i16::try_from(place).ok()?)
    }

    /// What the number says by itself: make, model year and country.
    #[must_use]
    pub fn decode(&self) -> Decoded {
        Decoded {
            year: self.model_year(),
            make: makes::make(&self.0).map(str::to_owned),
            plant_country: makes::country(&self.0).map(str::to_owned),
            ..Decoded::default()
        }
    }
}

impl fmt::Display for Vin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The weighted sum of 49 CFR 565.15(c), modulo 11; ten is written X.
fn check_digit(vin: &str) -> u8 {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 =
        vin.chars().zip(WEIGHTS).map(|(c, weight)| value(c).unwrap_or_default() * weight).sum();
    b"0123456789X"[usize::try_from(sum % 11).expect("a remainder of 11 is small")]
}

fn value(c: char) -> Option<u32> {
    Some(match c {
        '0'..='9' => u32::from(c) - u32::from('0'),
        'A'..='H' => u32::from(c) - u32::from('A') + 1,
        'J'..='N' => u32::from(c) - u32::from('J') + 1,
        'P' => 7,
        'R' => 9,
        'S'..='Z' => u32::from(c) - u32::from('S') + 2,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_the_right_check_digit_are_accepted() {
        for vin in [
            "1M8GDM9AXKP042788",
            "11111111111111111",
            "1HGCM82633A004352",
            "5YJ3E1EA2KF317000",
            "WBA3A5C53CF256551",
            "3VV2B7AXXKM000001",
        ] {
            assert_eq!(Vin::parse(vin).unwrap().as_str(), vin);
        }
    }

    #[test]
    fn every_single_misheard_character_in_a_number_is_noticed_or_of_equal_value() {
        let right = "1HGCM82633A004352";
        for place in (0..17).filter(|place| *place != 8) {
            for other in "0123456789ABCDEFGHJKLMNPRSTUVWXYZ".chars() {
                let old = right.chars().nth(place).unwrap();
                let mut heard: Vec<char> = right.chars().collect();
                heard[place] = other;
                let heard: String = heard.into_iter().collect();
                assert_eq!(Vin::parse(&heard).is_ok(), value(old) == value(other), "{heard}");
            }
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        assert_eq!(Vin::parse("1M8GDM9A0KP042788"), Err(VinFault::CheckDigit));
        assert_eq!(Vin::parse("1M8GDM9AXKP04278"), Err(VinFault::Length(16)));
        assert_eq!(Vin::parse("1M8GDM9AXKP0427888"), Err(VinFault::Length(18)));
        assert_eq!(Vin::parse(""), Err(VinFault::Length(0)));
        assert_eq!(Vin::parse("1M8GDM9AXKPO42788"), Err(VinFault::IllegalChar('O')));
        assert_eq!(Vin::parse("1M8GDM9AXKPé42788"), Err(VinFault::IllegalChar('é')));
    }

    #[test]
    fn a_number_is_read_as_it_was_heard() {
        let vin = Vin::parse(" 1m8gd m9axk-p042788 ").unwrap();
        assert_eq!(vin.as_str(), "1M8GDM9AXKP042788");
    }

    #[test]
    fn the_seventh_character_tells_the_cycle_of_the_model_year() {
        let year = |vin| Vin::parse(vin).unwrap().model_year();
        assert_eq!(year("1M8GDM9AXKP042788"), Some(1989));
        assert_eq!(year("1HGCM82633A004352"), Some(2003));
        assert_eq!(year("2HKRW2H87KH600001"), Some(2019));
        assert_eq!(year("1FTEW1EP7MFA00001"), Some(2021));
        assert_eq!(year("2T1BURHE9EC100001"), Some(2014));
    }

    #[test]
    fn a_number_says_make_year_and_country_by_itself() {
        let civic = Vin::parse("2HGFE2F50PH500001").unwrap().decode();
        assert_eq!(civic.make.as_deref(), Some("Honda"));
        assert_eq!(civic.year, Some(2023));
        assert_eq!(civic.plant_country.as_deref(), Some("Canada"));
        assert_eq!(civic.model, None, "the model is not in the number itself");
    }
}
