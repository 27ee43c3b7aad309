use std::time::Duration;

use voiceagent_core::{Error, Retry};

use crate::wire::backoff::Backoff;

/// A reply can wait for two more tries, but for no longer.
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// The longest that a vendor may ask to be left alone: a chain of voices gives up after 1.5 s
/// without a sound.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often, and how late, a text that nobody heard is said again.
#[derive(Debug)]
pub(crate) struct Patience(Backoff);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(Backoff::new(FIRST_WAIT, LONGEST_WAIT, TRIES, Backoff::random_seed()))
    }

    /// How long to wait after a loss, and never less than the vendor asks for; `None` when there
    /// were enough or it asks for too much, and for the next one all begins anew.
    pub(crate) fn next_wait(&mut self, lost: &Error) -> Option<Duration> {
        let asked = match lost.retry() {
            Retry::After(wait) => wait,
            Retry::Never | Retry::Now => Duration::ZERO,
        };
        let wait = self.0.next_wait().filter(|_| asked <= PATIENCE);
        if wait.is_none() {
            self.0.reset();
        }
        wait.map(|wait| wait.max(asked))
    }

    /// The vendor has proved to be well.
    pub(crate) const fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::ErrorKind;

    use super::*;

    fn limited(millis: u64) -> Error {
        let wait = Duration::from_millis(millis);
        Error::new(ErrorKind::RateLimited, "speak", "slow down").with_retry_after(wait)
    }

    #[test]
    fn a_voice_is_not_asked_sooner_than_it_said_and_given_up_if_that_is_too_late() {
        let mut patience = Patience::new();
        assert_eq!(patience.next_wait(&limited(900)), Some(Duration::from_millis(900)));
        assert_eq!(patience.next_wait(&limited(1_001)), None);
    }

    #[test]
    fn a_text_is_tried_three_times_and_the_next_one_as_often() {
        let lost = Error::new(ErrorKind::Disconnected, "read", "lost");
        let mut patience = Patience::new();
        for _ in 0..2 {
            for _ in 0..TRIES {
                assert!(patience.next_wait(&lost).is_some_and(|wait| wait <= LONGEST_WAIT));
            }
            assert_eq!(patience.next_wait(&lost), None);
        }
    }
}
