//! Several processes on one database: they compete for the same times, and they are killed.
//!
//! The database is a file, or a schema on the server that `DEALERSHIP_TEST_POSTGRES` names. The runs
//! are short; `DEALERSHIP_RACE_ATTEMPTS=10000` and `DEALERSHIP_KILLS=500` or `DEALERSHIP_CALL_KILLS=500` make them long.

#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod calls;
mod carrier;
mod killed;
mod lookup;
mod race;
mod site;
mod switch;
mod vendor;

use std::{
    env,
    process::{Child, Command, Stdio},
};

use dealership::store::Store;
use jiff::Timestamp;

/// Friday, noon in Chicago.
fn friday() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

/// A number from the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Starts this program anew, as a process that does one thing with the database.
fn start(does: &str, settings: &[(&str, String)]) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", does, "--nocapture"])
        .envs(settings.iter().map(|(name, value)| (*name, value)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the parent has set for this process; `None` in a run of the tests.
fn told(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    { runtime }.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

async fn open(place: &str) -> Store {
    Store::open(place).await.unwrap()
}
