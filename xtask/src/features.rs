use std::{path::Path, process::Stdio};

use serde_json::Value;

use crate::{Failure, cargo::cargo};

const PACKAGE: &str = "voiceagent-providers";

/// Compiles the providers without any vendor and with each one alone, warnings being errors.
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
    let mut failed = Vec::new();
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

fn features<'a>(metadata: &'a Value, package: &str) -> Vec<&'a str> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let wanted = packages.iter().find(|found| found["name"] == package);
    let features = wanted.and_then(|package| package["features"].as_object());
    let names = features.into_iter().flatten().map(|(name, _)| name.as_str());
    // What begins with `_` is shared by vendors and of no use alone.
    names.filter(|name| *name != "default" && !name.starts_with('_')).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_feature_but_the_default_is_checked() {
        let metadata = json!({ "packages": [
            { "name": "a", "features": { "x": [] } },
            { "name": "b", "features": { "_x": [], "default": ["y"], "y": ["_x"], "z": ["y"] } },
        ] });
        assert_eq!(features(&metadata, "b"), ["y", "z"]);
        assert!(features(&metadata, "c").is_empty());
    }
}
