use std::time::Duration;

use voiceagent_core::{Error, ErrorKind, Result, Retry};

use crate::wire::backoff::Backoff;

/// Five tries, within 6 s at most plus the time that each of them takes, and what a vendor asks for
/// in addition.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How often, and how late, audio is sent again of which the vendor has said nothing.
#[derive(Debug)]
pub(crate) struct Retries {
    backoff: Backoff,
    /// How long a vendor may ask to be left alone, and how much of that is left.
    patience: Duration,
    left: Duration,
    settles: bool,
    /// Stalls since the vendor last proved to be well.
    stalls: u32,
}

impl Retries {
    /// A vendor that asks to be left alone for longer than `patience` is given up; `settles`: what
    /// it has understood becomes a final then.
    pub(crate) fn new(patience: Duration, settles: bool) -> Self {
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, TRIES, Backoff::random_seed());
        Self { backoff, patience, left: patience, settles, stalls: 0 }
    }

    /// Whoever takes the stream over has another patience, and hears the audio again, or not.
    pub(crate) const fn adopt(&mut self, patience: Duration, replays: bool) {
        (self.patience, self.left, self.settles) = (patience, patience, !replays);
    }

    /// Whether what was understood becomes a final when the vendor is given up.
    pub(crate) const fn settles(&self) -> bool {
        self.settles
    }

    /// How long to wait after a loss: never less than the vendor asks for.
    ///
    /// # Errors
    ///
    /// The loss itself, when another try is of no use, there were enough, or the vendor asks for
    /// more patience than there is.
    pub(crate) fn after(&mut self, lost: Error) -> Result<Duration> {
        self.stalls += u32::from(lost.kind() == ErrorKind::Stalled);
        if lost.retry() == Retry::Never {
            return Err(lost);
        }
        let asked = lost.retry_after().unwrap_or_default();
        let (Some(left), Some(wait)) = (self.left.checked_sub(asked), self.backoff.next_wait())
        else {
            return Err(lost);
        };
        self.left = left;
        Ok(match lost.retry() {
            Retry::After(least) => wait.max(least),
            Retry::Never | Retry::Now => wait.max(asked),
        })
    }

    /// How many times as long as usual to wait for the first words. A stall that the next connection
    /// repeats may be noise, of which a vendor that is well says nothing: each further one is
    /// believed twice as long as the one before.
    pub(crate) const fn belief(&self) -> u32 {
        let doubled = self.stalls.saturating_sub(1);
        1 << if doubled < TRIES { doubled } else { TRIES }
    }

    /// The vendor has proved to be well.
    pub(crate) const fn reset(&mut self) {
        self.stalls = 0;
        self.backoff.reset();
        self.left = self.patience;
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::ErrorKind;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limited(wait: Duration) -> Error {
        Error::new(ErrorKind::RateLimited, "connect", "slow down").with_retry_after(wait)
    }

    #[test]
    fn rc8_a_vendor_is_not_asked_sooner_than_it_said() {
        let mut retries = Retries::new(5 * SECOND, true);
        assert_eq!(retries.after(limited(3 * SECOND)).unwrap(), 3 * SECOND);
        assert_eq!(retries.after(limited(2 * SECOND)).unwrap(), 2 * SECOND);
        let given_up = retries.after(limited(SECOND)).unwrap_err();
        assert_eq!(given_up.retry_after(), Some(SECOND), "5 s were waited");
        retries.reset();
        assert_eq!(retries.after(limited(5 * SECOND)).unwrap(), 5 * SECOND);
    }

    #[test]
    fn rc8_a_vendor_that_asks_for_too_much_is_given_up_at_once_with_what_it_asked_for() {
        let mut retries = Retries::new(2 * SECOND, true);
        let given_up = retries.after(limited(60 * SECOND)).unwrap_err();
        assert_eq!(given_up.kind(), ErrorKind::RateLimited);
        assert_eq!(given_up.retry_after(), Some(60 * SECOND));
    }

    #[test]
    fn one_that_asks_for_nothing_is_tried_five_times_whatever_the_patience() {
        for kind in [ErrorKind::Disconnected, ErrorKind::Overloaded] {
            let mut retries = Retries::new(Duration::ZERO, true);
            for _ in 0..TRIES {
                assert!(retries.after(Error::new(kind, "read", "lost")).unwrap() <= LONGEST_WAIT);
            }
            assert!(retries.after(Error::new(kind, "read", "lost")).is_err());
        }
    }

    #[test]
    fn a_stall_that_is_repeated_is_waited_for_twice_as_long_each_time() {
        let mut retries = Retries::new(Duration::ZERO, true);
        let mut beliefs = vec![retries.belief()];
        for kind in [ErrorKind::Stalled, ErrorKind::Stalled, ErrorKind::Disconnected] {
            retries.after(Error::new(kind, "read", "lost")).unwrap();
            beliefs.push(retries.belief());
        }
        retries.after(Error::new(ErrorKind::Stalled, "read", "lost")).unwrap();
        beliefs.push(retries.belief());
        assert_eq!(beliefs, [1, 1, 2, 2, 4]);
        retries.reset();
        assert_eq!(retries.belief(), 1);
    }

    #[test]
    fn rc8_who_takes_the_stream_over_says_how_patient_it_is() {
        let mut retries = Retries::new(5 * SECOND, true);
        retries.adopt(2 * SECOND, true);
        assert!(!retries.settles() && retries.after(limited(3 * SECOND)).is_err());
    }

    #[test]
    fn what_would_fail_again_is_not_tried_again() {
        let refused = Error::new(ErrorKind::Unauthorized, "connect", "the key is refused");
        assert!(Retries::new(SECOND, true).after(refused).is_err());
    }
}
