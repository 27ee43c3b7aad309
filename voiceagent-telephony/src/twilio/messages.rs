//! The messages of Media Streams, as Twilio writes them ("Media Streams: WebSocket messages").
//!
//! Fields borrow from the message, since 50 of them arrive each second for each call. Identifiers
//! are read under both spellings and numbers as numbers or strings: compatible carriers differ in
//! just that. Unknown fields are ignored.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, de};

#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(alias = "stream_sid", rename = "streamSid", borrow, default)]
    pub(super) stream: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) media: Option<Media<'a>>,
    #[serde(borrow, default)]
    pub(super) start: Option<Start<'a>>,
    #[serde(borrow, default)]
    pub(super) mark: Option<Mark<'a>>,
    #[serde(borrow, default)]
    pub(super) dtmf: Option<Dtmf<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Media<'a> {
    #[serde(borrow, default)]
    pub(super) track: Option<Text<'a>>,
    #[serde(default)]
    pub(super) chunk: Option<Number>,
    #[serde(default)]
    pub(super) timestamp: Option<Number>,
    #[serde(borrow)]
    pub(super) payload: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Start<'a> {
    #[serde(alias = "call_sid", rename = "callSid", borrow)]
    pub(super) call: Text<'a>,
    #[serde(alias = "account_sid", rename = "accountSid", borrow, default)]
    pub(super) account: Option<Text<'a>>,
    #[serde(alias = "stream_sid", rename = "streamSid", borrow, default)]
    pub(super) stream: Option<Text<'a>>,
    #[serde(alias = "media_format", rename = "mediaFormat", borrow, default)]
    pub(super) format: Option<Format<'a>>,
    #[serde(alias = "custom_parameters", rename = "customParameters", default)]
    pub(super) parameters: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Format<'a> {
    #[serde(borrow)]
    pub(super) encoding: Text<'a>,
    #[serde(alias = "sample_rate", rename = "sampleRate", default)]
    pub(super) sample_rate: Option<Number>,
    #[serde(default)]
    pub(super) channels: Option<Number>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Mark<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dtmf<'a> {
    #[serde(borrow)]
    pub(super) digit: Text<'a>,
}

/// A string that borrows from the message unless it was written with escapes.
///
/// serde borrows a plain `Cow` only where it is not inside an `Option`.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

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

/// A number, written as `7` or as `"7"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub(super) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or one in a string")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
