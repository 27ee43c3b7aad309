//! What models that hear and speak over a WebSocket have in common.

mod codec;
mod conversation;
#[cfg(test)]
pub(crate) mod fixture;
mod lost_calls;
mod own_names;

pub(crate) use codec::{Out, RealtimeCodec};
pub(crate) use conversation::{Conversation, Settings};
pub(crate) use lost_calls::{LostCalls, STILL_RUNS, result};
pub(crate) use own_names::OwnNames;

/// What stands before a text that a model is to say as it is.
pub(crate) const WORD_FOR_WORD: &str = "Now say exactly this, word for word, and nothing else:";
