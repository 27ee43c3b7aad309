//! What the tests of the codecs of speech-to-speech models share.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    ErrorKind, Secret,
    audio::{AudioFormat, AudioFrame, MediaTime},
    realtime::RealtimeInput,
};

use super::codec::{Out, RealtimeCodec};
use crate::wire::{fixture, secrets::Secrets};

/// As long as those of a phone.
const FRAME: Duration = Duration::from_millis(20);

/// Checks that a field that is `null` counts as one that is missing, and names those that must be
/// there.
pub(crate) fn needed<C: RealtimeCodec>(
    codec: impl Fn() -> C,
    messages: &[&str],
) -> BTreeSet<String> {
    let secrets = Secrets::new([&Secret::new("sk-12345")]);
    fixture::needed(messages, |messages, changed| {
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

/// Checks that a frame without audio is not sent: vendors refuse it, or take it for an end.
pub(crate) fn an_empty_frame_is_not_sent(mut codec: impl RealtimeCodec, format: AudioFormat) {
    let frame = |audio| RealtimeInput::Audio(AudioFrame::new(format, MediaTime(0), audio));
    let mut out = Out::default();
    codec.take(frame(Bytes::new()), &mut out);
    assert!(out.audio.is_empty() && out.messages.is_empty(), "{out:?}");
    codec.take(frame(vec![0; format.bytes_in(FRAME)].into()), &mut out);
    assert!(!out.audio.is_empty() || !out.messages.is_empty(), "some audio is sent");
}
