use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::sleep;
use tracing::{info, warn};
use voiceagent_core::Result;

use super::Worker;
use crate::{mail, store::Channel};

/// How often the box is looked into.
const PACE: SignedDuration = SignedDuration::from_secs(60);
/// How often it is looked whether it is this program's turn.
const PAUSE: Duration = Duration::from_secs(15);
/// By what programs take turns.
const SOURCE: &str = "inbox";

impl Worker {
    /// Reads what people answer, for as long as the program runs. A server that hangs holds up
    /// nothing else.
    pub(super) async fn read_replies(&self) {
        loop {
            if let Err(error) = self.read_in_turn().await {
                warn!(%error, "answers are not read");
            }
            sleep(PAUSE).await;
        }
    }

    async fn read_in_turn(&self) -> Result<()> {
        if self.inbox.is_some() && self.store.claim_reading(SOURCE, PACE, self.clock.now()).await? {
            self.poll_replies().await?;
        }
        Ok(())
    }

    /// Reads the letters that nobody has read, and does what follows from them. Returns how many were
    /// news; `None` without a box.
    ///
    /// # Errors
    ///
    /// When the box cannot be read, or the store cannot be written.
    ///
    /// # Cancel safety
    ///
    /// What is read twice counts once.
    pub async fn poll_replies(&self) -> Result<Option<usize>> {
        let Some(inbox) = &self.inbox else { return Ok(None) };
        let letters = inbox.unread().await?;
        let (mut news, mut numbers) = (0, Vec::new());
        for (number, letter) in &letters {
            numbers.push(*number);
            let Some(reply) = mail::read(letter) else { continue };
            let noted = self.store.note_reply((&reply, Channel::Email), self.clock.now()).await?;
            news += usize::from(noted);
        }
        inbox.mark_read(&numbers).await?;
        if news > 0 {
            info!(news, "answers were read");
        }
        Ok(Some(news))
    }
}
