use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

/// A string that borrows from the message unless it was written with escapes.
///
/// serde borrows a plain `Cow` only where it is not inside an `Option`.
#[derive(Debug)]
pub(in crate::media_stream) struct Text<'a>(pub(in crate::media_stream) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// A string, or a number or a truth value as it would be written; `None` for everything else.
///
/// For fields without which a message still makes sense.
#[derive(Debug, Default, PartialEq)]
pub(in crate::media_stream) struct Loose<'a>(pub(in crate::media_stream) Option<Cow<'a, str>>);

impl<'a> Loose<'a> {
    /// This one, or else the other.
    pub(in crate::media_stream) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        fn written<E>(number: impl ToString) -> Result<Loose<'static>, E> {
            Ok(Loose(Some(Cow::Owned(number.to_string()))))
        }

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Loose<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Self::Value, E> {
                written(truth)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                written(number)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                written(number)
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                written(number)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Loose(None))
            }

            fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Loose(None))
            }

            fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<Self::Value, D::Error> {
                inside.deserialize_any(self)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Loose<'de>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
