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

/// Whose tests look for what they leave behind.
const DRIVER: &str = "voiceagent-core/tests/driver";

/// The runtime that does so.
const LEAKS: &str = "crate = \"voiceagent_testkit::leaks\"";

/// Checks lengths, names and depth of all Rust files, that the session machine is pure, that the
/// tests of the driver look for leaks, and that the records of decisions are numbered without gaps.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let files = tree::files(root)?;
    let mut findings = decisions(&files);
    for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        findings.extend(placement(path).into_iter().map(|why| format!("{}:1: {why}", shown(path))));
        let pure = shown(path) == format!("{SESSION}.rs") || path.starts_with(SESSION);
        let source = fs::read_to_string(root.join(path))?;
        let inside = rust_file::check(&source, pure);
        findings.extend(inside.iter().map(|(line, why)| format!("{}:{line}: {why}", shown(path))));
        if path.starts_with(DRIVER) {
            let why = "a test of the driver looks for leaks";
            let lines = unguarded(&source);
            findings.extend(lines.map(|line| format!("{}:{line}: {why}: {LEAKS}", shown(path))));
        }
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

/// The lines with tests that run on another runtime.
fn unguarded(source: &str) -> impl Iterator<Item = usize> {
    let is_test = |line: &str| line.trim_start().starts_with("#[tokio::test");
    let lines = (1..).zip(source.lines());
    lines.filter(move |(_, line)| is_test(line) && !line.contains(LEAKS)).map(|(number, _)| number)
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
    fn a_test_that_does_not_look_for_leaks_is_found() {
        let guarded = format!("#[tokio::test({LEAKS}, start_paused = true)]\nasync fn a() {{}}\n");
        assert_eq!(unguarded(&guarded).count(), 0);
        let source = guarded + "\n    #[tokio::test]\n    async fn b() {}\n";
        assert!(unguarded(&source).eq([4]));
    }

    #[test]
    fn rh22_no_crate_of_the_workspace_may_hold_unsafe_code_or_go_without_the_lints() {
        let read = |path: &Path| fs::read_to_string(crate::root().join(path)).unwrap();
        let workspace = read(Path::new("Cargo.toml"));
        for lint in ["unsafe_code = \"forbid\"", "unwrap_used = \"warn\""] {
            assert!(workspace.contains(lint), "{lint}");
        }
        assert!(read(Path::new(".ci/run")).contains("--workspace --all-targets -- -D warnings"));
        let files = tree::files(&crate::root()).unwrap();
        // The targets of a fuzzer are no part of the workspace, and of nothing that is published.
        let crates =
            files.iter().filter(|it| it.ends_with("Cargo.toml") && !it.starts_with("fuzz"));
        let without = crates.filter(|path| {
            let manifest = read(path);
            manifest.contains("[package]") && !manifest.contains("[lints]\nworkspace = true")
        });
        let without: Vec<_> = without.collect();
        assert!(without.is_empty(), "{without:?}");
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
