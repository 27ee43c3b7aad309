//! Who waits until something was heard.

use std::sync::Arc;

use super::{Command, Session, generation::Ticket};

impl Session {
    pub(super) fn say_until_heard(&mut self, text: Arc<str>, interruptible: bool, ticket: Ticket) {
        self.tickets.push(ticket);
        self.say_for(Some(ticket), text, interruptible);
    }

    /// All of it was heard.
    pub(super) fn redeem(&mut self, Ticket(ticket): Ticket) {
        self.tickets.retain(|waiting| waiting.0 != ticket);
        self.commands.push_back(Command::Said { ticket, heard: true });
    }

    /// Nobody waits for what will not be said any more, whatever the reason.
    pub(super) fn settle_tickets(&mut self) {
        if self.tickets.is_empty() {
            return;
        }
        let queued = self.says.iter().filter_map(|say| say.ticket);
        let live = self.live.iter().flat_map(|live| {
            let aside = live.aside.as_ref().and_then(|aside| aside.ticket);
            live.ticket.into_iter().chain(aside)
        });
        let alive: Vec<Ticket> = queued.chain(live).collect();
        for Ticket(ticket) in self.tickets.extract_if(.., |ticket| !alive.contains(ticket)) {
            self.commands.push_back(Command::Said { ticket, heard: false });
        }
    }
}
