//! The far end holds the call: nobody hears the agent, and nobody is waited for.

use super::Session;
use crate::transport::Outbound;

impl Session {
    /// The far end puts the call on hold, or takes it back. What was not heard by then is taken back
    /// as for a pause, and leaves when the hold is over.
    pub(super) fn on_held(&mut self, held: bool) {
        if held == self.pausing.on_hold {
            return;
        }
        self.pausing.on_hold = held;
        // Whoever does that is there, and has as much time afterwards as anybody.
        self.idle.on_words();
        if !held || !self.config.clear || !self.output.can_rewind(self.now) {
            return;
        }
        if let Some(live) = &mut self.live {
            live.move_on(self.output.rewind(self.now));
            self.send(Outbound::Clear);
        }
    }
}
