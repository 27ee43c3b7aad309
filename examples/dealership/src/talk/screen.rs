use tokio::sync::mpsc;
use voiceagent_core::{CallTime, Event};

use super::wire;

/// How many notes may wait for the page. Beyond that they are dropped: they only inform.
const QUEUE: usize = 64;

/// Shows what happens in a call beside the conversation: tools at work, latency.
///
/// Give it each event of the call. It never holds the call up.
#[derive(Clone, Debug)]
pub struct Screen {
    notes: mpsc::Sender<String>,
}

impl Screen {
    pub(super) fn new() -> (Self, mpsc::Receiver<String>) {
        let (notes, shown) = mpsc::channel(QUEUE);
        (Self { notes }, shown)
    }

    /// Shows an event. It is dropped when the page does not keep up, or has gone.
    pub fn show(&self, at: CallTime, event: &Event) {
        if let Ok(note) = wire::event(at, event) {
            // A note that nobody sees is not worth waiting for.
            let _ = self.notes.try_send(note);
        }
    }
}
