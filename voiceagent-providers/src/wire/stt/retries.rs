use std::time::Duration;

use voiceagent_core::{Error, Result, Retry};

use crate::wire::backoff::Backoff;

/// Five tries, within 6 s at most plus the time that each of them takes.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often, and how late, audio is sent again of which the vendor has said nothing.
#[derive(Debug)]
pub(crate) struct Retries(Backoff);

impl Retries {
    pub(crate) fn new() -> Self {
        Self(Backoff::new(FIRST_WAIT, LONGEST_WAIT, TRIES, Backoff::random_seed()))
    }

    /// How long to wait after a loss.
    ///
    /// # Errors
    ///
    /// The loss itself, when another try is of no use, or there were enough.
    pub(crate) fn after(&mut self, lost: Error) -> Result<Duration> {
        let asked = match lost.retry() {
            Retry::Never => return Err(lost),
            Retry::After(wait) => wait,
            Retry::Now => Duration::ZERO,
        };
        let Some(wait) = self.0.next_wait() else { return Err(lost) };
        // Nobody waits longer for one voice than a caller does.
        Ok(wait.max(asked.min(LONGEST_WAIT)))
    }

    /// The vendor has proved to be well.
    pub(crate) const fn reset(&mut self) {
        self.0.reset();
    }
}
