//! What models that hear and speak over a WebSocket have in common.

mod codec;
mod conversation;

pub(crate) use codec::{Out, RealtimeCodec};
pub(crate) use conversation::{CAPACITY, Conversation, Settings};
