use std::fmt::Write as _;

use super::{measured::Measured, row::Row};
use crate::Failure;

/// Between these lines stands what is written here.
const BEGIN: &str = "<!-- begin: written by `cargo xtask scorecard --write` -->\n";
const END: &str = "<!-- end of the scorecard -->\n";

/// The text with a table of these rows and what was found of them.
///
/// # Errors
///
/// When the lines that enclose the table are not there.
pub(crate) fn renewed(text: &str, rows: &[Row], measured: &[Measured]) -> Result<String, Failure> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or("the lines that enclose the scorecard are missing")?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(rows, measured)))
}

fn table(rows: &[Row], measured: &[Measured]) -> String {
    let mut table = String::from(
        "\n| | Promise | Target | Measured | State | Command |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let entry = measured.iter().find(|entry| entry.row == row.id);
        let (found, state) = entry.map_or(("", ""), |it| (&*it.figure, it.state.shown()));
        let date = entry.map_or("", |it| &it.date);
        let why = entry.map_or("", |it| &it.why);
        let figure = [(found, ""), (date, ", "), (why, "; ")].into_iter().fold(
            String::new(),
            |all, (part, between)| match (all.is_empty(), part.is_empty()) {
                (_, true) => all,
                (true, false) => part.to_owned(),
                (false, false) => all + between + part,
            },
        );
        let commands: Vec<String> = row.commands.iter().map(|it| format!("`{it}`")).collect();
        let commands = if commands.is_empty() { "–".to_owned() } else { commands.join(", ") };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {figure} | {state} | {commands} |",
            row.id, row.what, row.target
        );
    }
    table.push('\n');
    table
}

#[cfg(test)]
mod tests {
    use super::{
        super::{How, State},
        *,
    };

    #[test]
    fn a_table_takes_the_place_of_the_old_one() {
        let row = Row { id: 1, what: "a", commands: &["b c"], target: "0", how: How::ByHand };
        let entry = Measured {
            row: 1,
            state: State::Red,
            figure: "3".into(),
            date: "2026-01-31".into(),
            why: "slow".into(),
        };
        let text = format!("before\n{BEGIN}old\n{END}after\n");
        let fresh = renewed(&text, &[row], &[entry]).unwrap();
        assert!(fresh.starts_with("before\n") && fresh.ends_with("after\n"), "{fresh}");
        assert!(
            fresh.contains("| 1 | a | 0 | 3, 2026-01-31; slow | **red** | `b c` |\n"),
            "{fresh}"
        );
        assert!(!fresh.contains("old"));
        assert!(renewed("nothing", &[row], &[]).is_err());
    }
}
