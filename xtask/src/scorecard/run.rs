//! Plays the rows whose figures a program finds in minutes.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    process::{Command, Stdio},
};

use jiff::Zoned;

use super::{
    measured::{Measured, State},
    row::{How, Row},
    rows::ROWS,
};
use crate::{Failure, cargo::cargo};

/// What a row that missed its target says until somebody has found out why.
const UNEXPLAINED: &str = "the command failed, and nobody has said why";

/// Plays the rows of these numbers, or all that take minutes, and puts what came out in place of
/// what was there. What was said about a red row stays, since only people know why it is red.
///
/// # Errors
///
/// When a command cannot be started.
pub(crate) fn all(
    root: &Path,
    wanted: &BTreeSet<u8>,
    measured: &mut [Measured],
) -> Result<Vec<String>, Failure> {
    let today = Zoned::now().date().to_string();
    let mut findings = Vec::new();
    for row in &ROWS {
        let is_asked = wanted.contains(&row.id);
        if row.how == How::ByHand {
            if is_asked {
                findings.push(format!("row {}: its figure is read off by hand", row.id));
            }
            continue;
        }
        if !(wanted.is_empty() || is_asked) {
            continue;
        }
        eprintln!("{}: {}", row.id, row.what);
        let outcome = played(root, row)?;
        let Some(entry) = measured.iter_mut().find(|entry| entry.row == row.id) else {
            findings.push(format!("row {} has no entry", row.id));
            continue;
        };
        let why = match outcome.state {
            State::Green => String::new(),
            _ if entry.why.is_empty() => UNEXPLAINED.to_owned(),
            _ => entry.why.clone(),
        };
        eprintln!("   {}: {}", outcome.state.shown(), outcome.figure);
        *entry = Measured { date: today.clone(), why, ..outcome };
    }
    Ok(findings)
}

/// What came out, without its day and its reason.
fn played(root: &Path, row: &Row) -> io::Result<Measured> {
    let (mut succeeded, mut printed) = (true, String::new());
    for line in row.commands {
        let (well, text) = run(root, line)?;
        // A filter that finds nothing passes, and shows nothing.
        succeeded &= well && (row.how != How::Tests || passed(&text) > 0);
        printed += &text;
    }
    let figure = match row.how {
        How::Line(words) => {
            let line = printed.lines().find(|line| line.contains(words));
            line.map_or_else(|| "no figure".to_owned(), |line| line.trim().to_owned())
        }
        How::Tests | How::ByHand if succeeded => match passed(&printed) {
            1 => "held in 1 test".to_owned(),
            many => format!("held in {many} tests"),
        },
        How::Tests | How::ByHand => format!("{} tests failed", failed(&printed)),
    };
    let state = if succeeded { State::Green } else { State::Red };
    Ok(Measured { row: row.id, state, figure, date: String::new(), why: String::new() })
}

/// What a command prints on both of its outputs, and whether it succeeded.
fn run(root: &Path, line: &str) -> io::Result<(bool, String)> {
    let mut words = line.split_whitespace();
    let mut command = match words.next() {
        Some("cargo") => cargo(root),
        Some(script) => Command::new(root.join(script)),
        None => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let output = command.args(words).current_dir(root).stdin(Stdio::null()).output()?;
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if !output.status.success() {
        eprint!("{}", text.concat());
    }
    Ok((output.status.success(), text.concat()))
}

/// How many tests passed, after all that cargo has run.
fn passed(printed: &str) -> u32 {
    counted(printed, " passed")
}

fn failed(printed: &str) -> u32 {
    counted(printed, " failed")
}

fn counted(printed: &str, what: &str) -> u32 {
    let results = printed.lines().filter_map(|line| line.trim().strip_prefix("test result: "));
    let counts = results.flat_map(|line| line.split(['.', ';']));
    counts.filter_map(|part| part.trim().strip_suffix(what)?.parse::<u32>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_over_all_programs_that_cargo_runs() {
        let printed = "test result: ok. 3 passed; 0 failed; 0 ignored; finished in 0.1s\n\
             running 0 tests\ntest result: FAILED. 4 passed; 2 failed; 0 ignored\n";
        assert_eq!((passed(printed), failed(printed)), (7, 2));
        assert_eq!(passed("7 passed"), 0);
    }
}
