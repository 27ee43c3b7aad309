use serde::Deserialize;
use voiceagent_core::{Result, Secret};

use super::read::long_key;
use crate::notices::Notices;

/// The customer's side: links to appointments, and the messages that bring them.
///
/// ```toml
/// [portal]                # DEALERSHIP_PORTAL_KEY
/// confirmation = "{name}: {service}, {when}. {link}"
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[portal]`")]
#[non_exhaustive]
pub struct PortalConfig {
    /// What is written to somebody who has booked or moved, with `{name}`, `{service}`, `{when}`,
    /// `{place}`, `{code}`, `{phone}` and `{link}`; `None` leaves the words to the program.
    pub confirmation: Option<String>,
    /// What is written the day before.
    pub reminder: Option<String>,
    /// Seals the links, `DEALERSHIP_PORTAL_KEY`; from the environment alone. `None` leaves the
    /// customer's side out.
    #[serde(skip)]
    pub key: Option<Secret>,
}

impl PortalConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        self.key = long_key(env, "DEALERSHIP_PORTAL_KEY")?;
        Ok(())
    }

    pub(super) fn check(&self) -> Result<()> {
        Notices::read(self).map(drop)
    }
}
