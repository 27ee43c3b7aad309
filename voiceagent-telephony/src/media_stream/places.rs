use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering},
};

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
    pub(crate) fn new(calls: usize, tokens: TokenCheck) -> Self {
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
        permit.map(|permit| Place { permit: Arc::new(permit), is_taken: Arc::default() })
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
    permit: Arc<OwnedSemaphorePermit>,
    is_taken: Arc<AtomicBool>,
}

impl Place {
    /// Notes that its call has come.
    pub(super) fn take_up(&self) {
        self.is_taken.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stay(&self) -> Stay {
        Stay { permit: Arc::downgrade(&self.permit), is_taken: Arc::clone(&self.is_taken) }
    }
}

/// How it goes on with a call that got a place.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    permit: Weak<OwnedSemaphorePermit>,
    is_taken: Arc<AtomicBool>,
}

impl Stay {
    /// Whether the call's stream has come and gone.
    pub(crate) fn is_over(&self) -> bool {
        self.is_taken.load(Ordering::Relaxed) && self.permit.strong_count() == 0
    }
}
