mod matrix;
mod report;
mod table;

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    process::Stdio,
};

use self::report::Report;
use crate::{Failure, cargo::cargo};

/// Where the capabilities stand that the suites have found to hold.
const DOCS: &str = "docs/providers.md";

/// Runs the suites of every vendor, prints how each one did in each check, and checks that
/// there is no gap, and that the table of capabilities says what was found. With `write` behind
/// its name it brings the table up to date instead.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let (printed, succeeded) = run(root)?;
    let reports = report::read(&printed);
    if reports.is_empty() {
        return Err("no suite has reported; do the tests compile?".into());
    }
    io::stdout().write_all(matrix::matrix(&reports).as_bytes())?;
    let mut findings = matrix::findings(&reports);
    if !succeeded {
        findings.push("a suite failed: `cargo test -p voiceagent-providers --test vendors`".into());
    }
    let text = fs::read_to_string(root.join(DOCS))?;
    let fresh = table::renewed(&text, &reports)?;
    if fresh != text {
        if env::args().nth(2).is_some_and(|how| how == "write") {
            fs::write(root.join(DOCS), fresh)?;
        } else {
            findings.push(format!("{DOCS} is not what was found: `cargo xtask conformance write`"));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure(findings)) }
}

/// What the tests of the suites print, and whether all passed.
fn run(root: &Path) -> io::Result<(String, bool)> {
    let output = cargo(root)
        .args(["test", "--quiet", "--package", "voiceagent-providers", "--test", "vendors"])
        .args(["--", "--show-output", "conform", "pass"])
        .stderr(Stdio::inherit())
        .output()?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success()))
}

/// All reports about one contract, in the order of the contracts' first.
fn by_contract(reports: &[Report]) -> Vec<(&str, Vec<&Report>)> {
    let mut all: Vec<(&str, Vec<&Report>)> = Vec::new();
    for report in reports {
        match all.iter_mut().find(|(contract, _)| *contract == report.contract) {
            Some((_, of)) => of.push(report),
            None => all.push((&report.contract, vec![report])),
        }
    }
    all
}
