//! The tool `voiceagent-replay`: plays journals of calls again.
//!
//! - [`Args`] without settings feeds the inputs of one journal to a fresh session, and compares
//!   what it does with what the call did, byte for byte. A journal of another version, which
//!   says the same in other bytes, is told to be alike.
//! - With `--set` it tells, turn by turn, what other settings would have changed.
//! - With `--sweep` it does so for many values of one setting over a folder of journals, and draws
//!   the trade-off between quick answers and callers who are cut off.
//!
//! `docs/replay.md` shows each, and says what can be known from a journal and what cannot.

mod args;
mod clock;
mod comparison;
mod plot;
mod redaction;
mod setting;
mod shadow;
mod story;
mod sweep;
mod verdict;
mod what_if;

use std::io::Write;

use voiceagent_core::{Error, ErrorKind, Result, journal::Recording};

pub use args::Args;
pub(crate) use args::Window;

/// How a run ended that could do its work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The replay does the same, and another version wrote it down otherwise.
    Alike,
    /// The replay does something else than the call did.
    Different,
    /// Everything was done, and a replay was identical.
    Done,
}

/// Does what the arguments ask for. Results go to `out`, progress and warnings to `progress`.
///
/// # Errors
///
/// [`ErrorKind::Config`] naming the file, line or setting that cannot be used.
pub fn run(args: &Args, out: &mut dyn Write, progress: &mut dyn Write) -> Result<Outcome> {
    let settings = setting::parse_all(&args.set)?;
    if let Some(sweep) = &args.sweep {
        sweep::run(args, sweep, &settings, out, progress)?;
        return Ok(Outcome::Done);
    }
    let recording = Recording::open(&args.path)?;
    if settings.is_empty() {
        return comparison::run(args, &recording, out);
    }
    what_if::run(args, &recording, &settings, out)?;
    Ok(Outcome::Done)
}

/// The output cannot be written.
#[expect(clippy::needless_pass_by_value, reason = "it is a step of `map_err`")]
fn unwritable(error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Closed,
        "write",
        format!("the output cannot be written: {}", error.kind()),
    )
}

/// The guide holds what it shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/replay.md")]
struct Guide;
