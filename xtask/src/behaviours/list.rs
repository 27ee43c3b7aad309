use std::collections::BTreeSet;

use super::id::Id;

/// How the note of a row begins that needs no test.
const EXCUSE: &str = "does not apply:";

/// The list of behaviours, in the order of the document.
#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) rows: Vec<Row>,
    /// Letters of tests that belong to no row.
    pub(crate) other_letters: BTreeSet<char>,
    /// What is wrong with the document itself: the line, and why.
    pub(crate) findings: Vec<(usize, String)>,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) id: Id,
    /// Why the behaviour does not apply.
    pub(crate) excuse: Option<String>,
}

impl List {
    /// Reads the tables of a document. What stands around them is for readers only.
    pub(crate) fn parse(text: &str) -> Self {
        let mut list = Self::default();
        // Above its rule, a table has its head.
        let mut inside = false;
        for (line, text) in (1..).zip(text.lines()) {
            let Some(cells) = cells(text) else {
                inside = false;
                continue;
            };
            if cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| "-:".contains(c))) {
                inside = true;
            } else if inside && let Err(why) = list.add(line, &cells) {
                list.findings.push((line, why));
            }
        }
        list
    }

    fn add(&mut self, line: usize, cells: &[&str]) -> Result<(), String> {
        let &[id, behaviour, note] = cells else {
            return Err(format!("{} cells; a row has three", cells.len()));
        };
        if behaviour.is_empty() {
            return Err(format!("`{id}` says nothing"));
        }
        if let &[letter] = id.as_bytes()
            && letter.is_ascii_lowercase()
        {
            self.other_letters.insert(char::from(letter.to_ascii_uppercase()));
            return Ok(());
        }
        let id = Id::parse(id).ok_or_else(|| format!("`{id}` is no id"))?;
        let before = self.rows.iter().rev().find(|row| row.id.letter == id.letter);
        let expected = before.map_or(1, |row| row.id.number + 1);
        let excuse = note.strip_prefix(EXCUSE).map(|reason| reason.trim().to_owned());
        let unexcused = excuse.as_ref().is_some_and(String::is_empty);
        self.rows.push(Row { line, id, excuse });
        if id.number != expected {
            return Err(format!("{id} where {}{expected} is expected", id.letter));
        }
        if unexcused {
            return Err(format!("{id} does not apply, but no reason is given"));
        }
        Ok(())
    }
}

/// The cells of a line of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Title\n\n| id | behaviour | note |\n|---|:--|---|\n";

    fn parse(rows: &str) -> List {
        List::parse(&format!("{HEAD}{rows}"))
    }

    fn findings(rows: &str) -> Vec<usize> {
        parse(rows).findings.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn rows_of_all_tables_are_read_and_nothing_around_them() {
        let list = parse(
            "| T1 | One. | |\n| T2 | Two. | a note |\n\n## More\n\n| T9 | in no table | |\n\n\
             | id | behaviour | note |\n|---|---|---|\n| X1 | Three. | |\n",
        );
        let ids: Vec<_> = list.rows.iter().map(|row| (row.line, row.id.to_string())).collect();
        assert_eq!(ids, [(5, "T1".into()), (6, "T2".into()), (14, "X1".into())]);
        assert!(list.findings.is_empty(), "{:?}", list.findings);
        assert!(list.rows.iter().all(|row| row.excuse.is_none()));
    }

    #[test]
    fn only_a_note_that_begins_so_excuses_a_row() {
        let list = parse(
            "| T1 | One. | does not apply: no wires |\n| T2 | Two. | half does not apply: x |\n",
        );
        assert_eq!(list.rows[0].excuse.as_deref(), Some("no wires"));
        assert_eq!(list.rows[1].excuse, None);
        assert_eq!(findings("| T1 | One. | does not apply: |\n"), [5]);
    }

    #[test]
    fn a_single_letter_names_tests_of_no_row() {
        let list = parse("| a | audio | |\n");
        assert_eq!(list.other_letters, ['A'].into());
        assert!(list.rows.is_empty() && list.findings.is_empty());
    }

    #[test]
    fn numbers_have_neither_holes_nor_doubles() {
        assert_eq!(findings("| T1 | a | |\n| T3 | b | |\n"), [6]);
        assert_eq!(findings("| T1 | a | |\n| T1 | b | |\n"), [6]);
        assert_eq!(findings("| T2 | a | |\n"), [5]);
        assert!(findings("| T1 | a | |\n| X1 | b | |\n| T2 | c | |\n").is_empty());
    }

    #[test]
    fn a_row_that_cannot_be_read_is_found() {
        assert_eq!(findings("| T1 | a |\n"), [5]);
        assert_eq!(findings("| T1 | | |\n"), [5]);
        assert_eq!(findings("| t1 | a | |\n"), [5]);
        assert_eq!(findings("| | a | |\n"), [5]);
    }
}
