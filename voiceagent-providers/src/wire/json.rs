//! What is read from vendors' JSON, and written into it.

use std::borrow::Cow;
use std::time::Duration;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use voiceagent_core::{Error, ErrorKind, Result};

/// Reads a message.
///
/// # Errors
///
/// `Protocol`, with the place but without the text: it could repeat what somebody said.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str, provider: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|wrong| {
        let place = format!("unreadable message at column {}", wrong.column());
        Error::new(ErrorKind::Protocol, "decode", place).with_provider(provider)
    })
}

/// Whether a text is an object, and nothing but one.
pub(crate) fn is_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Writes a message, which is a struct of texts and numbers.
pub(crate) fn write(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("texts and numbers are always JSON")
}

/// A text of the vendor, borrowed where it has no escapes. Unlike a bare `Cow`, also within an
/// `Option`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A field that is `null`, which some servers write in place of leaving it out.
///
/// # Errors
///
/// What is wrong with any other value.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> std::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An object beside the answer, such as what it cost. One of a form that nobody knows counts as one
/// that is missing: the answer is worth more.
///
/// # Errors
///
/// What is no JSON.
pub(crate) fn if_readable<'de, D, T>(deserializer: D) -> std::result::Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw: Option<&RawValue> = Option::deserialize(deserializer)?;
    // An array would be read as the fields in their order, which are not the vendor's.
    let object = raw.map(RawValue::get).filter(|raw| raw.starts_with('{'));
    Ok(object.and_then(|raw| serde_json::from_str(raw).ok()))
}

/// As [`null_as_default`], for a text that is borrowed where it has no escapes.
///
/// # Errors
///
/// What is no text.
pub(crate) fn null_as_empty<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Cow<'a, str>, D::Error> {
    let text: Option<Text<'a>> = Option::deserialize(deserializer)?;
    Ok(text.map(|text| text.0).unwrap_or_default())
}

/// A message around audio in base64, which needs no escapes.
pub(crate) fn around_base64(head: &str, audio: &[u8], tail: &str) -> String {
    let length = head.len() + audio.len().div_ceil(3) * 4 + tail.len();
    let mut message = String::with_capacity(length);
    message.push_str(head);
    STANDARD.encode_append(audio, &mut message);
    message.push_str(tail);
    message
}

/// Reads audio in base64.
///
/// # Errors
///
/// `Protocol` for what is none.
pub(crate) fn read_base64(text: &str, provider: &'static str) -> Result<Bytes> {
    STANDARD.decode_to_vec(text).map(Bytes::from).map_err(|_| {
        Error::new(ErrorKind::Protocol, "decode", "unreadable audio").with_provider(provider)
    })
}

/// Seconds on the vendor's clock; nonsense counts as zero.
pub(crate) fn seconds(seconds: f64) -> Duration {
    // No connection lives so long, and sums of such times cannot overflow.
    const LONGEST: f64 = 7.0 * 86_400.0;
    if (0.0..=LONGEST).contains(&seconds) {
        Duration::from_secs_f64(seconds)
    } else {
        Duration::ZERO
    }
}

/// Milliseconds on the vendor's clock; nonsense counts as zero.
pub(crate) fn milliseconds(milliseconds: f64) -> Duration {
    seconds(milliseconds / 1_000.0)
}
