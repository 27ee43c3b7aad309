use std::{env, fs, path::Path, process::Command};

use serde_json::Value;

use crate::Failure;

/// So many of a hundred mutants must be noticed by a test.
const ENOUGH: u64 = 90;

/// Changes the session in one place after the other, and counts how many of the changes its tests
/// notice. Further arguments go to cargo-mutants; `.cargo/mutants.toml` says what is changed.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    if !cargo(root).args(["mutants", "--version"]).output()?.status.success() {
        let how = "cargo-mutants is missing; `cargo install cargo-mutants --locked` installs it";
        return Err(how.into());
    }
    let output = root.join("target");
    let status = cargo(root)
        .args(["mutants", "--package", "voiceagent-core", "--output"])
        .arg(&output)
        .args(env::args_os().skip(2))
        .status()?;
    // The other codes of cargo-mutants: 2 for mutants that survived, 3 for some that ran too long.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(format!("cargo-mutants could not finish: {status}").into());
    }
    let outcomes = fs::read_to_string(output.join("mutants.out").join("outcomes.json"))?;
    let tally = Tally::of(&serde_json::from_str(&outcomes)?);
    eprintln!("{}", tally.summary());
    if tally.is_enough() {
        return Ok(());
    }
    Err(format!("at least {ENOUGH} % are asked for").into())
}

fn cargo(root: &Path) -> Command {
    let mut command = crate::cargo::cargo(root);
    // Each job builds a copy of the tree; in a common folder they would wait for each other.
    command.env_remove("CARGO_TARGET_DIR");
    command
}

/// What became of the mutants.
struct Tally {
    caught: u64,
    missed: u64,
    /// The tests ran for ever, which somebody would have noticed.
    timeout: u64,
    /// Did not compile, and so says nothing about the tests.
    unviable: u64,
}

impl Tally {
    fn of(outcomes: &Value) -> Self {
        let count = |what: &str| outcomes[what].as_u64().unwrap_or_default();
        Self {
            caught: count("caught"),
            missed: count("missed"),
            timeout: count("timeout"),
            unviable: count("unviable"),
        }
    }

    fn noticed(&self) -> u64 {
        self.caught + self.timeout
    }

    fn viable(&self) -> u64 {
        self.noticed() + self.missed
    }

    /// A run without a mutant has shown nothing.
    fn is_enough(&self) -> bool {
        self.viable() > 0 && self.noticed() * 100 >= self.viable() * ENOUGH
    }

    fn summary(&self) -> String {
        let (noticed, viable) = (self.noticed(), self.viable());
        let per_mille = noticed * 1_000 / viable.max(1);
        format!(
            "{noticed} of {viable} mutants noticed: {}.{} % ({} by a test that ran for ever); \
             {} survived, {} did not compile",
            per_mille / 10,
            per_mille % 10,
            self.timeout,
            self.missed,
            self.unviable,
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tally(caught: u64, missed: u64, timeout: u64) -> Tally {
        Tally::of(&json!({
            "caught": caught, "missed": missed, "timeout": timeout, "unviable": 7,
        }))
    }

    #[test]
    fn nine_of_ten_are_enough_and_less_is_not() {
        assert!(tally(90, 10, 0).is_enough());
        assert!(tally(89, 10, 1).is_enough());
        assert!(!tally(899, 101, 0).is_enough());
    }

    #[test]
    fn a_run_without_mutants_proves_nothing() {
        assert!(!tally(0, 0, 0).is_enough());
    }

    #[test]
    fn the_rate_is_of_those_that_compile_and_rounded_down() {
        let summary = tally(180, 9, 1).summary();
        assert_eq!(
            summary,
            "181 of 190 mutants noticed: 95.2 % (1 by a test that ran for ever); 9 survived, 7 did \
             not compile"
        );
    }
}
