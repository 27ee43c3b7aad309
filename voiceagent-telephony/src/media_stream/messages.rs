//! The messages of media streams, as any carrier writes them.
//!
//! Fields borrow from the message, since 50 of them arrive each second for each call. Identifiers
//! are read under each carrier's name for them and numbers as numbers or strings: carriers differ
//! in just that. Unknown fields are ignored.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, de};

#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(rename = "streamSid", borrow, default)]
    pub(super) stream_sid: Option<Text<'a>>,
    /// Exotel's spelling.
    #[serde(rename = "stream_sid", borrow, default)]
    pub(super) snake_stream_sid: Option<Text<'a>>,
    /// Telnyx's and Plivo's spellings.
    #[serde(alias = "stream_id", rename = "streamId", borrow, default)]
    pub(super) stream_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) media: Option<Media<'a>>,
    #[serde(borrow, default)]
    pub(super) start: Option<Start<'a>>,
    #[serde(borrow, default)]
    pub(super) mark: Option<Mark<'a>>,
    /// The name of a mark, where it is not inside one.
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) dtmf: Option<Dtmf<'a>>,
    /// A key, where it is not inside `dtmf`.
    #[serde(borrow, default)]
    pub(super) digit: Option<Text<'a>>,
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
    #[serde(alias = "call_sid", rename = "callSid", borrow, default)]
    pub(super) call_sid: Option<Text<'a>>,
    /// Telnyx's name for a call.
    #[serde(borrow, default)]
    pub(super) call_control_id: Option<Text<'a>>,
    /// Plivo's name for a call.
    #[serde(rename = "callId", borrow, default)]
    pub(super) call_id: Option<Text<'a>>,
    #[serde(alias = "account_sid", alias = "accountId", rename = "accountSid", borrow, default)]
    pub(super) account: Option<Text<'a>>,
    #[serde(rename = "streamSid", borrow, default)]
    pub(super) stream_sid: Option<Text<'a>>,
    #[serde(rename = "stream_sid", borrow, default)]
    pub(super) snake_stream_sid: Option<Text<'a>>,
    #[serde(alias = "stream_id", rename = "streamId", borrow, default)]
    pub(super) stream_id: Option<Text<'a>>,
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

/// A key, in an object or, with jambonz, bare.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Dtmf<'a> {
    Bare(#[serde(borrow)] Text<'a>),
    Inside {
        #[serde(borrow)]
        digit: Text<'a>,
    },
}

/// How jambonz greets: without the name of an event, and with what the `listen` verb adds beside
/// what is known about the call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listen {
    pub(super) call_sid: String,
    pub(super) account_sid: Option<String>,
    pub(super) sample_rate: Number,
    pub(super) mix_type: Option<String>,
    #[serde(flatten)]
    pub(super) others: BTreeMap<String, serde_json::Value>,
}

/// What Plivo adds to a start: `name=value` pairs between semicolons or commas.
///
/// A message of its own, since Plivo repeats it in each piece of audio, where nobody reads it.
#[derive(Debug, Deserialize)]
pub(super) struct ExtraHeaders<'a> {
    #[serde(borrow, default)]
    pub(super) extra_headers: Option<Text<'a>>,
}

/// How Vonage greets: the headers of the NCCO stand beside the format, or in an object.
#[derive(Debug, Deserialize)]
pub(super) struct Connected<'a> {
    #[serde(rename = "content-type", borrow)]
    pub(super) content_type: Text<'a>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, serde_json::Value>,
    #[serde(flatten)]
    pub(super) others: BTreeMap<String, serde_json::Value>,
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
