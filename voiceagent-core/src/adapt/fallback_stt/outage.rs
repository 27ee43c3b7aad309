use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Retry, adapt::health::RetryBudget};

/// How long all recognizers are tried again when none can be opened, and between two rounds.
const OUTAGE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// The time from one that worked to the next, and how the recognizers fail in it. Time is an
/// argument.
#[derive(Debug)]
pub(super) struct Outage {
    failures: Vec<Option<Failure>>,
    /// Nobody else was tried since somebody last worked.
    is_fresh: bool,
    budget: RetryBudget,
}

/// How a recognizer has failed last.
#[derive(Clone, Copy, Debug)]
struct Failure {
    /// Until then it is left alone, but for a last try.
    until: Instant,
    /// Trying it again does not help.
    is_final: bool,
}

impl Outage {
    /// Of so many recognizers, none of which has failed.
    pub(super) fn new(recognizers: usize) -> Self {
        Self { failures: vec![None; recognizers], is_fresh: true, budget: RetryBudget::new(OUTAGE) }
    }

    /// Somebody works: the next one is another one.
    pub(super) fn end(&mut self) {
        self.budget.refill();
        self.failures.fill(None);
        self.is_fresh = true;
    }

    /// Whether it begins, so that everybody may be tried at once.
    pub(super) const fn begins(&mut self) -> bool {
        std::mem::replace(&mut self.is_fresh, false)
    }

    /// Notes whether, and when, trying the one that failed again could help.
    pub(super) fn note(&mut self, now: Instant, index: usize, error: &Error) {
        let is_final = error.retry() == Retry::Never;
        let wait = if is_final { OUTAGE } else { error.retry_after().unwrap_or_default() };
        self.failures[index] = Some(Failure { until: now + wait, is_final });
    }

    /// Whether one may be tried: it does not ask to be left alone, or there is no time to wait.
    pub(super) fn may_try(&mut self, now: Instant, index: usize) -> bool {
        let is_back = self.failures[index].is_none_or(|failure| failure.until <= now);
        is_back || self.budget.spend(now).is_none()
    }

    /// When everybody may be tried again; `None` where that is of no use, or there is no time left.
    /// Nobody is asked sooner than it said, but for a last time.
    pub(super) fn next_round(&mut self, now: Instant) -> Option<Instant> {
        let left = self.budget.spend(now)?;
        if self.failures.iter().all(|failure| failure.is_some_and(|it| it.is_final)) {
            return None;
        }
        let back = self.failures.iter().map(|failure| failure.map_or(now, |it| it.until)).min();
        let soonest = back.unwrap_or(now).saturating_duration_since(now);
        Some(now + soonest.max(PAUSE).min(left))
    }
}
