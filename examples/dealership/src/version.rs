//! Which program answers.

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};

/// The commit that it was built from, where the build says so (`DEALERSHIP_COMMIT`).
const COMMIT: Option<&str> = option_env!("DEALERSHIP_COMMIT");

/// `/version`, so that it can be told whether what was deployed is what runs.
pub(crate) fn routes() -> Router {
    Router::new().route("/version", get(|| async { Json(version()) }))
}

fn version() -> Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "commit": COMMIT.unwrap_or("unknown") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_knows_the_commit_that_it_was_built_from() {
        let told = version();
        assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(told["commit"], option_env!("DEALERSHIP_COMMIT").unwrap_or("unknown"));
    }
}
