//! A clock that only runs while nothing is under way.

use std::{thread, time::Duration};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{advance, pause},
};

/// How far the clock goes at once: below the pieces of audio that a phone sends.
const STEP: Duration = Duration::from_millis(5);

/// What lies between two steps: what was written to a socket of this machine arrives in less.
const REST: Duration = Duration::from_micros(200);

/// A paused clock that goes on in steps, between which all that can be done is done. A machine that
/// is busy makes a test longer, and nothing in it late; on an idle one it runs many times faster
/// than real time. It stands still once this is dropped.
#[derive(Debug)]
pub(crate) struct Clock(JoinHandle<()>);

impl Clock {
    /// Starts it in place of the real one, in a test of one thread.
    pub(crate) fn start() -> Self {
        pause();
        Self(tokio::spawn(async {
            loop {
                // A clock that is paused jumps to the next timer when all tasks wait, also for
                // sockets; not so while something blocks.
                spawn_blocking(|| thread::sleep(REST)).await.expect("sleeping does not panic");
                advance(STEP).await;
            }
        }))
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.0.abort();
    }
}
