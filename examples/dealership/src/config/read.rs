use std::{io::ErrorKind, path::Path};

use voiceagent_core::{Error, Result};

use super::{Config, ProviderConfig};

impl Config {
    /// Reads a file, if one is named, and then the environment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](voiceagent_core::ErrorKind::Config) when the file cannot be read, or
    /// holds an unknown or wrong field; the message names the field and what is accepted.
    pub fn load(path: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                let why = if error.kind() == ErrorKind::NotFound {
                    "does not exist".to_owned()
                } else {
                    format!("cannot be read: {error}")
                };
                Error::config(format!("{} {why}", path.display()))
            })?,
        };
        Self::parse(&text, env)
    }

    /// Reads the text of a file, and then the environment.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut config: Self = toml::from_str(text).map_err(|wrong| located(text, &wrong))?;
        config.overlay(&|name| env(name).filter(|value| !value.trim().is_empty()))?;
        config.check()?;
        Ok(config)
    }

    fn overlay(&mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<()> {
        if let Some(listen) = env("DEALERSHIP_LISTEN") {
            self.server.listen = listen.parse().map_err(|_| {
                Error::config("DEALERSHIP_LISTEN is no address; write it like `127.0.0.1:8080`")
            })?;
        }
        if let Some(url) = env("DEALERSHIP_PUBLIC_URL") {
            self.server.public_url = Some(url);
        }
        if let Some(name) = env("DEALERSHIP_NAME") {
            self.dealership.name = name;
        }
        if let Some(timezone) = env("DEALERSHIP_TIMEZONE") {
            self.dealership.timezone = timezone;
        }
        if let Some(database) = env("DEALERSHIP_DATABASE") {
            self.dealership.database = database.into();
        }
        if let Some(account) = env("TWILIO_ACCOUNT_SID") {
            self.twilio.get_or_insert_default().account_sid = account;
        }
        if let Some(token) = env("TWILIO_AUTH_TOKEN") {
            self.twilio.get_or_insert_default().auth_token = voiceagent_core::Secret::new(token);
        }
        for provider in [&mut self.stt, &mut self.llm, &mut self.tts].into_iter().flatten() {
            provider.take_key(env);
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let timezone = &self.dealership.timezone;
        if jiff::tz::TimeZone::get(timezone).is_err() {
            return Err(Error::config(format!(
                "field `dealership.timezone`: `{timezone}` is no IANA time zone; write it like \
                 `America/Chicago`"
            )));
        }
        if let Some(url) = &self.server.public_url {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let host = rest.map(|rest| rest.trim_end_matches('/'));
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', ' ', '@'])) {
                return Err(Error::config(
                    "field `server.public_url` is no address without a path; write it like \
                     `https://agent.example.com`",
                ));
            }
        }
        Ok(())
    }
}

impl ProviderConfig {
    fn take_key(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        if let Some(key) = env(&self.key_variable()) {
            self.settings.insert("api_key".to_owned(), key.into());
        }
    }
}

/// Says where in the file an error is. The file's text stays out of the message: it may hold keys.
fn located(text: &str, wrong: &toml::de::Error) -> Error {
    let message = wrong.message().lines().collect::<Vec<_>>().join(" ");
    let Some(before) = wrong.span().and_then(|span| text.get(..span.start)) else {
        return Error::config(message);
    };
    let number = before.matches('\n').count() + 1;
    let begun: usize = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[begun..].lines().next().unwrap_or_default().trim();
    let table = text[..begun + line.len()]
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    let field = line.split_once('=').map(|(field, _)| field.trim());
    let place = match (table, field) {
        (Some(table), Some(field)) => format!(", field `{table}.{field}`"),
        (Some(name), None) | (None, Some(name)) => format!(", `{name}`"),
        (None, None) => String::new(),
    };
    Error::config(format!("line {number}{place}: {message}"))
}
