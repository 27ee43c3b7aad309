//! What models that hear and speak over a WebSocket have in common.

mod codec;
mod conversation;
mod own_names;

pub(crate) use codec::{Out, RealtimeCodec};
pub(crate) use conversation::{CAPACITY, Conversation, Settings};
pub(crate) use own_names::OwnNames;
