//! Bytes as base64 text, for `#[serde(with = "…")]`.

use std::borrow::Cow;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode_to_string(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
    STANDARD.decode_to_vec(text.as_bytes()).map(Bytes::from).map_err(D::Error::custom)
}
