mod command;
mod measured;
mod row;
mod rows;
mod run;
mod table;

use std::{collections::BTreeSet, env, fs, path::Path};

use self::{
    measured::{Measured, State},
    row::{How, Row},
    rows::ROWS,
};
use crate::Failure;

/// Where the table stands.
const DOCS: &str = "docs/reliability.md";

/// Where the figures stand, for people and programs.
const FIGURES: &str = "docs/scorecard.json";

/// Checks that each row of the scorecard has a command that exists and a figure, or says honestly
/// why it has none, and that the table in the docs shows them.
///
/// `--run` plays the rows that take minutes at most (or those whose numbers follow) and writes what
/// came out; `--write` only brings the table up to date with the figures.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let mut measured = measured::read(&fs::read_to_string(root.join(FIGURES))?)?;
    let mode = env::args().nth(2);
    let mut findings = Vec::new();
    match mode.as_deref() {
        None | Some("--write") => {}
        Some("--run") => {
            let wanted: BTreeSet<u8> =
                env::args().skip(3).map(|id| id.parse()).collect::<Result<_, _>>()?;
            findings = run::all(root, &wanted, &mut measured)?;
            fs::write(root.join(FIGURES), measured::written(&measured)?)?;
        }
        Some(other) => return Err(format!("`{other}` is neither --run nor --write").into()),
    }
    let text = fs::read_to_string(root.join(DOCS))?;
    let fresh = table::renewed(&text, &ROWS, &measured)?;
    if fresh != text {
        if mode.is_some() {
            fs::write(root.join(DOCS), fresh)?;
        } else {
            findings.push(format!("{DOCS} is not {FIGURES}: `cargo xtask scorecard --write`"));
        }
    }
    findings.extend(gaps(&ROWS, &measured));
    for row in &ROWS {
        for line in row.commands {
            findings.extend(command::gaps(root, row.id, line)?);
        }
    }
    summary(&measured);
    if findings.is_empty() { Ok(()) } else { Err(Failure(findings)) }
}

fn summary(measured: &[Measured]) {
    let count = |state| measured.iter().filter(|it| it.state == state).count();
    eprintln!(
        "{} rows: {} green, {} red, {} not measured",
        ROWS.len(),
        count(State::Green),
        count(State::Red),
        count(State::NotMeasured)
    );
}

/// What is missing: rows without an entry, entries without a row, and entries that say too little.
fn gaps(rows: &[Row], measured: &[Measured]) -> Vec<String> {
    let mut gaps = Vec::new();
    for row in rows {
        let mut here = measured.iter().filter(|it| it.row == row.id);
        let (Some(entry), None) = (here.next(), here.next()) else {
            gaps.push(format!("{FIGURES}: row {} has no entry, or two", row.id));
            continue;
        };
        gaps.extend(
            entry.gaps().into_iter().map(|why| format!("{FIGURES}: row {}: {why}", row.id)),
        );
        if row.commands.is_empty() && entry.state != State::NotMeasured {
            gaps.push(format!("row {} has a figure and no command", row.id));
        }
        if row.commands.is_empty() && row.how != How::ByHand {
            gaps.push(format!("row {} is to be run and has no command", row.id));
        }
    }
    let is_known = |entry: &&Measured| rows.iter().any(|row| row.id == entry.row);
    let strangers = measured.iter().filter(|entry| !is_known(entry));
    gaps.extend(strangers.map(|entry| format!("{FIGURES}: there is no row {}", entry.row)));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row = Row {
        id: 1,
        what: "something",
        commands: &["cargo xtask words"],
        target: "none",
        how: How::Tests,
    };

    fn entry(row: u8, state: State) -> Measured {
        let measured = state != State::NotMeasured;
        let text =
            |is_there: bool, text: &str| if is_there { text.to_owned() } else { String::new() };
        Measured {
            row,
            state,
            figure: text(measured, "1 of 2"),
            date: text(measured, "2026-01-31"),
            why: text(state != State::Green, "it takes a day"),
        }
    }

    #[test]
    fn a_row_without_a_figure_or_an_honest_reason_is_found() {
        for state in [State::Green, State::Red, State::NotMeasured] {
            assert_eq!(gaps(&[ROW], &[entry(1, state)]), [""; 0]);
        }
        assert_eq!(gaps(&[ROW], &[]).len(), 1);
        assert_eq!(gaps(&[ROW], &[entry(1, State::Green), entry(1, State::Red)]).len(), 1);
        assert_eq!(gaps(&[ROW], &[entry(1, State::Green), entry(2, State::Red)]).len(), 1);
        let silent = Measured { why: String::new(), ..entry(1, State::Red) };
        assert_eq!(gaps(&[ROW], &[silent]).len(), 1);
        let boast = Measured { figure: String::new(), ..entry(1, State::Green) };
        assert_eq!(gaps(&[ROW], &[boast]).len(), 1);
        let undated = Measured { date: "yesterday".into(), ..entry(1, State::Green) };
        assert_eq!(gaps(&[ROW], &[undated]).len(), 1);
        let claimed = Measured { figure: "2 of 2".into(), ..entry(1, State::NotMeasured) };
        assert_eq!(gaps(&[ROW], &[claimed]).len(), 1);
    }

    #[test]
    fn a_figure_without_a_command_is_found() {
        let row = Row { commands: &[], how: How::ByHand, ..ROW };
        assert_eq!(gaps(&[row], &[entry(1, State::NotMeasured)]), [""; 0]);
        assert_eq!(gaps(&[row], &[entry(1, State::Green)]).len(), 1);
        let row = Row { how: How::Tests, ..row };
        assert_eq!(gaps(&[row], &[entry(1, State::NotMeasured)]).len(), 1);
    }

    #[test]
    fn the_rows_are_numbered_from_1_to_28() {
        assert!(ROWS.iter().map(|row| row.id).eq(1..=28));
    }
}
