use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    Failure,
    proofs::{self, is_test, names},
};

/// Where the table of pitfalls stands.
const TABLE: &str = "docs/carriers.md";

/// How many pitfalls of carriers are known: 22 of media streams, 18 of calls, 18 of SIP and RTP.
const COUNT: usize = 58;

/// What a row says that has no test: that the pitfall cannot occur, or that nothing is done about
/// it. The reason follows.
const MARKS: [&str; 2] = ["cannot occur: ", "open: "];

/// A reason has some words.
const SHORTEST_REASON: usize = 20;

/// Checks that each pitfall of carriers has its row, that it names a test or says why it has none,
/// that the tests it names are there, and that no test claims a pitfall whose row does not name it.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let tests = proofs::tests(root)?;
    let gaps = gaps(&fs::read_to_string(root.join(TABLE))?, &tests);
    eprintln!("{COUNT} pitfalls, {} without proof", gaps.len());
    if gaps.is_empty() { Ok(()) } else { Err(Failure(gaps)) }
}

fn gaps(text: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let rows: Vec<(usize, &str)> = text.lines().filter_map(row).collect();
    let mut gaps = Vec::new();
    for number in 1..=COUNT {
        let here = rows.iter().find(|(known, _)| *known == number).map(|(_, here)| *here);
        match here {
            None | Some("") => gaps.push(format!("{TABLE}: pitfall {number} has no row")),
            Some(here) => {
                if names(here).next().is_none() && !has_reason(here) {
                    gaps.push(format!("{TABLE}: pitfall {number} has neither test nor reason"));
                }
                for name in names(here).filter(|name| !is_test(name, tests)) {
                    gaps.push(format!("{TABLE}: pitfall {number}: no test is named `{name}`"));
                }
            }
        }
    }
    for test in tests {
        let Some(number) = claimed(test) else { continue };
        let prefix = format!("`cp{number}_`");
        if !rows.iter().any(|(known, here)| *known == number && here.contains(&prefix)) {
            gaps.push(format!("{TABLE}: no row {number} names {prefix}, as `{test}` claims"));
        }
    }
    gaps
}

/// Whether a row says why it has no test.
fn has_reason(here: &str) -> bool {
    let reasons = MARKS.iter().filter_map(|mark| here.strip_prefix(mark));
    reasons.into_iter().any(|reason| reason.trim().len() >= SHORTEST_REASON)
}

/// The number of a row, and what it says of this project.
fn row(line: &str) -> Option<(usize, &str)> {
    let mut cells = line.strip_prefix('|')?.split('|');
    let number = cells.next()?.trim().parse().ok()?;
    Some((number, cells.nth(1)?.trim()))
}

/// The pitfall whose number a test carries.
fn claimed(test: &str) -> Option<usize> {
    test.strip_prefix("cp")?.split_once('_')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(row_7: &str) -> String {
        let row = |number: usize| format!("| {number} | What | `cp1_`, rows H |\n");
        (1..=COUNT).map(|n| if n == 7 { row_7.to_owned() } else { row(n) }).collect()
    }

    #[test]
    fn a_reason_stands_for_a_test() {
        let tests = BTreeSet::from(["cp1_a_test".to_owned()]);
        for good in
            ["cannot occur: there are no calls of ours yet", "open: not measured so far, #6"]
        {
            assert!(gaps(&table(&format!("| 7 | What | {good} |\n")), &tests).is_empty(), "{good}");
        }
    }

    #[test]
    fn a_row_without_its_tests_and_a_test_without_its_row_are_found() {
        let tests: BTreeSet<String> =
            ["cp1_a_test", "cp7_another", "a_whole_name"].map(str::to_owned).into();
        for good in [
            "| 7 | What | `cp7_`, `a_whole_name`; `Secret`s |\n",
            "| 7 | What | `cp7_`; open: what else there is to say |\n",
        ] {
            assert!(gaps(&table(good), &tests).is_empty(), "{good}");
        }
        for bad in [
            "",
            "| 7 | What | |\n",
            "| 7 | What | cannot occur |\n",
            "| 7 | What | open: |\n",
            "| 7 | What | open: later |\n",
            "| 7 | What | `Secret`s take care of all of it |\n",
            "| 7 | What | rows H of another table |\n",
            "| 7 | What | `cp7_`, `cp8_` |\n",
            "| 7 | What | `cp7_`, `a_whole` |\n",
            "| 7 | What | `cp7_`, `a_whole_name_more` |\n",
        ] {
            assert!(!gaps(&table(bad), &tests).is_empty(), "{bad}");
        }
    }
}
