//! What the tests of the codecs of voices share.

use std::{collections::BTreeSet, fmt::Debug};

use voiceagent_core::{ErrorKind, Result, Secret};

use super::context_codec::ContextCodec;
use crate::wire::{fixture, secrets::Secrets};

/// Checks that a field that is `null` counts as one that is missing, and names those that must be
/// there.
pub(crate) fn needed<C: ContextCodec>(
    codec: impl Fn() -> C,
    messages: &[&str],
) -> BTreeSet<String> {
    needed_by(messages, || {
        let mut codec = codec();
        move |message: &str, secrets: &Secrets| codec.decode(message, secrets)
    })
}

/// As [`needed`], for what reads messages in its own way.
pub(crate) fn needed_by<T: Debug, D: FnMut(&str, &Secrets) -> Result<T>>(
    messages: &[&str],
    decode: impl Fn() -> D,
) -> BTreeSet<String> {
    let secrets = Secrets::new([&Secret::new("sk-12345")]);
    fixture::needed(messages, |messages, changed| {
        let mut decode = decode();
        let mut told = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            let said = decode(message, &secrets).map_err(|error| error.kind());
            if at == changed && matches!(said, Err(ErrorKind::Protocol)) {
                return None;
            }
            told.push(said);
        }
        Some(format!("{told:?}"))
    })
}
