use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Failure, rust_file, tree};

/// Folders that may lie between `src` and a file.
const DEEPEST: usize = 2;

/// Names that say nothing about what a file holds.
const VAGUE: [&str; 8] =
    ["common", "helper", "helpers", "misc", "util", "utilities", "utils", "stuff"];

/// Where the session machine lies: a file and a folder of this name.
const SESSION: &str = "voiceagent-core/src/session";

/// Checks lengths, names and depth of all Rust files, that the session machine is pure, and that
/// the records of decisions are numbered without gaps.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let files = tree::files(root)?;
    let mut findings = decisions(&files);
    for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        findings.extend(placement(path).into_iter().map(|why| format!("{}:1: {why}", shown(path))));
        let pure = shown(path) == format!("{SESSION}.rs") || path.starts_with(SESSION);
        let source = fs::read_to_string(root.join(path))?;
        let inside = rust_file::check(&source, pure);
        findings.extend(inside.iter().map(|(line, why)| format!("{}:{line}: {why}", shown(path))));
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure(findings)) }
}

fn placement(path: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if stem == "mod" {
        findings.push("`mod.rs`: name the file after the module".to_owned());
    }
    let vague = |name: &&String| VAGUE.contains(&name.trim_end_matches(".rs"));
    findings.extend(names.iter().filter(vague).map(|name| format!("`{name}` names no one thing")));
    if let Some(src) = names.iter().position(|name| name == "src") {
        let depth = names.len() - src - 2;
        if depth > DEEPEST {
            findings.push(format!("{depth} folders below src; at most {DEEPEST}"));
        }
    }
    findings
}

fn decisions(files: &[PathBuf]) -> Vec<String> {
    let records = files.iter().filter(|path| path.starts_with("docs/decisions"));
    let mut findings = Vec::new();
    for (expected, path) in (1..).zip(records) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(&format!("{expected:04}-")) || !name.ends_with(".md") {
            let why = format!("a record of decision {expected:04} is expected here");
            findings.push(format!("{}:1: {why}", shown(path)));
        }
    }
    findings
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misplaced(path: &str) -> usize {
        placement(Path::new(path)).len()
    }

    #[test]
    fn files_are_named_after_one_thing_and_lie_near_src() {
        assert_eq!(misplaced("a/src/b.rs"), 0);
        assert_eq!(misplaced("a/src/b/c/d.rs"), 0);
        assert_eq!(misplaced("a/src/b/c/d/e.rs"), 1);
        assert_eq!(misplaced("a/src/b/mod.rs"), 1);
        assert_eq!(misplaced("a/src/utils.rs"), 1);
        assert_eq!(misplaced("a/tests/common/b.rs"), 1);
        assert_eq!(misplaced("a/src/commons.rs"), 0);
    }

    #[test]
    fn decisions_are_numbered_without_gaps() {
        let files = |names: &[&str]| {
            let paths = names.iter().map(|name| Path::new("docs/decisions").join(name));
            decisions(&paths.collect::<Vec<_>>()).len()
        };
        assert_eq!(files(&["0001-a.md", "0002-b.md"]), 0);
        assert_eq!(files(&["0001-a.md", "0003-b.md"]), 1);
        assert_eq!(files(&["0001-a.md", "0001-b.md"]), 1);
        assert_eq!(files(&["0001-a.txt"]), 1);
    }
}
