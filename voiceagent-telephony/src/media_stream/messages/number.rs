use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

/// A whole number, written as `7`, `"7"`, `7.0` or, where it is a rate, `"7Hz"`; `None` for
/// everything else that stands in its place, such as `""`, `-1` or `12.5`.
#[derive(Clone, Copy, Debug)]
pub(in crate::media_stream) struct Number(pub(in crate::media_stream) Option<u64>);

impl Number {
    /// Reads a number that stands in a string.
    pub(in crate::media_stream) fn parse(text: &str) -> Self {
        let text = text.trim();
        let digits = text.strip_suffix("Hz").or_else(|| text.strip_suffix("hz"));
        let digits = digits.map_or(text, str::trim_end);
        let whole = digits.split_once('.').map_or(Some(digits), |(whole, rest)| {
            rest.bytes().all(|digit| digit == b'0').then_some(whole)
        });
        Self(whole.and_then(|whole| whole.parse().ok()))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number.try_into().ok()))
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "only whole numbers within the exact range of an f64 are converted"
            )]
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
                const EXACT: f64 = 9_007_199_254_740_992.0;
                let is_whole = (0.0..EXACT).contains(&number) && number.fract() == 0.0;
                Ok(Number(is_whole.then_some(number as u64)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                Ok(Number::parse(text))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
                Ok(Number(None))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Number, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Number(None))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Number(None))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
