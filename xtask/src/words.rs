use std::{fs, path::Path};

use crate::{Failure, tree};

/// What would tie the tree to one machine. In two pieces, so that this file does not hold it.
const FORBIDDEN: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("../sh", "ared")];

/// Checks that no text in the tree names a path of somebody's machine.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let mut findings = Vec::new();
    for path in tree::files(root)? {
        // What is not UTF-8 is no text.
        let Ok(text) = fs::read_to_string(root.join(&path)) else { continue };
        for (line, word) in found(&text) {
            findings.push(format!("{}:{line}: `{word}`", path.display()));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Failure(findings)) }
}

fn found(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = FORBIDDEN.into_iter().filter(|word| line.contains(word));
        found.extend(words.map(|word| (number + 1, word)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_machine_is_found_with_its_line() {
        let text = format!("fine\nsee {} for more", FORBIDDEN[0]);
        assert_eq!(found(&text), [(2, FORBIDDEN[0])]);
        assert!(found("a/path/of/the/tree").is_empty());
    }
}
