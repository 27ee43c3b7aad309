//! Tests that look for what they left behind.
//!
//! Whatever became of a call, nothing of it goes on: no task, no open file, no socket. A test says so
//! for itself when its runtime is the one of this module:
//!
//! ```
//! #[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
//! async fn a_call_ends() {
//!     let call = tokio::spawn(async { tokio::time::sleep(std::time::Duration::from_secs(1)).await });
//!     drop(call); // It goes on by itself, and is over within a minute.
//! }
//! # fn main() {}
//! ```
//!
//! Tasks are counted when the test is over. Those that still have a deadline get a minute, which is
//! no time at all where time is virtual. Files and sockets are those of the process, in which other
//! tests may run: they are counted whenever no other test with this runtime does.

mod descriptors;

/// Tokio's macro for tests looks for it beside the runtime.
pub use tokio::pin;

/// The runtime that counts.
pub mod runtime {
    use std::{future::Future, io, time::Duration};

    use super::descriptors;

    /// For deadlines that a call leaves behind: the longest that the tests set is that of a tool.
    const LET_GO: Duration = Duration::from_secs(60);

    /// How often is looked. Nobody tells when the last task is over.
    const LOOK: Duration = Duration::from_millis(100);

    /// Makes the runtime, as tokio's own does.
    #[derive(Debug)]
    pub struct Builder(tokio::runtime::Builder);

    impl Builder {
        /// A runtime on the thread of the test, where time can be virtual.
        #[must_use]
        pub fn new_current_thread() -> Self {
            Self(tokio::runtime::Builder::new_current_thread())
        }

        /// A runtime on threads of its own.
        #[must_use]
        pub fn new_multi_thread() -> Self {
            Self(tokio::runtime::Builder::new_multi_thread())
        }

        /// With so many threads.
        #[must_use]
        pub fn worker_threads(mut self, threads: usize) -> Self {
            self.0.worker_threads(threads);
            self
        }

        /// With time and sockets.
        #[must_use]
        pub fn enable_all(mut self) -> Self {
            self.0.enable_all();
            self
        }

        /// With time that passes only while everybody waits.
        #[must_use]
        pub fn start_paused(mut self, paused: bool) -> Self {
            self.0.start_paused(paused);
            self
        }

        /// Makes it.
        ///
        /// # Errors
        ///
        /// When the system has no means left.
        pub fn build(mut self) -> io::Result<Runtime> {
            let before = descriptors::begin();
            Ok(Runtime { runtime: self.0.build()?, before })
        }
    }

    /// A runtime for one test.
    #[derive(Debug)]
    pub struct Runtime {
        runtime: tokio::runtime::Runtime,
        before: descriptors::Running,
    }

    impl Runtime {
        /// Runs a test to its end.
        ///
        /// # Panics
        ///
        /// When the test does, and when it leaves something behind.
        pub fn block_on<F: Future>(self, test: F) -> F::Output {
            let outcome = self.runtime.block_on(test);
            let left = self.runtime.block_on(async {
                let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
                let mut waited = Duration::ZERO;
                while tasks() > 0 && waited < LET_GO {
                    tokio::time::sleep(LOOK).await;
                    waited += LOOK;
                }
                tasks()
            });
            assert_eq!(left, 0, "tasks go on {LET_GO:?} after the end of the test");
            drop(self.runtime);
            self.before.end();
            outcome
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        future::pending,
        panic::{AssertUnwindSafe, catch_unwind},
        time::Duration,
    };

    use super::{descriptors, runtime::Builder};

    fn runs(test: impl Future) -> Result<(), String> {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true);
        let runtime = runtime.build().unwrap();
        catch_unwind(AssertUnwindSafe(|| drop(runtime.block_on(test))))
            .map_err(|why| *why.downcast::<String>().expect("it says why"))
    }

    #[test]
    fn a_task_that_never_ends_is_found_and_one_that_does_is_not() {
        let briefly = async { drop(tokio::spawn(tokio::time::sleep(Duration::from_secs(30)))) };
        assert_eq!(runs(briefly), Ok(()));
        let why = runs(async { drop(tokio::spawn(pending::<()>())) }).unwrap_err();
        assert!(why.contains("tasks go on"), "{why}");
    }

    #[test]
    fn a_file_that_stays_open_is_found() {
        let before = descriptors::open();
        let file = File::open("Cargo.toml").unwrap();
        let left = descriptors::left(&before, &descriptors::open());
        assert!(left.iter().any(|what| what.ends_with("Cargo.toml")), "{left:?}");
        drop(file);
    }
}
