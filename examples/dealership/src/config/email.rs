use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};

/// E-mail, for campaigns that write letters.
///
/// Passwords are better kept in the environment: `SMTP_PASSWORD` and `IMAP_PASSWORD`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[email]`")]
#[non_exhaustive]
pub struct EmailConfig {
    /// The server that takes letters: `smtps://mail.example.com`. Without it, none are written.
    pub smtp: Option<String>,
    /// Who logs in there; nobody does if it is empty.
    pub user: String,
    /// With which password.
    pub password: Secret,
    /// Whose letters they are: `Nair Motors <service@example.com>`.
    pub from: String,
    /// The server with the box in which answers arrive: `imaps://mail.example.com`. Without it, they
    /// are not read.
    pub imap: Option<String>,
    /// Who logs in there; as for letters if it is empty.
    pub imap_user: String,
    /// With which password; as for letters if it is empty.
    pub imap_password: Secret,
}

impl EmailConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        for (name, field) in
            [("IMAP_PASSWORD", &mut self.imap_password), ("SMTP_PASSWORD", &mut self.password)]
        {
            if let Some(value) = env(name) {
                *field = Secret::new(value);
            }
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.smtp.is_some() && self.from.trim().is_empty() {
            return Err(Error::config(
                "field `email.from` is missing; `email.smtp` needs it; write it like `Nair Motors \
                 <service@example.com>`",
            ));
        }
        Ok(())
    }
}
