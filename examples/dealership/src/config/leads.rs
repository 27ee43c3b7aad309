use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};

/// A sheet of Google Sheets with leads, which also shows what became of them.
///
/// Keys are better kept in the environment: `GOOGLE_CLIENT_ID`, `GOOGLE_CLIENT_SECRET` and
/// `GOOGLE_REFRESH_TOKEN`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[leads]`")]
#[non_exhaustive]
pub struct LeadsConfig {
    /// The identifier of the sheet, which stands in its address; without it, there is none.
    pub sheet: Option<String>,
    /// The name of the table in it.
    pub tab: String,
    /// Where the service is; `None` is Google's.
    pub url: Option<String>,
    /// This program as it is registered.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// What somebody gave the program when they agreed.
    pub refresh_token: Secret,
}

impl Default for LeadsConfig {
    fn default() -> Self {
        Self {
            sheet: None,
            tab: "Leads".to_owned(),
            url: None,
            client_id: String::new(),
            client_secret: Secret::default(),
            refresh_token: Secret::default(),
        }
    }
}

impl LeadsConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        if let Some(client) = env("GOOGLE_CLIENT_ID") {
            self.client_id = client;
        }
        for (name, field) in [
            ("GOOGLE_CLIENT_SECRET", &mut self.client_secret),
            ("GOOGLE_REFRESH_TOKEN", &mut self.refresh_token),
        ] {
            if let Some(value) = env(name) {
                *field = Secret::new(value);
            }
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.sheet.is_none() {
            return Ok(());
        }
        for (field, value, variable) in [
            ("client_id", self.client_id.as_str(), "GOOGLE_CLIENT_ID"),
            ("client_secret", self.client_secret.expose(), "GOOGLE_CLIENT_SECRET"),
            ("refresh_token", self.refresh_token.expose(), "GOOGLE_REFRESH_TOKEN"),
        ] {
            if value.trim().is_empty() {
                return Err(Error::config(format!(
                    "field `leads.{field}` is missing; `leads.sheet` needs it; put it into {variable}"
                )));
            }
        }
        Ok(())
    }
}
