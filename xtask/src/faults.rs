use std::{collections::BTreeSet, env, fs, path::Path};

use crate::{
    Failure,
    proofs::{self, is_test, names},
};

/// Where the catalogue of faults stands.
const TABLE: &str = "docs/reliability.md";

/// The parts of the catalogue, and how many faults each has.
const PARTS: [(char, usize); 8] =
    [('A', 32), ('B', 12), ('C', 13), ('D', 20), ('E', 10), ('F', 15), ('G', 20), ('H', 22)];

/// What stands before what a row still lacks.
const OPEN: &str = "open: ";

/// A row of the catalogue.
#[derive(Debug)]
struct Row<'a> {
    id: &'a str,
    proof: &'a str,
}

/// Checks that each fault has its row, that the tests it names are there, that no test claims a
/// fault whose row does not name it, and counts the rows that are open. With `all` behind its name
/// it also fails while a row has no test.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(root.join(TABLE))?;
    let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
    let open = rows.iter().filter(|row| row.proof.contains(OPEN));
    let without = open.clone().filter(|row| row.proof.starts_with(OPEN)).count();
    eprintln!(
        "{} faults: {} have tests, {} are open in part, {without} wholly",
        rows.len(),
        rows.len() - without,
        open.count() - without
    );
    let mut gaps = gaps(&rows, &proofs::tests(root)?);
    if env::args().nth(2).is_some_and(|which| which == "all") {
        let untested = rows.iter().filter(|row| row.proof.starts_with(OPEN));
        gaps.extend(untested.map(|row| format!("{TABLE}: {} has no test", row.id)));
    }
    if gaps.is_empty() { Ok(()) } else { Err(Failure(gaps)) }
}

fn gaps(rows: &[Row<'_>], tests: &BTreeSet<String>) -> Vec<String> {
    let mut gaps = Vec::new();
    let wanted = PARTS.iter().flat_map(|(part, count)| (1..=*count).map(move |n| (*part, n)));
    for (part, number) in wanted {
        let id = format!("R{part}{number}");
        let mut here = rows.iter().filter(|row| row.id == id);
        match (here.next(), here.next()) {
            (Some(row), None) => gaps.extend(gaps_of(row, tests)),
            (None, _) => gaps.push(format!("{TABLE}: {id} has no row")),
            (Some(_), Some(_)) => gaps.push(format!("{TABLE}: {id} has two rows")),
        }
    }
    for test in tests {
        let Some(id) = claimed(test) else { continue };
        let named = |row: &Row<'_>| names(row.proof).any(|name| is_same(name, test));
        if !rows.iter().any(|row| row.id.eq_ignore_ascii_case(id) && named(row)) {
            gaps.push(format!("{TABLE}: no row {id} names `{test}`"));
        }
    }
    gaps
}

fn gaps_of(row: &Row<'_>, tests: &BTreeSet<String>) -> Vec<String> {
    let mut gaps: Vec<String> = names(row.proof)
        .filter(|name| !is_test(name, tests))
        .map(|name| format!("{TABLE}: {}: no test is named `{name}`", row.id))
        .collect();
    if names(row.proof).next().is_none() && !row.proof.starts_with(OPEN) {
        gaps.push(format!("{TABLE}: {} has neither a test nor what is open", row.id));
    }
    gaps
}

/// `| RA1 | what goes wrong | what happens | proof |`
fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let [id, _, _, proof, ""] = cells[..] else { return None };
    is_id(id).then_some(Row { id, proof })
}

fn is_id(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next() == Some('R')
        && letters.next().is_some_and(|part| PARTS.iter().any(|(known, _)| *known == part))
        && letters.as_str().parse::<usize>().is_ok()
}

/// The id that a test begins with, such as `rc12`.
fn claimed(test: &str) -> Option<&str> {
    let (id, _) = test.split_once('_')?;
    is_id(&id.to_ascii_uppercase()).then_some(id)
}

/// Whether a row's `name`, or beginning of names, means this test.
fn is_same(name: &str, test: &str) -> bool {
    name == test || name.ends_with('_') && test.starts_with(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rc_1: &str) -> String {
        let ids = PARTS.iter().flat_map(|(part, count)| (1..=*count).map(move |n| (*part, n)));
        let rows = ids.map(|(part, n)| match (part, n) {
            ('C', 1) => rc_1.to_owned(),
            _ => format!("| R{part}{n} | what | here | `a_test` |\n"),
        });
        rows.collect()
    }

    #[test]
    fn a_row_without_its_tests_and_a_test_without_its_row_are_found() {
        let tests: BTreeSet<String> = ["a_test", "rc1_another"].map(str::to_owned).into();
        let found = |text: &str| {
            let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
            gaps(&rows, &tests)
        };
        for good in ["`rc1_`", "`rc1_another`, `a_test`; open: more", "`a_test`, `rc1_another`"] {
            assert_eq!(found(&table(&format!("| RC1 | what | here | {good} |\n"))), [""; 0]);
        }
        let row = |proof: &str| format!("| RC1 | what | here | {proof} |\n");
        for bad in [
            String::new(),
            row(""),
            row("`a_test`"),
            row("`rc1_`, `rc2_`"),
            row("open: all of it"),
            row("cannot happen"),
            row("`rc1_`") + &row("`rc1_`"),
        ] {
            assert!(!found(&table(&bad)).is_empty(), "{bad}");
        }
    }
}
