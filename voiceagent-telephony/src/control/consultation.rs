use voiceagent_core::{CallId, Result};

use crate::random::random_name;

/// A warm transfer in the making: the caller is with the agent, and a colleague waits in a room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Consultation {
    caller: CallId,
    colleague: CallId,
    room: String,
}

impl Consultation {
    pub(super) const fn new(caller: CallId, colleague: CallId, room: String) -> Self {
        Self { caller, colleague, room }
    }

    /// The call that is to be handed on.
    #[must_use]
    pub const fn caller(&self) -> &CallId {
        &self.caller
    }

    /// The call to the colleague.
    #[must_use]
    pub const fn colleague(&self) -> &CallId {
        &self.colleague
    }

    /// The conference in which they meet.
    #[must_use]
    pub fn room(&self) -> &str {
        &self.room
    }

    /// A name that no other consultation has, also none of the same caller, of characters that all
    /// carriers take.
    pub(super) fn new_room() -> Result<String> {
        Ok(format!("transfer-{}", random_name("consult")?))
    }
}
