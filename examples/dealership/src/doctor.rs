//! Says what is missing before the program can answer calls, and how to get it.

mod production;
mod remote;
mod running;
mod stored;

use std::fmt::Write;

use voiceagent_core::{Result, registry::Registry};
use voiceagent_telephony::sip::SipReach;

use crate::{
    clock::Clock,
    config::{Config, ProviderConfig},
    knowledge::Librarian,
    server::{self, Needs, Server, Warning},
    shared::{Health, Shared},
};

use self::stored::Trial;
pub use self::{
    production::{Surroundings, examine_production},
    remote::examine_remote,
    stored::examine_templates,
};

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
#[expect(clippy::exhaustive_enums, reason = "not there, not right, or no hindrance")]
pub enum State {
    /// Calls cannot be answered without it.
    Missing,
    /// It is in order.
    Ok,
    /// The program works without it.
    Optional,
    /// The program starts, and says the same in its log.
    Warning,
    /// It is there, and calls cannot be answered with it.
    Wrong,
}

/// Looks at a configuration as [`Server`] does when it starts: makes every part, opens the
/// database, and takes the port for a moment. A database that did not exist does not exist
/// afterwards; the folder of the journals does.
///
/// `config` is what [`Config::load`] returned. `registry` holds the providers that are compiled
/// in.
pub async fn examine(config: &Result<Config>, registry: &Registry, clock: Clock) -> Vec<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let next = "Correct it, or leave it out: everything has a default.";
            return vec![finding("configuration", State::Wrong, error.message(), next)];
        }
    };
    let needs = Needs::of(config, registry);
    let mut findings = vec![
        ok("configuration", "valid"),
        stored::database(config, clock).await,
        redis(config).await,
        match server::listen(config.server.listen) {
            Ok(_) => ok("port", &format!("{} is free", config.server.listen)),
            Err(error) => finding("port", State::Wrong, error.message(), ""),
        },
        public_url(config, &needs),
        account(config, &needs),
        sip(config).await,
    ];
    if config.server.roles.media {
        findings.extend([
            provider("recognizer", "stt", config.stt.as_ref(), needs.stt.err()),
            model(config, registry, needs.llm.err()),
            provider("voice", "tts", config.tts.as_ref(), needs.tts.err()),
        ]);
        if let Some(embedding) = &config.knowledge.embedding {
            let wrong = Librarian::of(config, registry).err();
            let table = "knowledge.embedding";
            findings.push(provider("embeddings", table, Some(embedding), wrong));
        }
    }
    if let Some(folder) = config.journals() {
        findings.push(match server::make_folder("server.journals", folder) {
            Ok(()) => ok("journals", &format!("{} is writable", folder.display())),
            Err(error) => finding("journals", State::Wrong, error.message(), ""),
        });
    }
    if let Some(folder) = &config.recordings.folder {
        findings.push(match server::make_folder("recordings.folder", folder) {
            Ok(()) => ok("recordings", &format!("{} is writable", folder.display())),
            Err(error) => finding("recordings", State::Wrong, error.message(), ""),
        });
    }
    // Whatever is left is what only the whole can tell.
    if is_ready(&findings)
        && let Err(error) = start(config, registry, clock).await
    {
        findings.push(finding("start", State::Wrong, error.message(), ""));
    }
    findings
}

/// Whether phone calls can be answered.
#[must_use]
pub fn is_ready(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| !matches!(finding.state, State::Missing | State::Wrong))
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
            State::Warning => "warning",
            State::Wrong => "wrong",
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

async fn start(config: &Config, registry: &Registry, clock: Clock) -> Result<()> {
    let trial = Trial::of(config);
    let server = Server::new(&trial.config, registry, clock).await?;
    server.close().await;
    Ok(())
}

/// Asks the server of what programs share, if there is one.
async fn redis(config: &Config) -> Finding {
    let what = "redis";
    let Some(redis) = &config.redis else {
        return finding(what, State::Optional, "not set; each program has its own", "");
    };
    let shared = match Shared::at(&redis.url) {
        Ok(shared) => shared,
        Err(error) => return finding(what, State::Wrong, error.message(), ""),
    };
    shared.get("doctor").await;
    if shared.health() == Health::Down {
        let next = "Start it, or correct `redis.url` or DEALERSHIP_REDIS; calls do without it.";
        return finding(what, State::Warning, "the server does not answer", next);
    }
    ok(what, "the server answers")
}

fn model(config: &Config, registry: &Registry, error: Option<voiceagent_core::Error>) -> Finding {
    let what = "language model";
    let brain = "the rule brain answers, in English";
    if config.llm.is_some() && config.model().is_none() {
        return finding(what, State::Warning, &format!("switched off; {brain}"), "");
    }
    if config.llm.is_none() {
        let next = format!("For a model, set `llm.provider` to one of: {}.", list(registry));
        return finding(what, State::Optional, &format!("none set; {brain}"), &next);
    }
    provider(what, "llm", config.llm.as_ref(), error)
}

fn public_url(config: &Config, needs: &Needs) -> Finding {
    let what = "public address";
    let next = "Set `server.public_url` or DEALERSHIP_PUBLIC_URL to the https:// address under \
                which the carrier reaches this machine; a tunnel such as cloudflared or ngrok \
                gives one.";
    match &needs.public_url {
        Err(_) if !Needs::has_carrier(config) => {
            finding(what, State::Optional, "not set, and not needed", "")
        }
        Err(_) if config.server.public_url.is_none() => {
            finding(what, State::Missing, "not set", next)
        }
        Err(error) => finding(what, State::Wrong, error.message(), next),
        Ok(url) => warning(needs, what, &[Warning::LocalAddress], next, url),
    }
}

fn account(config: &Config, needs: &Needs) -> Finding {
    let what = "twilio account";
    let next = "Copy account SID and auth token from console.twilio.com into TWILIO_ACCOUNT_SID \
                and TWILIO_AUTH_TOKEN.";
    let has_token = config.twilio.as_ref().is_some_and(|twilio| !twilio.auth_token.is_empty());
    match &needs.account {
        Err(error) if has_token => finding(what, State::Wrong, error.message(), next),
        Err(_) if !Needs::has_carrier(config) => {
            finding(what, State::Optional, "not set, and not needed", "")
        }
        Err(_) => finding(what, State::Missing, "the auth token is not set", next),
        Ok(_) => {
            let seen = "account and token are set";
            warning(needs, what, &[Warning::NoAccount, Warning::OddAccount], next, seen)
        }
    }
}

/// Listens for a moment, asks the trunk whether it is there, and tells no registrar.
async fn sip(config: &Config) -> Finding {
    let what = "sip";
    let Some(sip) = &config.sip else {
        return finding(what, State::Optional, "no table `[sip]`; calls come by the carrier", "");
    };
    match server::try_sip(config).await {
        Err(error) => finding(what, State::Wrong, error.message(), ""),
        Ok(_) if sip.peers.is_empty() && sip.accounts.is_empty() => {
            let next = "Set `sip.peers` to the hosts or networks of the trunk or the PBX.";
            finding(what, State::Warning, "nobody may call: `sip.peers` is empty", next)
        }
        Ok(Some(SipReach::Unreachable)) => {
            let next = "Look whether `sip.trunk.address` is right and, over UDP, its hosts are in \
                        `sip.peers`; a trunk that never answers OPTIONS needs \
                        `sip.trunk.keep_alive = 0`.";
            let seen = "the trunk does not answer OPTIONS, and no call would be made by it";
            finding(what, State::Warning, seen, next)
        }
        Ok(Some(_)) => ok(what, &format!("{} is free, and the trunk answers", sip.listen)),
        Ok(None) => ok(what, &format!("{} is free", sip.listen)),
    }
}

/// What stands well, unless one of these warnings is about it.
fn warning(
    needs: &Needs,
    what: &'static str,
    about: &[Warning],
    next: &str,
    seen: &str,
) -> Finding {
    match needs.warnings.iter().find(|warning| about.contains(warning)) {
        Some(warning) => finding(what, State::Warning, &warning.to_string(), next),
        None => ok(what, seen),
    }
}

fn provider(
    what: &'static str,
    table: &str,
    config: Option<&ProviderConfig>,
    error: Option<voiceagent_core::Error>,
) -> Finding {
    match (config, error) {
        (None, error) => {
            let seen = error.map_or_else(String::new, |error| error.message().to_owned());
            let next = format!(
                "Name a file with --config that has a table `[{table}]`, as \
                 dealership.example.toml does."
            );
            finding(what, State::Missing, &seen, &next)
        }
        (Some(config), None) => {
            let key = |config: &ProviderConfig| {
                let key = if config.has_key() { "with a key" } else { "without a key" };
                format!("{}, {key}", config.provider)
            };
            let chain = [config.clone()].into_iter().chain(config.fallback());
            ok(what, &chain.map(|one| key(&one)).collect::<Vec<_>>().join("; then "))
        }
        (Some(config), Some(error)) => {
            let config = config.meant_by(error.message());
            if config.has_key() || !error.message().contains("api_key") {
                return finding(what, State::Wrong, error.message(), "");
            }
            let variables = config.key_variables().join(" or ");
            let next = format!("Put a key into {variables}{}.", maker(&config.provider));
            finding(what, State::Missing, error.message(), &next)
        }
    }
}

/// Where keys of a provider are made.
fn maker(provider: &str) -> String {
    let page = match provider {
        "anthropic" => "platform.claude.com/settings/keys",
        "deepgram" | "deepgram-flux" => "console.deepgram.com",
        "gemini" => "aistudio.google.com/apikey",
        "openai" => "platform.openai.com/api-keys",
        _ => return String::new(),
    };
    format!("; {page} makes one")
}

fn list(registry: &Registry) -> String {
    let names: Vec<&str> = registry.llm.names().collect();
    if names.is_empty() { "none is compiled in".to_owned() } else { names.join(", ") }
}

fn ok(what: &'static str, seen: &str) -> Finding {
    finding(what, State::Ok, seen, "")
}

fn finding(what: &'static str, state: State, seen: &str, next: &str) -> Finding {
    Finding { what, state, seen: seen.to_owned(), next: next.to_owned() }
}

#[cfg(test)]
mod tests;
