//! Says what is missing before the program can answer calls, and how to get it.

mod probe;

use std::fmt::Write;

use voiceagent_core::{Result, registry::Registry};

use crate::config::{Config, ProviderConfig};

pub use self::probe::{Probed, probe};

/// One line of the diagnosis.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How it stands.
    pub state: State,
    /// What was seen, in a few words.
    pub seen: String,
    /// What to do next; empty when nothing is to be done.
    pub next: String,
}

/// How a thing stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there, needed, or nice to have")]
pub enum State {
    /// Calls cannot be answered without it.
    Missing,
    /// It is in order.
    Ok,
    /// The program works without it.
    Optional,
}

/// Looks at a configuration, and at what was probed of the machine.
///
/// `config` is what [`Config::load`] returned. `registry` holds the providers that are compiled
/// in.
#[must_use]
pub fn examine(config: &Result<Config>, probed: &Probed, registry: &Registry) -> Vec<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let next = "Correct the file, or leave it out: everything has a default.";
            return vec![missing("configuration", error.message(), next)];
        }
    };
    let mut findings = vec![ok("configuration", "valid".to_owned())];
    findings.push(match &probed.database {
        Ok(()) => ok("database", format!("{} is writable", config.dealership.database.display())),
        Err(why) => missing(
            "database",
            why,
            "Set `dealership.database` or DEALERSHIP_DATABASE to a file in a folder that this \
             user may write to.",
        ),
    });
    findings.push(match &probed.port {
        Ok(()) => ok("port", format!("{} is free", config.server.listen)),
        Err(why) => missing(
            "port",
            why,
            "Stop whatever listens there, or set `server.listen` or DEALERSHIP_LISTEN to another \
             address.",
        ),
    });
    let (stt, llm, tts) = (&registry.stt, &registry.llm, &registry.tts);
    findings.push(public_url(config));
    findings.push(twilio(config));
    findings.push(provider("recognizer", "stt", config.stt.as_ref(), stt.names()));
    findings.push(match &config.llm {
        None => Finding {
            what: "language model",
            state: State::Optional,
            seen: "none set; the rule brain answers, in English".to_owned(),
            next: format!("For a model, set `llm.provider` to one of: {}.", list(llm.names())),
        },
        llm_config => provider("language model", "llm", llm_config.as_ref(), llm.names()),
    });
    findings.push(provider("voice", "tts", config.tts.as_ref(), tts.names()));
    findings
}

/// Whether phone calls can be answered.
#[must_use]
pub fn is_ready(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.state != State::Missing)
}

/// The diagnosis as text for a terminal.
#[must_use]
pub fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { what, state, seen, next } in findings {
        let state = match state {
            State::Missing => "missing",
            State::Ok => "ok",
            State::Optional => "optional",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{state:<9} {what:<15} {seen}");
        if !next.is_empty() {
            let _ = writeln!(text, "{:<25} -> {next}", "");
        }
    }
    text.push_str(if is_ready(findings) {
        "\nReady: `dealership serve` can answer phone calls.\n"
    } else {
        "\nNot ready for phone calls yet. `dealership demo` needs none of this.\n"
    });
    text
}

fn public_url(config: &Config) -> Finding {
    let next = "Set `server.public_url` or DEALERSHIP_PUBLIC_URL to the https:// address under \
                which the carrier reaches this machine; a tunnel such as cloudflared or ngrok \
                gives one.";
    match config.server.public_url.as_deref() {
        Some(url) if url.starts_with("https://") => ok("public address", url.to_owned()),
        Some(url) => missing("public address", &format!("{url} is not https"), next),
        None => missing("public address", "not set", next),
    }
}

fn twilio(config: &Config) -> Finding {
    let next = "Copy account SID and auth token from console.twilio.com into TWILIO_ACCOUNT_SID \
                and TWILIO_AUTH_TOKEN.";
    let Some(twilio) = &config.twilio else { return missing("twilio account", "not set", next) };
    let digits = twilio.account_sid.strip_prefix("AC").unwrap_or_default();
    let well_formed = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (well_formed, twilio.auth_token.is_empty()) {
        (true, false) => ok("twilio account", "account and token are set".to_owned()),
        (true, true) => missing("twilio account", "the auth token is missing", next),
        (false, _) => {
            missing("twilio account", "the account SID is not AC and 32 hexadecimal digits", next)
        }
    }
}

fn provider<'a>(
    what: &'static str,
    table: &str,
    config: Option<&ProviderConfig>,
    names: impl Iterator<Item = &'a str>,
) -> Finding {
    let names: Vec<&str> = names.collect();
    let known = list(names.iter().copied());
    let Some(config) = config else {
        let next = format!("Set `{table}.provider` to one of: {known}.");
        return missing(what, "not set", &next);
    };
    let name = &config.provider;
    if !names.contains(&name.as_str()) {
        let next = format!("Set `{table}.provider` to one of: {known}.");
        return missing(what, &format!("`{name}` is not compiled in"), &next);
    }
    if config.has_key() {
        return ok(what, format!("{name}, with a key"));
    }
    let next = format!("Put a key into {}{}.", config.key_variable(), where_to_get(name));
    missing(what, &format!("{name} has no key"), &next)
}

fn where_to_get(provider: &str) -> String {
    let page = match provider {
        "anthropic" => "console.anthropic.com",
        "assemblyai" => "www.assemblyai.com/app",
        "cartesia" => "play.cartesia.ai",
        "deepgram" => "console.deepgram.com",
        "elevenlabs" => "elevenlabs.io/app/settings/api-keys",
        "openai" => "platform.openai.com/api-keys",
        _ => return String::new(),
    };
    format!("; {page} makes one")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none is compiled in".to_owned() } else { names.join(", ") }
}

fn ok(what: &'static str, seen: String) -> Finding {
    Finding { what, state: State::Ok, seen, next: String::new() }
}

fn missing(what: &'static str, seen: &str, next: &str) -> Finding {
    Finding { what, state: State::Missing, seen: seen.to_owned(), next: next.to_owned() }
}

#[cfg(test)]
mod tests;
