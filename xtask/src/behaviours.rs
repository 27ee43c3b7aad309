mod id;
mod list;
pub(crate) mod rust_tests;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
};

use self::{id::Id, list::List};
use crate::{Failure, tree};

/// The one list of behaviours.
const LIST: &str = "docs/behaviours.md";

/// The tests of each id, as `file:line name`.
type Proofs = BTreeMap<Id, Vec<String>>;

/// Prints the tests of each behaviour in the list, and checks that none is without, and that no
/// test claims a behaviour that is not there.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let list = List::parse(&fs::read_to_string(root.join(LIST))?);
    let proofs = proofs(root)?;
    io::stdout().write_all(table(&list, &proofs).as_bytes())?;
    let gaps = gaps(&list, &proofs);
    if gaps.is_empty() { Ok(()) } else { Err(Failure(gaps)) }
}

fn proofs(root: &Path) -> io::Result<Proofs> {
    let mut proofs = Proofs::new();
    for path in tree::files(root)? {
        if path.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        for (line, name) in rust_tests::find(&fs::read_to_string(root.join(&path))?) {
            for id in Id::carried_by(&name) {
                let shown = path.to_string_lossy().replace('\\', "/");
                proofs.entry(id).or_default().push(format!("{shown}:{line} {name}"));
            }
        }
    }
    Ok(proofs)
}

/// A line for each test of each row, and a last one that counts.
fn table(list: &List, proofs: &Proofs) -> String {
    let mut table = String::new();
    let (mut proven, mut excused) = (0, 0);
    for row in &list.rows {
        let tests = proofs.get(&row.id).map_or(&[][..], Vec::as_slice);
        proven += usize::from(!tests.is_empty());
        excused += usize::from(row.excuse.is_some());
        let excuse = row.excuse.iter().map(|reason| format!("(does not apply: {reason})"));
        let mut lines: Vec<String> = excuse.chain(tests.iter().cloned()).collect();
        if lines.is_empty() {
            lines.push("(no test)".to_owned());
        }
        for line in lines {
            writeln!(table, "{:<4} {line}", row.id).expect("a String takes any text");
        }
    }
    let all = list.rows.len();
    let without = all - list.rows.iter().filter(|row| is_settled(row, proofs)).count();
    writeln!(
        table,
        "{all} behaviours: {proven} with tests, {excused} do not apply, {without} without a test"
    )
    .expect("a String takes any text");
    table
}

fn is_settled(row: &list::Row, proofs: &Proofs) -> bool {
    row.excuse.is_some() || proofs.contains_key(&row.id)
}

fn gaps(list: &List, proofs: &Proofs) -> Vec<String> {
    let wrong = list.findings.iter().map(|(line, why)| format!("{LIST}:{line}: {why}"));
    let mut gaps: Vec<String> = wrong.collect();
    for row in &list.rows {
        let place = format!("{LIST}:{}", row.line);
        match proofs.get(&row.id) {
            None if row.excuse.is_none() => gaps.push(format!("{place}: {} has no test", row.id)),
            Some(tests) if row.excuse.is_some() => {
                let claim = |test| format!("{place}: {} does not apply, but: {test}", row.id);
                gaps.extend(tests.iter().map(claim));
            }
            _ => {}
        }
    }
    for (id, tests) in proofs {
        let listed = list.rows.iter().any(|row| row.id == *id);
        if !listed && !list.other_letters.contains(&id.letter) {
            let stray = |test: &String| format!("{test}: {id} is not in {LIST}");
            gaps.extend(tests.iter().map(stray));
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> List {
        let text = "| id | behaviour | note |\n|---|---|---|\n\
                    | T1 | One. | |\n| T2 | Two. | does not apply: no wires |\n| a | audio | |\n";
        List::parse(text)
    }

    fn proofs(ids: &[&str]) -> Proofs {
        let test = |id: &&str| {
            let parsed = Id::parse(id).expect("an id of the test");
            (parsed, vec![format!("a.rs:1 {}_x", id.to_lowercase())])
        };
        ids.iter().map(test).collect()
    }

    #[test]
    fn a_list_whose_rows_have_tests_has_no_gaps() {
        assert_eq!(gaps(&list(), &proofs(&["T1"])), [""; 0]);
    }

    #[test]
    fn a_row_without_a_test_is_a_gap() {
        assert_eq!(gaps(&list(), &proofs(&[])), ["docs/behaviours.md:3: T1 has no test"]);
    }

    #[test]
    fn a_test_without_a_row_is_a_gap_unless_its_letter_is_set_apart() {
        let found = gaps(&list(), &proofs(&["T1", "T3", "Y1", "A7"]));
        let stray = |test, id| format!("a.rs:1 {test}_x: {id} is not in docs/behaviours.md");
        assert_eq!(found, [stray("t3", "T3"), stray("y1", "Y1")]);
    }

    #[test]
    fn a_test_for_what_does_not_apply_is_a_gap() {
        let found = gaps(&list(), &proofs(&["T1", "T2"]));
        assert_eq!(found, ["docs/behaviours.md:4: T2 does not apply, but: a.rs:1 t2_x"]);
    }

    #[test]
    fn a_broken_list_is_a_gap() {
        let list = List::parse("|---|---|---|\n| T1 | One. |\n");
        assert_eq!(gaps(&list, &Proofs::new()), ["docs/behaviours.md:2: 2 cells; a row has three"]);
    }

    #[test]
    fn the_table_shows_each_row_and_counts() {
        let shown = table(&list(), &proofs(&["T1"]));
        assert_eq!(
            shown,
            "T1   a.rs:1 t1_x\nT2   (does not apply: no wires)\n\
             2 behaviours: 1 with tests, 1 do not apply, 0 without a test\n"
        );
        assert!(table(&list(), &proofs(&[])).starts_with("T1   (no test)\n"));
    }
}
