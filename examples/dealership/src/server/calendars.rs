use std::sync::Arc;

use voiceagent_core::Result;

use crate::{
    calendar::{CalDav, Calendar, GoogleAccess, GoogleCalendar, GoogleKeys, Mirror, Nylas},
    clock::Clock,
    config::{CalendarConfig, CalendarProvider, LeadsConfig},
    leads::GoogleSheet,
    store::Store,
};

/// The mirror that a configuration has; `None` if it has none. Nobody is connected to yet.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) naming the field that is wrong, or when the store
/// cannot be read.
pub async fn mirror(config: &CalendarConfig, store: Store, clock: Clock) -> Result<Option<Mirror>> {
    let Some(provider) = config.provider else { return Ok(None) };
    let calendar = calendar(config, provider, clock)?;
    let mut mirror = Mirror::new(store, clock, calendar, &*config.calendar);
    for (name, calendar) in &config.people {
        mirror = mirror.with_person(name, &**calendar).await?;
    }
    Ok(Some(mirror))
}

/// The sheet that a configuration has; `None` if it has none. Nobody is connected to yet.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) naming the field that is wrong.
pub fn sheet(config: &LeadsConfig) -> Result<Option<GoogleSheet>> {
    let Some(id) = &config.sheet else { return Ok(None) };
    let keys = GoogleKeys {
        client_id: config.client_id.clone(),
        client_secret: config.client_secret.clone(),
        refresh_token: config.refresh_token.clone(),
    };
    let access = GoogleAccess::new(keys, GoogleAccess::PAGE)?;
    let url = config.url.as_deref().unwrap_or(GoogleSheet::BASE_URL);
    GoogleSheet::new(url, access, (id, &config.tab)).map(Some)
}

fn calendar(
    config: &CalendarConfig,
    provider: CalendarProvider,
    clock: Clock,
) -> Result<Arc<dyn Calendar>> {
    let url = |usual| config.url.as_deref().unwrap_or(usual);
    Ok(match provider {
        CalendarProvider::Caldav => {
            let password = config.password.clone();
            Arc::new(CalDav::new(url(""), &*config.user, password, clock)?)
        }
        CalendarProvider::Google => {
            let keys = GoogleKeys {
                client_id: config.client_id.clone(),
                client_secret: config.client_secret.clone(),
                refresh_token: config.refresh_token.clone(),
            };
            let access = GoogleAccess::new(keys, GoogleAccess::PAGE)?;
            Arc::new(GoogleCalendar::new(url(GoogleCalendar::BASE_URL), access)?)
        }
        CalendarProvider::Nylas => {
            Arc::new(Nylas::new(url(Nylas::BASE_URL), &*config.grant, config.api_key.clone())?)
        }
    })
}
