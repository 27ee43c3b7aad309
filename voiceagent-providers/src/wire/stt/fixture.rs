//! What the tests of all codecs have in common.

use voiceagent_core::{ErrorKind, Secret};

use super::SttCodec;
use crate::wire::{fixture, secrets::Secrets};

/// Checks that a field that is `null` counts as one that is missing, for every field of these
/// messages that may be missing.
pub(crate) fn a_null_costs_no_more_than_a_missing_field<C: SttCodec>(
    codec: impl Fn() -> C,
    messages: &[&str],
) {
    fixture::needed(messages, |messages, at| understood(codec(), &messages[..at], &messages[at]));
}

/// What a codec tells of a message behind others; `None` if it could not read it.
fn understood<C: SttCodec>(mut codec: C, before: &[String], message: &str) -> Option<String> {
    let secrets = Secrets::new([&Secret::new("sk-12345")]);
    let mut events = Vec::new();
    for message in before {
        let _ = codec.decode(message, &secrets, &mut events);
    }
    let told = codec.decode(message, &secrets, &mut events);
    if told.as_ref().is_err_and(|error| error.kind() == ErrorKind::Protocol) {
        return None;
    }
    Some(format!("{:?} {events:?}", told.map_err(|error| error.kind())))
}
