use std::collections::BTreeMap;

use serde::Deserialize;
use voiceagent_core::{Error, Result, Secret};

/// Calendars outside that show what is booked and tell who is busy.
///
/// ```toml
/// [calendar]
/// provider = "caldav"
/// url = "https://cloud.example.com/dav/"
/// user = "service"
/// calendar = "service/visits"
///
/// [calendar.people]
/// "Maria Lopez" = "maria/work"
/// ```
///
/// Keys are better kept in the environment: `CALDAV_PASSWORD`, `NYLAS_API_KEY`, `GOOGLE_CLIENT_ID`,
/// `GOOGLE_CLIENT_SECRET` and `GOOGLE_REFRESH_TOKEN`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields, expecting = "a table, such as `[calendar]`")]
#[non_exhaustive]
pub struct CalendarConfig {
    /// Whose calendars they are; without it, there are none.
    pub provider: Option<CalendarProvider>,
    /// The calendar of the house: a path below `url` for `caldav`, an address for the others.
    pub calendar: String,
    /// The calendars of advisors, salespeople and brokers, by their names in the database.
    pub people: BTreeMap<String, String>,
    /// Where the service is. `caldav` needs it; the others have one of their own.
    pub url: Option<String>,
    /// Who logs in, for `caldav`.
    pub user: String,
    /// With which password, for `caldav`.
    pub password: Secret,
    /// The account, for `nylas`.
    pub grant: String,
    /// The key, for `nylas`.
    pub api_key: Secret,
    /// This program as it is registered, for `google`.
    pub client_id: String,
    /// Its secret, for `google`.
    pub client_secret: Secret,
    /// What somebody gave the program when they agreed, for `google`.
    pub refresh_token: Secret,
}

/// A kind of calendars.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CalendarProvider {
    /// A server that speaks `CalDAV`.
    Caldav,
    /// Google Calendar.
    Google,
    /// Whatever is behind an account of Nylas.
    Nylas,
}

impl CalendarConfig {
    pub(super) fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        for (name, field) in [
            ("CALDAV_PASSWORD", &mut self.password),
            ("GOOGLE_CLIENT_SECRET", &mut self.client_secret),
            ("GOOGLE_REFRESH_TOKEN", &mut self.refresh_token),
            ("NYLAS_API_KEY", &mut self.api_key),
        ] {
            if let Some(value) = env(name) {
                *field = Secret::new(value);
            }
        }
        if let Some(client) = env("GOOGLE_CLIENT_ID") {
            self.client_id = client;
        }
    }

    /// Checks that what the provider needs is there.
    pub(super) fn check(&self) -> Result<()> {
        let Some(provider) = self.provider else { return Ok(()) };
        let url = self.url.as_deref().unwrap_or_default();
        let needed: &[(&str, &str, &str)] = match provider {
            CalendarProvider::Caldav => &[
                ("url", url, ""),
                ("user", &self.user, ""),
                ("password", self.password.expose(), "CALDAV_PASSWORD"),
            ],
            CalendarProvider::Google => &[
                ("client_id", &self.client_id, "GOOGLE_CLIENT_ID"),
                ("client_secret", self.client_secret.expose(), "GOOGLE_CLIENT_SECRET"),
                ("refresh_token", self.refresh_token.expose(), "GOOGLE_REFRESH_TOKEN"),
            ],
            CalendarProvider::Nylas => {
                &[("grant", &self.grant, ""), ("api_key", self.api_key.expose(), "NYLAS_API_KEY")]
            }
        };
        let calendar = [("calendar", self.calendar.as_str(), "")];
        for (field, value, variable) in calendar.iter().chain(needed) {
            if value.trim().is_empty() {
                let place = match *variable {
                    "" => String::new(),
                    variable => format!("; put it into {variable}"),
                };
                return Err(Error::config(format!(
                    "field `calendar.{field}` is missing; `calendar.provider` needs it{place}"
                )));
            }
        }
        Ok(())
    }
}
