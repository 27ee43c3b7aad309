use std::path::PathBuf;

use serde::Deserialize;
use voiceagent_core::{Error, Result};

use super::{Config, ProviderConfig};

/// What can be turned off without taking its settings away: to leave a vendor alone that is in
/// trouble, or to run where nothing may be measured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[switches]`")]
#[non_exhaustive]
pub struct SwitchesConfig {
    /// Language models, whoever names one: the configuration or a template. Without them the rules
    /// answer.
    pub model: bool,
    /// Metrics and journals.
    pub observability: bool,
}

impl Default for SwitchesConfig {
    fn default() -> Self {
        Self { model: true, observability: true }
    }
}

impl SwitchesConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        for (name, switch) in [
            ("DEALERSHIP_MODEL", &mut self.model),
            ("DEALERSHIP_OBSERVABILITY", &mut self.observability),
        ] {
            let Some(set) = env(name) else { continue };
            *switch = match set.trim() {
                "on" => true,
                "off" => false,
                _ => return Err(Error::config(format!("{name}: write `on` or `off`"))),
            };
        }
        Ok(())
    }
}

impl Config {
    /// The folder in which calls leave their journals, unless that is turned off.
    pub(crate) fn journals(&self) -> Option<&PathBuf> {
        self.server.journals.as_ref().filter(|_| self.switches.observability)
    }

    /// The language model that answers, unless models are turned off.
    pub(crate) fn model(&self) -> Option<&ProviderConfig> {
        self.llm.as_ref().filter(|_| self.switches.model)
    }
}
