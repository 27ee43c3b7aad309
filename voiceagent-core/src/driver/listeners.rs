use std::collections::BTreeMap;

use tokio::sync::oneshot;

/// Who waits until something was heard. There are no more than requests that the session has taken
/// in: it answers each of them, those that it refuses at once.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    waiting: BTreeMap<u64, oneshot::Sender<bool>>,
    last: u64,
}

impl Listeners {
    /// Takes in somebody who waits, under a number that is used once.
    pub(super) fn add(&mut self, listener: oneshot::Sender<bool>) -> u64 {
        self.last += 1;
        self.waiting.insert(self.last, listener);
        self.last
    }

    pub(super) fn tell(&mut self, ticket: u64, heard: bool) {
        if let Some(listener) = self.waiting.remove(&ticket) {
            // Whoever has gone does not want to know.
            let _ = listener.send(heard);
        }
    }
}
