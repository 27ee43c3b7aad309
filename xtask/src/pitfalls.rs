use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    Failure,
    proofs::{self, is_test, names},
};

/// Where the table of pitfalls stands.
const TABLE: &str = "docs/carriers.md";

/// How many pitfalls of carriers are known.
const COUNT: usize = 40;

/// Checks that each pitfall of carriers has its row, that the tests it names are there, and that
/// no test claims a pitfall whose row does not name it.
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
    fn a_row_without_its_tests_and_a_test_without_its_row_are_found() {
        let tests: BTreeSet<String> =
            ["cp1_a_test", "cp7_another", "a_whole_name"].map(str::to_owned).into();
        let good = "| 7 | What | `cp7_`, `a_whole_name`; `Secret`s |\n";
        assert!(gaps(&table(good), &tests).is_empty());
        for bad in [
            "",
            "| 7 | What | |\n",
            "| 7 | What | cannot occur |\n",
            "| 7 | What | `cp7_`, `cp8_` |\n",
            "| 7 | What | `cp7_`, `a_whole` |\n",
            "| 7 | What | `cp7_`, `a_whole_name_more` |\n",
        ] {
            assert!(!gaps(&table(bad), &tests).is_empty(), "{bad}");
        }
    }
}
