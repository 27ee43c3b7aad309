use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rsipstack::dialog::DialogId;
use tokio::sync::mpsc;

use super::keypad::Order;

/// The calls that have been answered, by their names, so that others can take their place.
///
/// Their legs and the task that receives new calls share it; each use of the lock is one step.
#[derive(Default)]
pub(super) struct Switchboard(Mutex<HashMap<DialogId, mpsc::Sender<Order>>>);

impl Switchboard {
    /// Lists a call, until what is returned is dropped.
    pub(super) fn list(self: &Arc<Self>, call: DialogId, orders: mpsc::Sender<Order>) -> Listed {
        self.lock().insert(call.clone(), orders);
        Listed { call, board: Arc::clone(self) }
    }

    pub(super) fn find(&self, call: &DialogId) -> Option<mpsc::Sender<Order>> {
        self.lock().get(call).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DialogId, mpsc::Sender<Order>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switchboard").field("calls", &self.lock().len()).finish()
    }
}

/// A call that is listed.
#[derive(Debug)]
pub(super) struct Listed {
    call: DialogId,
    board: Arc<Switchboard>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.board.lock().remove(&self.call);
    }
}
