use std::{fs, path::Path, process::Stdio};

use serde_json::Value;

use crate::{Failure, cargo::cargo};

const PACKAGE: &str = "voiceagent-providers";

/// Whose documentation lists them.
const LIB: &str = "voiceagent-providers/src/lib.rs";

/// Compiles the providers without any vendor and with each one alone, warnings being errors, and
/// checks that the documentation lists each feature.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let metadata = cargo(root)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let features = features(&metadata, PACKAGE);
    if features.is_empty() {
        return Err(format!("{PACKAGE} has no features").into());
    }
    let mut failed = unlisted(&fs::read_to_string(root.join(LIB))?, &features);
    for feature in std::iter::once("").chain(features) {
        let shown = if feature.is_empty() { "no feature" } else { feature };
        eprintln!("{PACKAGE} with {shown}");
        let status = cargo(root)
            .args([
                "clippy",
                "--quiet",
                "--no-deps",
                "--package",
                PACKAGE,
                "--lib",
                "--no-default-features",
            ])
            .args(["--features", feature, "--", "-D", "warnings"])
            .status()?;
        if !status.success() {
            failed.push(format!("{PACKAGE} with {shown} does not compile cleanly"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure(failed)) }
}

/// Features that are missing in a table, each with its name in the first column.
fn unlisted(documentation: &str, features: &[&str]) -> Vec<String> {
    let is_listed = |feature: &&str| documentation.contains(&format!("//! | `{feature}` | "));
    let missing = features.iter().filter(|feature| !is_listed(feature));
    missing.map(|feature| format!("{LIB} does not list {feature}")).collect()
}

fn features<'a>(metadata: &'a Value, package: &str) -> Vec<&'a str> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let wanted = packages.iter().find(|found| found["name"] == package);
    let features = wanted.and_then(|package| package["features"].as_object());
    let names = features.into_iter().flatten().map(|(name, _)| name.as_str());
    names.filter(|name| *name != "default").collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_feature_but_the_default_is_checked() {
        let metadata = json!({ "packages": [
            { "name": "a", "features": { "x": [] } },
            { "name": "b", "features": { "default": ["y"], "y": [], "z": ["y"] } },
        ] });
        assert_eq!(features(&metadata, "b"), ["y", "z"]);
        assert!(features(&metadata, "c").is_empty());
    }

    #[test]
    fn a_feature_that_is_not_listed_is_found() {
        let documentation = "//! | Feature | What |\n//! |---|---|\n//! | `y` | a voice |\n";
        assert!(unlisted(documentation, &["y"]).is_empty());
        assert_eq!(unlisted(documentation, &["y", "z"]), [format!("{LIB} does not list z")]);
    }
}
