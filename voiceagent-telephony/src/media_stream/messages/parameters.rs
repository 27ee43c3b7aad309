use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};

use super::Loose;

/// The parameters of a stream: an object, a list of objects with `name` and `value`, or a text
/// with pairs. Numbers are taken as they are written; what has no text, such as null and an
/// object inside, is left out.
#[derive(Debug, Default, PartialEq)]
pub(in crate::media_stream) struct Parameters(pub(in crate::media_stream) BTreeMap<String, String>);

impl Parameters {
    /// Reads the pairs of a text: JSON, or `{name: value, …}` or `name=value` between commas or
    /// semicolons, with braces or without.
    fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with('{')
            && let Ok(object) = serde_json::from_str::<BTreeMap<String, Loose<'_>>>(text)
        {
            return Self::of(object);
        }
        let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let pairs = inside.unwrap_or(text).split([';', ',']).filter_map(|pair| {
            let (name, value) = pair.split_once(['=', ':'])?;
            Some((unquoted(name).to_owned(), unquoted(value).to_owned()))
        });
        Self(pairs.filter(|(name, _)| !name.is_empty()).collect())
    }

    fn of(object: BTreeMap<String, Loose<'_>>) -> Self {
        let told = |(name, Loose(value)): (_, Loose<'_>)| Some((name, value?.into_owned()));
        Self(object.into_iter().filter_map(told).collect())
    }
}

/// Without the space and the quotes around it.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// An element of a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Element<'a> {
    Pair {
        name: String,
        #[serde(borrow, default)]
        value: Loose<'a>,
    },
    Other(IgnoredAny),
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Parameters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
                let mut object = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Loose<'de>>()? {
                    object.insert(name, value);
                }
                Ok(Parameters::of(object))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Parameters, A::Error> {
                let mut object = BTreeMap::new();
                while let Some(element) = list.next_element::<Element<'de>>()? {
                    if let Element::Pair { name, value } = element {
                        object.insert(name, value);
                    }
                }
                Ok(Parameters::of(object))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Parameters, E> {
                Ok(Parameters::parse(text))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Parameters, E> {
                Ok(Parameters::default())
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<Parameters, E> {
                Ok(Parameters::default())
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Parameters, E> {
                Ok(Parameters::default())
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Parameters, E> {
                Ok(Parameters::default())
            }

            fn visit_unit<E: de::Error>(self) -> Result<Parameters, E> {
                Ok(Parameters::default())
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
