//! The files and sockets that this process has open, as Linux tells them. Elsewhere there are none.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

/// What is open, and how often.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeMap<String, usize>);

/// Tests that run now, and what was open before the first of them.
struct Tests {
    running: usize,
    before: Open,
}

static TESTS: Mutex<Tests> = Mutex::new(Tests { running: 0, before: Open(BTreeMap::new()) });

static ONCE: Once = Once::new();

/// A test that runs.
#[derive(Debug)]
pub(super) struct Running(());

/// A test begins.
pub(super) fn begin() -> Running {
    let mut tests = tests();
    // What the first runtime of a process opens for all of them, such as the pipe of its signals, is
    // nothing that a test leaves behind.
    ONCE.call_once(|| drop(tokio::runtime::Builder::new_current_thread().enable_all().build()));
    if tests.running == 0 {
        tests.before = open();
    }
    tests.running += 1;
    Running(())
}

impl Running {
    /// The test is over, and its runtime is gone.
    ///
    /// # Panics
    ///
    /// When no other test runs, and something is open that was not before them.
    pub(super) fn end(self) {
        drop(self);
        let left = {
            let tests = tests();
            if tests.running > 0 { Vec::new() } else { left(&tests.before, &open()) }
        };
        assert!(left.is_empty(), "left open by this test, or by one that ran beside it: {left:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        tests().running -= 1;
    }
}

/// A test that failed leaves nothing half-done here.
fn tests() -> MutexGuard<'static, Tests> {
    TESTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is open now (proc(5)).
pub(super) fn open() -> Open {
    let mut open = Open::default();
    for entry in fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        // What was closed in the meantime, as the folder itself, is not open.
        if let Ok(target) = fs::read_link(entry.path()) {
            // Which socket or pipe it is does not matter, and tests come and go.
            let name = target.to_string_lossy();
            let name = name.split_once(":[").map_or(&*name, |(kind, _)| kind);
            *open.0.entry(name.to_owned()).or_default() += 1;
        }
    }
    open
}

/// What is open more often than before.
pub(super) fn left(before: &Open, now: &Open) -> Vec<String> {
    let is_more =
        |(name, count): &(&String, &usize)| before.0.get(*name).is_none_or(|n| n < *count);
    now.0.iter().filter(is_more).map(|(name, _)| name.clone()).collect()
}
