//! Tables of the documentation that name the tests that prove a row.

use std::{collections::BTreeSet, fs, io, path::Path};

use crate::{behaviours::rust_tests, tree};

/// The names of all tests.
pub(crate) fn tests(root: &Path) -> io::Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    for path in tree::files(root)? {
        if path.extension().is_some_and(|end| end == "rs") {
            let found = rust_tests::find(&fs::read_to_string(root.join(&path))?);
            tests.extend(found.into_iter().map(|(_, name)| name));
        }
    }
    Ok(tests)
}

/// The words in a cell that are names of tests, or their beginnings.
pub(crate) fn names(cell: &str) -> impl Iterator<Item = &str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|name| {
        name.contains('_') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Whether there is a test of this name; or that begins so, if the name ends in `_`.
pub(crate) fn is_test(name: &str, tests: &BTreeSet<String>) -> bool {
    if name.ends_with('_') {
        return tests.iter().any(|test| test.starts_with(name));
    }
    tests.contains(name)
}
