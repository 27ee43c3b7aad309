//! What a voice tells of its audio.

use proptest::prelude::*;
use voiceagent_core::{GenerationId, session::Input};

/// Texts that are complete, or were continued by another voice.
pub(super) fn told(
    generation: impl Strategy<Value = GenerationId>,
) -> impl Strategy<Value = Input> {
    let place = (0_u32..3, prop::option::of(0_u32..40));
    (generation, place).prop_map(|(generation, (texts, bytes))| match bytes {
        Some(bytes) => Input::SynthesisContinued { generation, texts, bytes, again: bytes / 5 },
        None => Input::SynthesisSpoken { generation, texts },
    })
}
