use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Entries that a log keeps; more turns than a day of talk has. The oldest go first.
const CAPACITY: usize = 10_000;
/// How far back an entry may lie that still changes.
const RECENT: usize = 8;

/// What an observer inside a call shows to whoever watches from outside.
///
/// The lock is held for one entry by the writer and for a copy by readers.
#[derive(Debug)]
pub(super) struct Log<T>(Arc<Mutex<VecDeque<T>>>);

impl<T: Clone> Log<T> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Another handle to the same log.
    pub(super) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Puts `entry` in the place of the one that is the `same`, if that is recent, and else behind
    /// all of them.
    pub(super) fn put(&self, entry: T, same: impl Fn(&T) -> bool) {
        let mut entries = self.lock();
        match entries.iter_mut().rev().take(RECENT).find(|entry| same(entry)) {
            Some(before) => *before = entry,
            None => {
                if entries.len() == CAPACITY {
                    entries.pop_front();
                }
                entries.push_back(entry);
            }
        }
    }

    /// Changes what was put.
    pub(super) fn amend(&self, change: impl FnOnce(&mut VecDeque<T>)) {
        change(&mut self.lock());
    }

    pub(super) fn snapshot(&self) -> Vec<T> {
        self.lock().iter().cloned().collect()
    }

    /// A reader or writer that panicked left whole entries behind.
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entries_go_first() {
        let log = Log::new();
        for entry in 0..CAPACITY + 2 {
            log.put(entry, |_| false);
        }
        let kept = log.share().snapshot();
        assert_eq!((kept.len(), kept[0], kept[CAPACITY - 1]), (CAPACITY, 2, CAPACITY + 1));
    }
}
