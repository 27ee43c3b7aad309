use std::{io::ErrorKind, path::Path};

use reqwest::Url;
use serde_json::Value;
use voiceagent_core::{Error, Result, Secret};

use super::{Config, ProviderConfig, ServerConfig, SignalWireTable, VapiTable, key_variables};
use crate::{errand::AllowList, phone::Phone, shared::Shared};

const TABLES: &[&str] = &[
    "calendar",
    "dealership",
    "email",
    "evaluation",
    "knowledge",
    "knowledge.embedding",
    "leads",
    "llm",
    "outbound",
    "payments",
    "portal",
    "recordings",
    "recordings.bucket",
    "redis",
    "retention",
    "server",
    "signalwire",
    "sip",
    "stt",
    "tracing",
    "switches",
    "targets",
    "tts",
    "turns",
    "twilio",
    "vapi",
];

/// A key that is shorter can be guessed.
const SHORTEST_KEY: usize = 24;

/// Every field of ours, and what it accepts.
const FIELDS: &[(&str, &str)] = &[
    ("calendar.calendar", "the name of a calendar in quotes, such as `\"service@example.com\"`"),
    (
        "calendar.people",
        "a table of calendars by the names of people, such as `{ \"Maria Lopez\" = \"maria/work\" }`",
    ),
    ("calendar.api_key", "a key in quotes"),
    ("calendar.client_id", "an identifier in quotes"),
    ("calendar.client_secret", "a secret in quotes"),
    ("calendar.grant", "an identifier in quotes"),
    ("calendar.password", "a password in quotes"),
    ("calendar.provider", "`\"caldav\"`, `\"google\"` or `\"nylas\"`"),
    ("calendar.refresh_token", "a token in quotes"),
    ("calendar.url", "an address in quotes, such as `\"https://cloud.example.com/dav/\"`"),
    ("calendar.user", "a name in quotes"),
    ("dealership.address", "a sentence in quotes"),
    (
        "dealership.database",
        "the name of a file in quotes, such as `\"dealership.db\"`, or `\"postgres://user@host/database\"`",
    ),
    (
        "dealership.departments",
        "a table of phone numbers by department: `broker`, `front_desk`, `manager`, `sales`, \
         `service`",
    ),
    ("dealership.hours", "a sentence in quotes"),
    ("dealership.identity", "`\"number\"` or `\"facts\"`"),
    ("dealership.name", "a name in quotes, such as `\"Bart's Automotive\"`"),
    ("dealership.timezone", "an IANA time zone in quotes, such as `\"America/Chicago\"`"),
    ("email.from", "an address in quotes, such as `\"Nair Motors <service@example.com>\"`"),
    ("email.imap", "an address in quotes, such as `\"imaps://mail.example.com\"`"),
    ("email.imap_password", "a password in quotes"),
    ("email.imap_user", "a name in quotes"),
    ("email.password", "a password in quotes"),
    ("email.smtp", "an address in quotes, such as `\"smtps://mail.example.com\"`"),
    ("email.user", "a name in quotes"),
    ("evaluation.every_days", "a whole number of days from 1 to 366, such as `7`"),
    ("evaluation.folder", "the name of a folder in quotes, such as `\"scenarios\"`"),
    ("evaluation.roll_back", "`true` or `false`"),
    ("knowledge.embedding.provider", "a name in quotes, such as `\"openai\"`"),
    ("knowledge.near", "a number above 0 and up to 1, such as `0.4`"),
    ("leads.client_id", "an identifier in quotes"),
    ("leads.client_secret", "a secret in quotes"),
    ("leads.refresh_token", "a token in quotes"),
    ("leads.sheet", "the identifier of a sheet in quotes"),
    ("leads.tab", "the name of a table in quotes, such as `\"Leads\"`"),
    ("leads.url", "an address in quotes"),
    ("llm.provider", "a name in quotes, such as `\"openai\"`"),
    (
        "outbound.allow",
        "a list of phone numbers in quotes, such as `[\"+16305550111\"]`, or `[\"*\"]` for all who \
         have agreed",
    ),
    ("outbound.from", "a phone number in quotes, such as `\"+16305550100\"`"),
    ("outbound.most_per_second", "a whole number from 1, such as `1`"),
    ("payments.currency", "a currency in quotes, such as `\"usd\"`"),
    ("payments.provider", "`\"stripe\"`"),
    ("payments.url", "an address in quotes"),
    ("portal.confirmation", "words in quotes, such as `\"{name}: {service}, {when}. {link}\"`"),
    ("portal.reminder", "words in quotes, such as `\"{name}: see you {when}. {link}\"`"),
    ("recordings.bucket.name", "a name in quotes"),
    ("recordings.bucket.prefix", "a text in quotes, such as `\"calls/\"`"),
    ("recordings.bucket.region", "a name in quotes, such as `\"eu-central-1\"`"),
    (
        "recordings.bucket.url",
        "an address in quotes, such as `\"https://s3.eu-central-1.amazonaws.com\"`",
    ),
    ("recordings.consent", "`\"announce\"` or `\"ask\"`"),
    ("recordings.folder", "the name of a folder in quotes, such as `\"recordings\"`"),
    ("redis.url", "an address in quotes, such as `\"redis://127.0.0.1:6379/0\"`"),
    ("retention.identity_days", "a whole number of days, such as `30`"),
    ("retention.journal_days", "a whole number of days, such as `90`"),
    ("retention.recording_days", "a whole number of days, such as `90`"),
    ("retention.transcript_days", "a whole number of days, such as `730`"),
    ("server.drain_seconds", "a whole number of seconds, such as `30`"),
    ("server.journals", "the name of a folder in quotes, such as `\"calls\"`"),
    ("server.listen", "an address and a port in quotes, such as `\"127.0.0.1:8080\"`"),
    ("server.most_calls", "a whole number from 1, such as `100`"),
    ("server.most_late_ms", "a whole number of milliseconds from 1, such as `250`"),
    ("server.most_memory_mib", "a whole number of mebibytes from 1, such as `900`"),
    ("server.public_url", "an address in quotes, such as `\"https://agent.example.com\"`"),
    ("server.replica", "a name in quotes, such as `\"a\"`"),
    ("server.roles", "a list of `\"web\"`, `\"media\"` and `\"jobs\"`"),
    ("server.talk_page", "`true` or `false`"),
    ("signalwire.from", "a phone number in quotes, such as `\"+16305550100\"`"),
    ("signalwire.project", "an identifier in quotes"),
    ("signalwire.token", "a token in quotes"),
    ("signalwire.url", "an address in quotes, such as `\"https://example.signalwire.com\"`"),
    ("sip.codecs", "a list of `\"g722\"`, `\"pcma\"`, `\"pcmu\"`, `\"l16-8000\"`, `\"l16-16000\"`"),
    ("sip.listen", "an address and a port in quotes, such as `\"0.0.0.0:5060\"`"),
    ("sip.peers", "a list of networks in quotes, such as `[\"192.0.2.0/24\"]`"),
    ("sip.public_ip", "an address in quotes, such as `\"203.0.113.5\"`"),
    ("stt.provider", "a name in quotes, such as `\"deepgram\"`"),
    ("tracing.url", "an address in quotes, such as `\"http://127.0.0.1:4318/v1/traces\"`"),
    ("tracing.words", "`true` or `false`"),
    ("switches.model", "`true` or `false`"),
    ("switches.observability", "`true` or `false`"),
    ("tts.provider", "a name in quotes, such as `\"deepgram\"`"),
    (
        "turns.endpointing",
        "`\"adaptive\"`, `{ silence_ms = 500 }`, or `{ between_ms = [300, 1200] }`, with 100 to \
         5000 ms",
    ),
    ("twilio.account_sid", "`AC` and 32 hexadecimal digits, in quotes"),
    ("twilio.api_url", "an address in quotes, such as `\"https://api.dublin.ie1.twilio.com\"`"),
    ("twilio.auth_token", "a token in quotes"),
    ("vapi.assistant", "an identifier in quotes"),
    ("vapi.base_url", "an address in quotes, such as `\"https://api.vapi.ai\"`"),
    ("vapi.key", "a key in quotes"),
    ("vapi.phone_number", "an identifier in quotes"),
    ("vapi.secret", "a secret in quotes"),
];

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
        if let Some(machine) = env("FLY_MACHINE_ID") {
            (self.server.replica, self.server.on_fly) = (Some(machine), true);
        }
        if let Some(replica) = env("DEALERSHIP_REPLICA") {
            (self.server.replica, self.server.on_fly) = (Some(replica), false);
        }
        if let Some(roles) = env("DEALERSHIP_ROLES") {
            self.server.roles = roles.parse().map_err(|error: Error| {
                Error::config(format!("DEALERSHIP_ROLES: {}", error.message()))
            })?;
        }
        if let Some(most) = env("DEALERSHIP_MOST_CALLS") {
            let most = most.parse().map_err(|_| {
                Error::config("DEALERSHIP_MOST_CALLS is no whole number from 1, such as `100`")
            })?;
            self.server.most_calls = Some(most);
        }
        if let Some(name) = env("DEALERSHIP_NAME") {
            self.dealership.name = name;
        }
        if let Some(timezone) = env("DEALERSHIP_TIMEZONE") {
            self.dealership.timezone = timezone;
        }
        if let Some(database) = env("DEALERSHIP_DATABASE") {
            self.dealership.database = database.as_str().into();
        }
        if let Some(redis) = env("DEALERSHIP_REDIS") {
            self.redis.get_or_insert_default().url = Secret::new(redis);
        }
        self.operator.key = long_key(env, "DEALERSHIP_OPERATOR_KEY")?;
        self.operator.metrics_key = long_key(env, "DEALERSHIP_METRICS_KEY")?;
        if let Some(account) = env("TWILIO_ACCOUNT_SID") {
            self.twilio.get_or_insert_default().account_sid = account;
        }
        if let Some(token) = env("TWILIO_AUTH_TOKEN") {
            self.twilio.get_or_insert_default().auth_token = Secret::new(token);
        }
        if let (Some(sip), Some(password)) = (&mut self.sip, env("DEALERSHIP_SIP_PASSWORD")) {
            let password = Secret::new(password);
            for account in sip.accounts.iter_mut().filter(|account| account.password.is_empty()) {
                account.password = password.clone();
            }
            if let Some(trunk) = &mut sip.trunk {
                trunk.password = Some(password);
            }
        }
        self.signalwire.iter_mut().for_each(|table| table.overlay(env));
        self.vapi.iter_mut().for_each(|table| table.overlay(env));
        self.switches.overlay(env)?;
        self.calendar.overlay(env);
        self.email.overlay(env);
        self.knowledge.overlay(env);
        self.leads.overlay(env);
        self.payments.overlay(env);
        self.portal.overlay(env)?;
        self.recordings.overlay(env);
        self.tracing.overlay(env)?;
        self.targets.iter_mut().for_each(|(name, target)| target.overlay(name, env));
        for provider in [&mut self.stt, &mut self.llm, &mut self.tts].into_iter().flatten() {
            provider.take_key(env);
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let dealership = &self.dealership;
        if dealership.name.trim().is_empty() {
            return Err(Error::config("field `dealership.name` is empty; callers hear it"));
        }
        if dealership.database.is_empty() {
            return Err(Error::config(
                "field `dealership.database` is empty; name a file, such as `dealership.db`",
            ));
        }
        let timezone = &dealership.timezone;
        if jiff::tz::TimeZone::get(timezone).is_err() {
            return Err(Error::config(format!(
                "field `dealership.timezone`: `{timezone}` is no IANA time zone; write it like \
                 `America/Chicago`"
            )));
        }
        self.signalwire.as_ref().map_or(Ok(()), SignalWireTable::check)?;
        self.vapi.as_ref().map_or(Ok(()), VapiTable::check)?;
        self.calendar.check()?;
        self.email.check()?;
        self.evaluation.check()?;
        self.knowledge.check()?;
        self.leads.check()?;
        self.payments.check()?;
        self.portal.check()?;
        self.recordings.check()?;
        self.tracing.check()?;
        self.targets.iter().try_for_each(|(name, target)| target.check(name))?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if self
            .server
            .replica
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.len() > 64 || !name.chars().all(is_part))
        {
            return Err(Error::config(
                "field `server.replica` is no name; write up to 64 letters, digits, dots and \
                 hyphens",
            ));
        }
        if let Some(redis) = &self.redis {
            Shared::check(&redis.url)?;
        }
        AllowList::read(&self.outbound.allow)?;
        if let Some(from) = &self.outbound.from
            && Phone::parse(from).is_none_or(|phone| phone.as_str() != from)
        {
            return Err(Error::config(
                "field `outbound.from` is no phone number; write it like `+16305550100`",
            ));
        }
        if let Some(url) = &self.server.public_url {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let host = rest.map(|rest| rest.trim_end_matches('/'));
            let is_address = Url::parse(url).is_ok_and(|url| url.has_host());
            if !is_address
                || host.is_none_or(|host| {
                    host.is_empty() || host.contains(['/', '\\', '?', '#', ' ', '@'])
                })
            {
                return Err(Error::config(
                    "field `server.public_url` is no address without a path; write it like \
                     `https://agent.example.com`",
                ));
            }
            if url.starts_with("http://") && !self.server.is_local() {
                return Err(Error::config(
                    "field `server.public_url` is not https, and carriers send calls to https \
                     only; write it like `https://agent.example.com`",
                ));
            }
        }
        Ok(())
    }
}

impl ServerConfig {
    /// Whether the public address is one of this machine, which no carrier reaches.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.public_url.as_deref().and_then(|url| url.split("://").nth(1));
        let host = host.unwrap_or_default().trim_end_matches('/');
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) | None => host,
        };
        matches!(name, "localhost" | "127.0.0.1" | "[::1]")
    }
}

impl ProviderConfig {
    /// Puts in the keys of the whole chain that the environment has.
    pub(crate) fn take_key(&mut self, env: &dyn Fn(&str) -> Option<String>) {
        let key = |provider: &str| key_variables(provider).iter().find_map(|name| env(name));
        if let Some(key) = key(&self.provider) {
            self.settings.insert("api_key".to_owned(), key.into());
        }
        let fallback = self.settings.get_mut("fallback").and_then(Value::as_array_mut);
        for settings in fallback.into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(key) = settings.get("provider").and_then(Value::as_str).and_then(key) {
                settings.insert("api_key".to_owned(), key.into());
            }
        }
    }
}

/// A key that opens something of this program.
pub(super) fn long_key(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<Secret>> {
    let Some(key) = env(name) else { return Ok(None) };
    if key.trim().len() < SHORTEST_KEY {
        return Err(Error::config(format!(
            "{name} is shorter than {SHORTEST_KEY} characters; make one with \
             `openssl rand -base64 32`"
        )));
    }
    Ok(Some(Secret::new(key.trim())))
}

/// Says where in the file an error is, and what is accepted there. What was written there stays out
/// of the message: it may be a key.
fn located(text: &str, wrong: &toml::de::Error) -> Error {
    let message = wrong.message().lines().collect::<Vec<_>>().join(" ");
    let Some(before) = wrong.span().and_then(|span| text.get(..span.start)) else {
        return Error::config(expectation(&message).to_owned());
    };
    let number = before.matches('\n').count() + 1;
    let begun: usize = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text[begun..].lines().next().unwrap_or_default().trim();
    let table = text[..begun + line.len()]
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix('[')?.split(']').next())
        .map(|table| table.trim_start_matches('['))
        .map(str::trim);
    let name = match (table, line.split_once('=').map(|(field, _)| field.trim())) {
        (Some(table), Some(field)) => format!("{table}.{field}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => String::new(),
    };
    let accepted = FIELDS.iter().find_map(|(field, accepted)| (*field == name).then_some(accepted));
    let is_syntax = text.parse::<toml::Table>().is_err();
    let is_about_names =
        message.starts_with("unknown field") || message.starts_with("missing field");
    // Only a field of ours, what TOML has understood to be a name, and what stands where a name must
    // stand and looks like one, is no value for sure.
    let is_name = accepted.is_some()
        || TABLES.contains(&name.as_str())
        || !is_syntax && is_about_names
        || is_field(&text[..begun], &name);
    let place = if is_name && name.contains('.') {
        format!(", field `{name}`")
    } else if is_name {
        format!(", `{name}`")
    } else {
        String::new()
    };
    Error::config(match accepted {
        _ if is_about_names => format!("line {number}{place}: {message}"),
        Some(accepted) if is_syntax => format!("line {number}{place}: {message}; write {accepted}"),
        Some(accepted) => format!("line {number}{place}: expected {accepted}"),
        None => format!("line {number}{place}: {}", expectation(&message)),
    })
}

/// Whether a line that begins after `before` begins with the name of a field. What was begun before
/// must be complete: the line may go on with a value.
fn is_field(before: &str, name: &str) -> bool {
    let looks = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_');
    name.contains('.') && name.chars().all(looks) && before.parse::<toml::Table>().is_ok()
}

/// The message of a deserializer without the value that it has found, which may be a key.
fn expectation(message: &str) -> &str {
    match message.rfind("expected ") {
        Some(at) if message.starts_with("invalid ") || message.starts_with("unknown variant") => {
            &message[at..]
        }
        _ => message,
    }
}
