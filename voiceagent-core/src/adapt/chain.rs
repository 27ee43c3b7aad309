use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::health::{CircuitBreaker, Health};
use crate::Error;

/// How long one that failed is left alone, unless said otherwise.
pub(super) const REST: Duration = Duration::from_secs(10);

/// Implementations of one contract, best first, and how each of them fares in all calls.
#[derive(Debug)]
pub(super) struct Chain<T: ?Sized> {
    candidates: Vec<Candidate<T>>,
}

#[derive(Debug)]
struct Candidate<T: ?Sized> {
    provider: Arc<T>,
    /// Shared by the calls, and held for a look at the clock: never across a wait.
    breaker: Mutex<CircuitBreaker>,
}

impl<T: ?Sized> Chain<T> {
    /// One that failed once is left alone for `rest`.
    pub(super) fn new(first: Arc<T>, then: Vec<Arc<T>>, rest: Duration) -> Self {
        let candidate = |provider| {
            let breaker = Mutex::new(CircuitBreaker::new(rest));
            Candidate { provider, breaker }
        };
        Self { candidates: std::iter::once(first).chain(then).map(candidate).collect() }
    }

    pub(super) fn providers(&self) -> impl Iterator<Item = &Arc<T>> {
        self.candidates.iter().map(|candidate| &candidate.provider)
    }

    pub(super) fn provider(&self, index: usize) -> &Arc<T> {
        &self.candidates[index].provider
    }

    /// Whether something holds for all of them.
    pub(super) fn all(&self, holds: impl Fn(&T) -> bool) -> bool {
        self.providers().all(|provider| holds(provider))
    }

    /// The order in which they should be asked now: those that rest come last, the one that may be
    /// back soonest first. Nobody is left out. If the first is on trial, this is its probe.
    pub(super) fn order(&self) -> Vec<usize> {
        let now = now();
        let rests = |index: &usize| match self.breaker(*index).health(now) {
            Health::Resting { until } => Some(until),
            Health::OnTrial | Health::Well => None,
        };
        let mut order: Vec<usize> = (0..self.candidates.len()).collect();
        // A stable sort: equals keep their places.
        order.sort_by_cached_key(rests);
        if let Some(first) = order.first() {
            self.breaker(*first).try_out(now);
        }
        order
    }

    /// Whether one should be left alone now.
    pub(super) fn rests(&self, index: usize) -> bool {
        matches!(self.breaker(index).health(now()), Health::Resting { .. })
    }

    /// One did what it was asked for at that time.
    pub(super) fn succeeded(&self, index: usize, asked: Instant) {
        self.breaker(index).succeeded(asked);
    }

    /// Some of what one was asked for at that time has come.
    pub(super) fn delivered(&self, index: usize, asked: Instant) {
        self.breaker(index).delivered(asked);
    }

    pub(super) fn failed(&self, index: usize, error: &Error) {
        self.breaker(index).failed(now(), error);
    }

    /// One has begun to do what it was asked for.
    pub(super) fn began(&self, index: usize) {
        self.breaker(index).began();
    }

    /// Another one that was asked later has begun first.
    pub(super) fn outrun(&self, index: usize) {
        self.breaker(index).outrun(now());
    }

    /// One says that it would refuse the next request.
    pub(super) fn limited(&self, index: usize, wait: Duration) {
        self.breaker(index).limited(now(), wait);
    }

    fn breaker(&self, index: usize) -> MutexGuard<'_, CircuitBreaker> {
        let breaker = &self.candidates[index].breaker;
        breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one clock of the decorators.
#[expect(clippy::disallowed_methods, reason = "how providers fare is no matter of one session")]
pub(super) fn now() -> Instant {
    Instant::now()
}
