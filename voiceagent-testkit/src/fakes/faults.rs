use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use voiceagent_core::{Error, ErrorKind};

/// What goes wrong with the first connection that is opened, the second, and so on. Those after
/// the last are sound.
#[derive(Debug)]
pub(super) struct Faults<F>(Mutex<VecDeque<F>>);

impl<F> Faults<F> {
    pub(super) fn set(&self, faults: VecDeque<F>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    pub(super) fn next(&self) -> Option<F> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

pub(super) fn fault(kind: ErrorKind, operation: &'static str, message: &'static str) -> Error {
    Error::new(kind, operation, message).with_provider("fake")
}

/// Refuses to open a connection, as the test asked.
pub(super) fn refused(kind: ErrorKind) -> Error {
    fault(kind, "open", "refused as the test asked")
}

/// Wants to be left alone for so long, as the test asked.
pub(super) fn limited(wait: Duration) -> Error {
    refused(ErrorKind::RateLimited).with_retry_after(wait)
}

/// Breaks a connection, as the test asked.
pub(super) fn lost() -> Error {
    fault(ErrorKind::Disconnected, "read", "lost as the test asked")
}
