use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What a fake got, in order, with the time since the fake was made. A clone shows the same.
///
/// All fakes that a test makes before it lets time pass count from the same moment.
#[derive(Clone, Debug)]
pub struct Recording<T> {
    begun: Instant,
    entries: Arc<Mutex<Vec<(Duration, T)>>>,
}

impl<T: Clone> Recording<T> {
    /// Everything so far, with its time.
    #[must_use]
    pub fn timed(&self) -> Vec<(Duration, T)> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything so far.
    #[must_use]
    pub fn all(&self) -> Vec<T> {
        self.timed().into_iter().map(|(_, entry)| entry).collect()
    }

    /// What came last.
    #[must_use]
    pub fn last(&self) -> Option<T> {
        self.all().pop()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Adds an entry. Tests need it for fakes of their own.
    pub fn add(&self, entry: T) {
        let at = self.begun.elapsed();
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push((at, entry));
    }
}

impl<T> Default for Recording<T> {
    fn default() -> Self {
        Self { begun: Instant::now(), entries: Arc::default() }
    }
}
