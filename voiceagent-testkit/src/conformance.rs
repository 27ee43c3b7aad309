//! Checks that every implementation of a contract must pass, for this project's own providers and
//! for those of third parties.

mod claims;
mod embedder;
pub mod llm;
mod opening;
pub mod realtime;
mod stt;
mod tool;
pub mod transport;
mod tts;
mod turn;
mod vad;

use std::fmt;

use serde::Serialize;

pub use embedder::embedder;
pub use stt::stt;
pub use tool::tool;
pub use tts::{tts, tts_local};
pub use turn::turn;
pub use vad::vad;

/// What a suite found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    contract: &'static str,
    subject: String,
    claims: Vec<(String, String)>,
    checks: Vec<(String, Outcome)>,
    /// Why nothing could be checked on this machine.
    skipped: Option<String>,
}

/// How one check went.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a check holds, fails, or does not apply")]
pub enum Outcome {
    /// It failed, for this reason.
    Failed(String),
    /// The implementation does not claim the capability.
    NotClaimed,
    /// It holds.
    Passed,
}

impl Report {
    /// A report without checks about `subject`, an implementation of `contract`. A subject begins
    /// with the name under which it is registered.
    pub fn new(contract: &'static str, subject: impl Into<String>) -> Self {
        let (claims, checks) = (Vec::new(), Vec::new());
        Self { contract, subject: subject.into(), claims, checks, skipped: None }
    }

    /// Notes what the implementation claims of itself: each field of its capabilities.
    pub fn claim(&mut self, capabilities: &impl Serialize) {
        self.claims = claims::of(capabilities);
    }

    /// Notes how a check went.
    pub fn note(&mut self, check: impl Into<String>, outcome: Result<(), String>) {
        let outcome = outcome.map_or_else(Outcome::Failed, |()| Outcome::Passed);
        self.checks.push((check.into(), outcome));
    }

    /// Notes that a check does not apply, because the capability is not claimed.
    pub fn not_claimed(&mut self, check: impl Into<String>) {
        self.checks.push((check.into(), Outcome::NotClaimed));
    }

    /// Notes that nothing can be checked on this machine, and why. It is said loudly, and is no
    /// failure.
    pub fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// All checks, in the order in which they ran.
    #[must_use]
    pub fn checks(&self) -> &[(String, Outcome)] {
        &self.checks
    }

    /// Prints the whole report, which tests show when they fail or are asked to, and ends the test
    /// if a check failed, or if none ran although it was not skipped.
    ///
    /// # Panics
    ///
    /// If a check failed, or if none ran although it was not skipped.
    #[expect(clippy::print_stdout, reason = "the matrix of all implementations is read from it")]
    pub fn assert(&self) {
        println!("\n{self}");
        let failed = self.checks.iter().any(|(_, how)| matches!(how, Outcome::Failed(_)));
        let passed = self.checks.iter().any(|(_, how)| *how == Outcome::Passed);
        let ran = passed || self.skipped.is_some();
        assert!(ran && !failed, "{} {} does not conform", self.contract, self.subject);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.contract, self.subject)?;
        for (what, how) in &self.claims {
            writeln!(f, "  claims       {what}: {how}")?;
        }
        if let Some(why) = &self.skipped {
            writeln!(f, "  SKIPPED      {why}")?;
        }
        for (check, outcome) in &self.checks {
            match outcome {
                Outcome::Failed(why) => writeln!(f, "  FAILED       {check}: {why}")?,
                Outcome::NotClaimed => writeln!(f, "  not claimed  {check}")?,
                Outcome::Passed => writeln!(f, "  passed       {check}")?,
            }
        }
        Ok(())
    }
}
