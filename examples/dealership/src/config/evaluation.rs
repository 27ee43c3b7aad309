use std::path::PathBuf;

use serde::Deserialize;
use voiceagent_core::{Error, Result};

/// Scenarios that are played against the template that answers.
///
/// ```toml
/// [evaluation]
/// folder = "scenarios"
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[evaluation]`")]
#[non_exhaustive]
pub struct EvaluationConfig {
    /// Where they are, as files in YAML; without it, none are played.
    pub folder: Option<PathBuf>,
    /// How often; and whenever another version answers.
    pub every_days: u32,
    /// Whether a version that fails where the one before it passed is taken back.
    pub roll_back: bool,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { folder: None, every_days: 7, roll_back: false }
    }
}

impl EvaluationConfig {
    pub(super) fn check(&self) -> Result<()> {
        if (1..=366).contains(&self.every_days) {
            return Ok(());
        }
        Err(Error::config("field `evaluation.every_days`: write a whole number from 1 to 366"))
    }
}
