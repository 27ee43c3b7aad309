//! What the tests of the codecs of speech-to-speech models share.

use std::collections::BTreeSet;

use voiceagent_core::{ErrorKind, Secret};

use super::codec::{Out, RealtimeCodec};
use crate::wire::{nulls, secrets::Secrets};

/// Checks that a field that is `null` counts as one that is missing, and names those that must be
/// there.
pub(crate) fn needed<C: RealtimeCodec>(
    codec: impl Fn() -> C,
    messages: &[&str],
) -> BTreeSet<String> {
    let secrets = Secrets::new([&Secret::new("sk-12345")]);
    nulls::needed(messages, |messages, changed| {
        let (mut codec, mut out, mut ends) = (codec(), Out::default(), Vec::new());
        for (at, message) in messages.iter().enumerate() {
            let decoded = codec.decode(message, &secrets, &mut out);
            let end = decoded.map_err(|error| error.kind());
            if at == changed && matches!(end, Err(ErrorKind::Protocol)) {
                return None;
            }
            ends.push(end);
        }
        let state = (codec.is_ready(), codec.owes(), codec.is_idle());
        Some(format!("{ends:?} {out:?} {state:?}"))
    })
}
