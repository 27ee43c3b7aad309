//! Whole calls in a virtual world: a caller, a carrier and vendors, played through the real driver,
//! in no time, and the same each time for the same seed.
//!
//! [`play`] makes up a world from a seed: how the caller talks (pauses, hesitations, coughs,
//! backchannels, barge-ins, restarts, noise, silence, keys, hanging up at any moment), how quick the
//! recognizer, the model, the voice and the tools are and what goes wrong with them, and how the
//! carrier buffers, delays and loses. When the call is over it checks what must hold for every
//! call, and reports what did not, with the seed that shows it again.
//!
//! A seed also draws which [`Legs`] a call has: a cascade of recognizer, model and voice, a
//! speech-to-speech model that speaks when it is told to or takes turns by itself, or a far end that
//! hears and speaks by itself; and whether a flow decides what turns are answered with.
//!
//! ```
//! use voiceagent_testkit::simulator::{Settings, play};
//!
//! let outcome = play(7, &Settings::default());
//! assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
//! ```
//!
//! `cargo run --release -p voiceagent-testkit --bin simulate -- --calls 10000` plays many;
//! `--seed 7 --calls 1 --trace` shows one.

mod caller;
mod carrier;
mod detector;
mod dice;
mod endpointing;
mod floor;
mod goodbyes;
mod graph;
mod heard;
mod journals;
mod legs;
mod log;
mod memory;
mod model;
mod owed;
mod panics;
mod plans;
mod playout;
mod plot;
mod profile;
mod prose;
mod recognizer;
mod relay;
mod script;
mod sound;
mod speaker;
mod talk;
mod tally;
mod tool;
mod verdict;
mod voice;
mod words;
mod world;

use std::{fmt::Write as _, time::Duration};

use profile::Profile;

pub use endpointing::{Curve, Point, TradeOff, endpointing};
pub use journals::{compare, record};
pub use legs::Legs;
pub use talk::Lines;
pub use tally::Tally;

/// What a simulation is held to, and how long its calls are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The longest silence while the agent owes a reply, from the end of the caller's turn to the
    /// first sound of the reply.
    pub owed_within: Duration,
    /// Whether that holds for every call, or only while all vendors are well and no tool runs. If
    /// so the agents say something when five eighths of the time are over.
    pub owed_always: bool,
    /// The fewest and the most things that a caller does in a call.
    pub turns: (u64, u64),
    /// Which legs the calls have.
    pub legs: Legs,
    /// Whether a flow decides what turns are answered with, where it can. `None` lets the seed say;
    /// with nothing but cascades, it says no.
    pub flow: Option<bool>,
    /// Whether [`Outcome::trace`] is written.
    pub trace: bool,
}

impl Default for Settings {
    /// Replies within 4 s while the vendors are well; 1 to 5 turns; legs as the seed has them.
    fn default() -> Self {
        Self {
            owed_within: Duration::from_secs(4),
            owed_always: false,
            turns: (1, 5),
            legs: Legs::default(),
            flow: None,
            trace: false,
        }
    }
}

/// Something that must never happen.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// What does not hold.
    pub law: &'static str,
    /// What was seen instead.
    pub seen: String,
}

/// What came of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The seed of its world.
    pub seed: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// What there was in it.
    pub tally: Tally,
    /// What happened, line by line; empty unless asked for.
    pub trace: String,
}

/// Plays the call of a seed, and judges it.
#[must_use]
pub fn play(seed: u64, settings: &Settings) -> Outcome {
    let profile = Profile::new(seed, settings);
    let (played, panics) = panics::count(|| world::run(seed, &profile, settings.trace, None));
    let Some(aftermath) = played else {
        let violations = vec![panics::violation(panics)];
        let tally = Tally { calls: 1, violations: 1, ..Tally::default() };
        return Outcome { seed, violations, tally, trace: String::new() };
    };
    let verdict = verdict::judge(&aftermath, &profile, settings);
    let mut violations = verdict.violations;
    if panics > 0 {
        violations.push(panics::violation(panics));
    }
    let mut tally = Tally::of(&aftermath, &profile, violations.len());
    (tally.owed, tally.judged) = (verdict.owed, verdict.judged);
    let mut trace = String::new();
    if settings.trace {
        trace = format!("{profile:#?}\n");
        for (at, line) in aftermath.account.trace.iter().flatten() {
            writeln!(trace, "{:>8.3} {line}", at.as_secs_f64()).expect("a string takes it all");
        }
    }
    Outcome { seed, violations, tally, trace }
}
