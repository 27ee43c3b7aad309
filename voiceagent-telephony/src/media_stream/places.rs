use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::TokenCheck;

/// How many calls there may be at a time.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    /// Where places are kept for calls that have not begun.
    tokens: TokenCheck,
}

impl Places {
    pub(super) fn new(calls: usize, tokens: TokenCheck) -> Self {
        Self { free: Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))), tokens }
    }

    pub(super) fn are_free(&self) -> bool {
        let any = || self.free.available_permits() > 0;
        any() || {
            self.free_expired();
            any()
        }
    }

    /// A place for a call, until it is dropped; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<Place> {
        let take = || Arc::clone(&self.free).try_acquire_owned().ok();
        let permit = take().or_else(|| {
            self.free_expired();
            take()
        });
        permit.map(|permit| Place { _permit: Arc::new(permit) })
    }

    /// Takes back the places of calls that never came, which they keep until somebody asks.
    fn free_expired(&self) {
        if let TokenCheck::Required(tokens) = &self.tokens {
            tokens.free_expired();
        }
    }
}

/// One call's place, however often it is cloned.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}
