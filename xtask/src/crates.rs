use std::{collections::BTreeSet, path::Path, process::Stdio};

use crate::{Failure, cargo::cargo};

/// So many crates are too many for the core.
const TOO_MANY: usize = 40;

/// Checks how many crates a user of `voiceagent-core` has to compile, the core not counted.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let tree = cargo(root)
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--package",
            "voiceagent-core",
            "--prefix",
            "none",
        ])
        .stderr(Stdio::inherit())
        .output()?;
    if !tree.status.success() {
        return Err("`cargo tree` failed".into());
    }
    let listed = String::from_utf8(tree.stdout)?;
    let crates = unique(&listed);
    eprintln!("voiceagent-core pulls in {} crates; fewer than {TOO_MANY} may be", crates.len());
    if crates.len() < TOO_MANY {
        return Ok(());
    }
    Err(Failure(crates.into_iter().map(str::to_owned).collect()))
}

/// The crates of a tree without its root, each version once.
fn unique(listed: &str) -> BTreeSet<&str> {
    let mut lines = listed.lines().filter(|line| !line.is_empty());
    let root = lines.next();
    let names = lines.map(|line| line.trim_end_matches(" (*)").trim_end_matches(" (proc-macro)"));
    names.filter(|name| Some(*name) != root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_counts_once_and_the_root_does_not() {
        let listed = "core v0.1.0 (/a)\nsyn v2.0.1\nserde v1.0.0\nserde v1.0.0 (*)\n\
                      serde_derive v1.0.0 (proc-macro)\nserde_derive v1.0.0 (proc-macro) (*)\n\
                      syn v3.0.1\n\n";
        let expected = ["serde v1.0.0", "serde_derive v1.0.0", "syn v2.0.1", "syn v3.0.1"];
        assert_eq!(unique(listed).into_iter().collect::<Vec<_>>(), expected);
    }
}
