use std::time::Duration;

use voiceagent_core::{Error, Retry};

use crate::wire::backoff::Backoff;

/// A reply can wait for two more tries, but for no longer.
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// How often, and how late, a text that nobody heard is said again.
#[derive(Debug)]
pub(crate) struct Patience(Backoff);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(Backoff::new(FIRST_WAIT, LONGEST_WAIT, TRIES, Backoff::random_seed()))
    }

    /// How long to wait after a loss; `None` when there were enough, and for the next one all
    /// begins anew.
    pub(crate) fn next_wait(&mut self, lost: &Error) -> Option<Duration> {
        let Some(wait) = self.0.next_wait() else {
            self.0.reset();
            return None;
        };
        let asked = match lost.retry() {
            Retry::After(wait) => wait.min(LONGEST_WAIT),
            Retry::Never | Retry::Now => Duration::ZERO,
        };
        Some(wait.max(asked))
    }

    /// The vendor has proved to be well.
    pub(crate) const fn reset(&mut self) {
        self.0.reset();
    }
}
