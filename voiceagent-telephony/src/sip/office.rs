use std::sync::{Arc, OnceLock, Weak};

use rsipstack::dialog::dialog_layer::DialogLayer;
use tokio::sync::Semaphore;

use super::{
    SipConfig,
    addresses::Addresses,
    incoming::Stack,
    ports::Ports,
    reach::{SipNeighbor, SipReach},
    streams::Streams,
    switchboard::Switchboard,
};

/// What all calls of a server share, those that come in and those that go out.
pub(super) struct Office {
    pub(super) config: Arc<SipConfig>,
    pub(super) addresses: Addresses,
    /// As many as there may be calls.
    pub(super) calls: Arc<Semaphore>,
    pub(super) dialogs: Arc<DialogLayer>,
    pub(super) ports: Arc<Ports>,
    pub(super) streams: Streams,
    pub(super) board: Arc<Switchboard>,
    /// Gone with the server and the last of its calls.
    pub(super) stack: Weak<Stack>,
    /// Asked whether the application has room for a call, where it says so.
    pub(super) room: OnceLock<Room>,
    /// Who is asked whether they are there.
    pub(super) neighbors: Vec<SipNeighbor>,
}

/// Whether there is room for one more call.
pub(super) type Room = Box<dyn Fn() -> bool + Send + Sync>;

impl Office {
    /// Whether the application takes one more call.
    pub(super) fn has_room(&self) -> bool {
        self.room.get().is_none_or(|has_room| has_room())
    }

    /// Whether the trunk was asked whether it is there, and is not.
    pub(super) fn has_lost_trunk(&self) -> bool {
        let trunk = self.neighbors.iter().find(|neighbor| neighbor.is_trunk());
        trunk.is_some_and(|trunk| *trunk.reach.borrow() == SipReach::Unreachable)
    }
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
