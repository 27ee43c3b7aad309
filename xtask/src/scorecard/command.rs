//! Whether what a row names can be started.

use std::{collections::BTreeSet, fs, io, path::Path};

use super::super::{TASKS, behaviours::rust_tests, tree};

/// What keeps this command from being run: a task, a script, a binary or a test that is not there.
///
/// # Errors
///
/// When the files of the tree cannot be read.
pub(crate) fn gaps(root: &Path, id: u8, line: &str) -> io::Result<Vec<String>> {
    // Settings stand before a command as a shell reads them.
    let words: Vec<&str> = line.split_whitespace().skip_while(|word| word.contains('=')).collect();
    let gap = match words[..] {
        ["cargo", "xtask", task, ..] => (!TASKS.iter().any(|known| known.name == task))
            .then(|| format!("there is no task {task}")),
        ["cargo", "test", ..] => missing_test(root, &words)?,
        ["cargo", "run", ..] => missing_binary(root, &words),
        ["cargo", "clippy" | "deny", ..] => None,
        [script, ..] if script.starts_with(".ci/") => {
            (!root.join(script).is_file()).then(|| format!("there is no {script}"))
        }
        _ => Some("nobody can tell whether it exists".to_owned()),
    };
    Ok(gap.map(|why| format!("row {id}: `{line}`: {why}")).into_iter().collect())
}

/// Every filter must find a test, or the run would pass without one.
fn missing_test(root: &Path, words: &[&str]) -> io::Result<Option<String>> {
    let Some(folder) = package(root, words) else {
        return Ok(Some("it names no package that is there".to_owned()));
    };
    let mut tests = BTreeSet::new();
    for path in tree::files(&root.join(&folder))? {
        if path.extension().is_some_and(|end| end == "rs") {
            let source = fs::read_to_string(root.join(&folder).join(&path))?;
            tests.extend(rust_tests::find(&source).into_iter().map(|(_, name)| name));
        }
    }
    let filters: Vec<&&str> = words
        .iter()
        .skip_while(|word| **word != "--")
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if filters.is_empty() {
        return Ok(Some("it names no test".to_owned()));
    }
    let lost = filters.iter().find(|filter| !tests.iter().any(|test| test.contains(***filter)));
    Ok(lost.map(|filter| format!("no test of {folder} is named {filter}")))
}

fn missing_binary(root: &Path, words: &[&str]) -> Option<String> {
    let Some(folder) = package(root, words) else {
        return Some("it names no package that is there".to_owned());
    };
    let Some(binary) = after(words, "--bin") else { return Some("it names no binary".to_owned()) };
    let file = root.join(&folder).join("src/bin").join(binary).with_extension("rs");
    (!file.is_file()).then(|| format!("{folder} has no binary {binary}"))
}

/// The folder of the package that a command is about.
fn package(root: &Path, words: &[&str]) -> Option<String> {
    let name = after(words, "-p")?;
    // The package of the benches has another name than its folder.
    let name = if name == "voiceagent-benches" { "benches" } else { name };
    let places = [name.to_owned(), format!("examples/{name}")];
    places.into_iter().find(|folder| root.join(folder).join("Cargo.toml").is_file())
}

fn after<'a>(words: &[&'a str], option: &str) -> Option<&'a str> {
    words.iter().skip_while(|word| **word != option).nth(1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    fn is_there(line: &str) -> bool {
        gaps(&root(), 1, line).unwrap().is_empty()
    }

    #[test]
    fn a_command_is_there_when_each_of_its_parts_is() {
        assert!(is_there("cargo xtask words"));
        assert!(!is_there("cargo xtask nonsense"));
        assert!(is_there(".ci/run"));
        assert!(is_there("CALLS=50 .ci/run"));
        assert!(!is_there(".ci/nonsense"));
        assert!(!is_there("CALLS=50 .ci/nonsense"));
        assert!(is_there("cargo test -p xtask -- a_command_is_there_ files_are_named_"));
        assert!(!is_there("cargo test -p xtask -- a_command_is_there_ no_test_begins_so"));
        assert!(!is_there("cargo test -p xtask"), "all tests would pass for the one that counts");
        assert!(!is_there("cargo test -p nowhere -- a_command_is_there_"));
        assert!(is_there("cargo run --release -p voiceagent-benches --bin density -- --calls 50"));
        assert!(!is_there("cargo run --release -p voiceagent-benches --bin nonsense"));
        assert!(!is_there("make it so"));
    }
}
