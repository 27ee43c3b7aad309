use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, ErrorKind};

/// The longest that one who fails again and again is left alone.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// How often in a row something may happen that can be the fault of one request, until it is taken
/// for a failure of the one who was asked.
const STRIKES: u32 = 3;

/// Whether somebody who failed should be asked again. Time is an argument.
///
/// One failure is enough to let it rest, since a circuit breaker stands where somebody else can be
/// asked. Each further failure in a row doubles the rest, up to five minutes. It lasts at least as
/// long as the other side [asked for](Error::retry_after), and five minutes where everybody would be
/// refused: [`ErrorKind::Unauthorized`], [`ErrorKind::Config`] and [`ErrorKind::Unsupported`]. One
/// request that is refused ([`ErrorKind::Rejected`]) or badly answered ([`ErrorKind::Protocol`]) may
/// itself be the reason: three in a row are a failure. One that said with an answer that nothing is
/// left of its rates rests, too, and is well when that time is over. After the rest of a failure one
/// request is let through, the probe, and the others wait until something [comes](Self::delivered)
/// of it. What was asked for before a failure proves nothing against it, however well it ends.
///
/// ```
/// use std::time::Duration;
/// use tokio::time::Instant;
/// use voiceagent_core::{Error, ErrorKind, adapt::{CircuitBreaker, Health}};
///
/// let now = Instant::now();
/// let limited = Error::new(ErrorKind::RateLimited, "generate", "slow down")
///     .with_retry_after(Duration::from_secs(20));
/// let mut breaker = CircuitBreaker::new(Duration::from_secs(10));
/// breaker.failed(now, &limited);
/// assert_eq!(breaker.health(now), Health::Resting { until: now + Duration::from_secs(20) });
/// let later = now + Duration::from_secs(20);
/// assert_eq!(breaker.health(later), Health::OnTrial);
/// breaker.succeeded(later);
/// assert_eq!(breaker.health(later), Health::Well);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CircuitBreaker {
    rest: Duration,
    failures: u32,
    /// How many requests in a row were refused, or badly answered.
    refusals: u32,
    /// How often in a row another one was quicker.
    outrun: u32,
    resting_until: Option<Instant>,
    /// When it failed last.
    failed_at: Option<Instant>,
    /// Until when there is nothing left of its rates.
    limited_until: Option<Instant>,
}

/// How somebody fares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a breaker is closed, open or half open")]
pub enum Health {
    /// It has rested, and may be asked once.
    OnTrial,
    /// It should be left alone.
    Resting {
        /// Until then.
        until: Instant,
    },
    /// Nothing is wrong.
    Well,
}

impl CircuitBreaker {
    /// A breaker that lets nobody rest yet. A first failure costs so much rest.
    #[must_use]
    pub const fn new(rest: Duration) -> Self {
        Self {
            rest,
            failures: 0,
            refusals: 0,
            outrun: 0,
            resting_until: None,
            failed_at: None,
            limited_until: None,
        }
    }

    /// How the one behind it fares.
    #[must_use]
    pub fn health(&self, now: Instant) -> Health {
        let limited = self.limited_until.filter(|until| *until > now);
        match self.resting_until.max(limited) {
            None => Health::Well,
            Some(until) if until <= now => Health::OnTrial,
            Some(until) => Health::Resting { until },
        }
    }

    /// Lets the probe through, after a rest. If nothing is told of it, another one may follow after
    /// the rest of a first failure.
    pub fn try_out(&mut self, now: Instant) {
        if self.health(now) == Health::OnTrial {
            self.resting_until = Some(now + self.rest);
        }
    }

    /// Notes that it did what it was asked for at that time.
    pub fn succeeded(&mut self, asked: Instant) {
        if !self.has_failed_since(asked) {
            (self.failures, self.refusals, self.outrun) = (0, 0, 0);
            self.resting_until = None;
        }
    }

    /// Notes that some of what it was asked for at that time has come. Its rest is over, since much
    /// of what is asked for is given up before its end; should it fail after all, it rests for
    /// longer than before.
    pub fn delivered(&mut self, asked: Instant) {
        if !self.has_failed_since(asked) {
            self.resting_until = None;
        }
    }

    fn has_failed_since(&self, asked: Instant) -> bool {
        self.failed_at.is_some_and(|failed| failed > asked)
    }

    /// Notes that it has begun to do what it was asked for, and may still fail.
    pub const fn began(&mut self) {
        self.outrun = 0;
    }

    /// Notes that it took so long that another one was asked as well, which began first. It may have
    /// been one slow request. Three in a row are a failure, and so is each further one, until it
    /// [begins](Self::began) in time.
    pub fn outrun(&mut self, now: Instant) {
        self.outrun = self.outrun.saturating_add(1);
        if self.outrun >= STRIKES {
            self.rest(now, Duration::ZERO);
        }
    }

    /// Notes that it answered, and would refuse the next request until so much time has passed.
    pub fn limited(&mut self, now: Instant, wait: Duration) {
        self.limited_until = Some(now + wait.min(LONGEST_REST));
    }

    /// Notes that it failed. A rest that has begun does not become shorter.
    pub fn failed(&mut self, now: Instant, error: &Error) {
        let kind = error.kind();
        let is_of_request = matches!(kind, ErrorKind::Protocol | ErrorKind::Rejected);
        if is_of_request && error.retry_after().is_none() {
            self.refusals = self.refusals.saturating_add(1);
            if self.refusals < STRIKES {
                return;
            }
        }
        let least = match kind {
            ErrorKind::Config | ErrorKind::Unauthorized | ErrorKind::Unsupported => LONGEST_REST,
            ErrorKind::Closed
            | ErrorKind::Disconnected
            | ErrorKind::Overloaded
            | ErrorKind::Protocol
            | ErrorKind::RateLimited
            | ErrorKind::Rejected
            | ErrorKind::Stalled
            | ErrorKind::Timeout => error.retry_after().unwrap_or_default(),
        };
        self.rest(now, least);
    }

    fn rest(&mut self, now: Instant, least: Duration) {
        let doubled = self.rest.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let rest = doubled.min(LONGEST_REST).max(least);
        self.resting_until = self.resting_until.max(Some(now + rest));
        self.failed_at = Some(now);
    }
}

/// How often, and for how long, something that failed is tried again before it is given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryBudget {
    limit: Duration,
    since: Option<Instant>,
}

impl RetryBudget {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, since: None }
    }

    /// Notes a failure. Returns how much time there is for another try, if there is any.
    pub(super) fn spend(&mut self, now: Instant) -> Option<Duration> {
        let until = *self.since.get_or_insert(now) + self.limit;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// All is well again.
    pub(super) const fn refill(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "open", "scripted")
    }

    /// How long it rests after failing now.
    fn rest(breaker: &mut CircuitBreaker, error: &Error) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        breaker.resting_until = None;
        breaker.failed(now, error);
        breaker.resting_until.unwrap() - now
    }

    #[test]
    fn each_failure_in_a_row_doubles_the_rest() {
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        let lost = error(ErrorKind::Disconnected);
        let rests: Vec<_> = (0..7).map(|_| rest(&mut breaker, &lost).as_secs()).collect();
        assert_eq!(rests, [10, 20, 40, 80, 160, 300, 300]);
        let failed = breaker.failed_at.unwrap();
        breaker.succeeded(failed);
        assert_eq!(rest(&mut breaker, &lost), 10 * SECOND);
    }

    #[test]
    fn rd1_the_time_that_was_asked_for_is_kept() {
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        let limited = error(ErrorKind::RateLimited).with_retry_after(900 * SECOND);
        assert_eq!(rest(&mut breaker, &limited), 900 * SECOND);
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        let soon = error(ErrorKind::RateLimited).with_retry_after(SECOND);
        assert_eq!(rest(&mut breaker, &soon), 10 * SECOND);
    }

    #[test]
    fn rc8_what_would_fail_for_everybody_rests_longest() {
        for (kind, seconds) in [
            (ErrorKind::Config, 300),
            (ErrorKind::Unauthorized, 300),
            (ErrorKind::Unsupported, 300),
            (ErrorKind::Closed, 1),
            (ErrorKind::Disconnected, 1),
        ] {
            let mut breaker = CircuitBreaker::new(SECOND);
            assert_eq!(rest(&mut breaker, &error(kind)), seconds * SECOND, "{kind}");
        }
    }

    #[test]
    fn rd2_what_may_be_the_fault_of_one_request_counts_from_the_third_time_in_a_row() {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        for kind in [ErrorKind::Rejected, ErrorKind::Protocol] {
            let refused = error(kind);
            let mut breaker = CircuitBreaker::new(10 * SECOND);
            for _ in 0..2 {
                breaker.failed(now, &refused);
                breaker.failed(now, &refused);
                assert_eq!(breaker.health(now), Health::Well, "{kind}");
                breaker.succeeded(now);
            }
            (0..3).for_each(|_| breaker.failed(now, &refused));
            assert_eq!(breaker.health(now), Health::Resting { until: now + 10 * SECOND }, "{kind}");
            let later = now + 10 * SECOND;
            breaker.failed(later, &refused);
            let until = later + 20 * SECOND;
            assert_eq!(breaker.health(later), Health::Resting { until }, "{kind}");
        }
    }

    #[test]
    fn one_probe_is_let_through_after_a_rest() {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        breaker.failed(now, &error(ErrorKind::Disconnected));
        let later = now + 10 * SECOND;
        assert_eq!(breaker.health(later), Health::OnTrial);
        breaker.try_out(later);
        assert_eq!(breaker.health(later), Health::Resting { until: later + 10 * SECOND });
        breaker.failed(later, &error(ErrorKind::Disconnected));
        assert_eq!(breaker.health(later), Health::Resting { until: later + 20 * SECOND });
    }

    #[test]
    fn rd1_what_was_asked_for_before_a_failure_ends_no_rest() {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        let limited = error(ErrorKind::RateLimited).with_retry_after(60 * SECOND);
        breaker.failed(now + SECOND, &limited);
        let until = now + 61 * SECOND;
        breaker.delivered(now);
        breaker.succeeded(now);
        assert_eq!(breaker.health(now + 5 * SECOND), Health::Resting { until });
        breaker.try_out(until);
        breaker.succeeded(now);
        assert_ne!(breaker.health(until), Health::Well, "and none of a probe");
        breaker.succeeded(now + 2 * SECOND);
        assert_eq!(breaker.health(now + 5 * SECOND), Health::Well, "it was asked all the same");
    }

    #[test]
    fn rd2_the_beginning_of_an_answer_ends_the_trial_and_no_row_of_failures() {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        let lost = error(ErrorKind::Disconnected);
        breaker.failed(now, &lost);
        let later = now + 10 * SECOND;
        breaker.try_out(later);
        breaker.delivered(later);
        assert_eq!(breaker.health(later), Health::Well);
        breaker.failed(later, &lost);
        assert_eq!(breaker.health(later), Health::Resting { until: later + 20 * SECOND });
    }

    #[test]
    fn one_that_is_outrun_three_times_in_a_row_rests_like_one_that_failed() {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        for _ in 0..2 {
            breaker.outrun(now);
            breaker.outrun(now);
            assert_eq!(breaker.health(now), Health::Well);
            breaker.began();
        }
        (0..3).for_each(|_| breaker.outrun(now));
        assert_eq!(breaker.health(now), Health::Resting { until: now + 10 * SECOND });
        let later = now + 10 * SECOND;
        breaker.outrun(later);
        assert_eq!(breaker.health(later), Health::Resting { until: later + 20 * SECOND });
        breaker.succeeded(later);
        assert_eq!(breaker.health(later), Health::Well);
    }

    #[test]
    fn one_whose_rate_is_spent_rests_until_it_is_granted_again() {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        let mut breaker = CircuitBreaker::new(10 * SECOND);
        breaker.limited(now, 3 * SECOND);
        breaker.succeeded(now);
        let until = now + 3 * SECOND;
        assert_eq!(breaker.health(now), Health::Resting { until }, "the answer itself was good");
        assert_eq!(breaker.health(until), Health::Well, "and there is nothing to prove");
        breaker.failed(now, &error(ErrorKind::Disconnected));
        assert_eq!(breaker.health(now), Health::Resting { until: now + 10 * SECOND });
    }

    #[test]
    fn a_budget_is_spent_by_time_and_refilled_by_success() {
        #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
        let now = Instant::now();
        let mut budget = RetryBudget::new(5 * SECOND);
        assert_eq!(budget.spend(now), Some(5 * SECOND));
        assert_eq!(budget.spend(now + 4 * SECOND), Some(SECOND));
        assert_eq!(budget.spend(now + 5 * SECOND), None);
        budget.refill();
        assert_eq!(budget.spend(now + 5 * SECOND), Some(5 * SECOND));
    }
}
