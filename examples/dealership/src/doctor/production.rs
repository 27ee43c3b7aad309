use std::{env, net::IpAddr};

use reqwest::Url;

use super::{Finding, State, finding, ok};
use crate::{config::Config, store::Place, tools::Identity};

/// A token of the carrier has 32 hexadecimal digits.
const TOKEN: usize = 32;
/// Calls that are told to end need time for a last sentence.
const SHORTEST_DRAIN: u64 = 30;
/// Journals hold every word of a call.
const LONGEST_JOURNALS: u32 = 365;

/// What stands beside the configuration when a program is about to take real calls.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "the command line states every field")]
pub struct Surroundings<'a> {
    /// The text of the configuration file.
    pub file: Option<&'a str>,
    /// The filter of the log, as it stands in `RUST_LOG`.
    pub log: &'a str,
    /// Whether it was said that only the numbers of a test are to be called.
    pub test_numbers: bool,
}

/// One of the things that must be so, or had better be so, before real people call.
struct Check {
    what: &'static str,
    look: fn(&Config, Surroundings<'_>) -> Verdict,
}

/// How it stands, and what to do.
enum Verdict {
    Safe(String),
    /// Nothing to look at.
    Unused(&'static str),
    /// It works, and will hurt one day.
    Doubtful(String, &'static str),
    /// Nobody should be called, or answered, with it.
    Unsafe(String, &'static str),
}

use Verdict::{Doubtful, Safe, Unsafe, Unused};

const CHECKS: [Check; 20] = [
    Check { what: "https address", look: address },
    Check { what: "carrier account", look: account },
    Check { what: "operator key", look: operator_key },
    Check { what: "metrics key", look: metrics_key },
    Check { what: "keys in the file", look: keys_in_file },
    Check { what: "vendors by TLS", look: vendors_by_tls },
    Check { what: "database by TLS", look: database_by_tls },
    Check { what: "database file", look: database_file },
    Check { what: "redis password", look: redis_password },
    Check { what: "letters by TLS", look: letters_by_tls },
    Check { what: "talk page off", look: talk_page },
    Check { what: "discreet log", look: discreet_log },
    Check { what: "journals", look: journals },
    Check { what: "caller identity", look: identity },
    Check { what: "allow-list", look: allow_list },
    Check { what: "sip peers", look: sip_peers },
    Check { what: "time to drain", look: drain },
    Check { what: "bound of calls", look: bound },
    Check { what: "vendors behind", look: fallbacks },
    Check { what: "people behind", look: departments },
];

/// Looks for settings with which calls are answered, and with which they should not be once real
/// people call: what is refused is [`State::Wrong`]. Nobody is connected to.
#[must_use]
pub fn examine_production(config: &Config, around: Surroundings<'_>) -> Vec<Finding> {
    let looked = CHECKS.iter().map(|Check { what, look }| match look(config, around) {
        Safe(seen) => ok(what, &seen),
        Unused(seen) => finding(what, State::Optional, seen, ""),
        Doubtful(seen, next) => finding(what, State::Warning, &seen, next),
        Unsafe(seen, next) => finding(what, State::Wrong, &seen, next),
    });
    looked.collect()
}

fn safe(seen: &str) -> Verdict {
    Safe(seen.to_owned())
}

fn address(config: &Config, _: Surroundings<'_>) -> Verdict {
    let next = "Set `server.public_url` to the https:// address that the carrier and people use.";
    match config.server.public_url.as_deref() {
        None if config.sip.is_some() && config.twilio.is_none() => Unused("calls come over SIP"),
        None => Unsafe("there is none".to_owned(), next),
        Some(url) if config.server.is_local() => Unsafe(format!("{url} is this machine"), next),
        Some(url) if url.contains("example.com") => Unsafe(format!("{url} is an example"), next),
        Some(url) => safe(url),
    }
}

fn account(config: &Config, _: Surroundings<'_>) -> Verdict {
    let next = "Copy account SID and auth token from console.twilio.com.";
    let Some(twilio) = &config.twilio else {
        return match config.sip {
            Some(_) => Unused("calls come over SIP"),
            None => Unsafe("there is none".to_owned(), next),
        };
    };
    let digits = twilio.account_sid.strip_prefix("AC").unwrap_or_default();
    let is_sid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_sid || digits.bytes().all(|byte| byte == b'0') {
        return Unsafe("the account SID is none, or that of the example".to_owned(), next);
    }
    if twilio.auth_token.expose().len() < TOKEN {
        return Unsafe("the auth token is shorter than the carrier's".to_owned(), next);
    }
    safe("account and token have the carrier's form")
}

fn operator_key(config: &Config, _: Surroundings<'_>) -> Verdict {
    match config.operator.key {
        Some(_) => safe("set"),
        None => Unsafe(
            "nobody can see calls, stop jobs, or tell and erase what is stored of a person".into(),
            "Put one into DEALERSHIP_OPERATOR_KEY: `openssl rand -base64 32`.",
        ),
    }
}

fn metrics_key(config: &Config, _: Surroundings<'_>) -> Verdict {
    if !config.switches.observability {
        return Doubtful(
            "metrics are switched off: no alarm will ring".to_owned(),
            "Set `switches.observability` or DEALERSHIP_OBSERVABILITY on.",
        );
    }
    match config.operator.metrics_key {
        Some(_) => safe("set"),
        None => Doubtful(
            "none; monitoring would need the operator's".to_owned(),
            "Put one into DEALERSHIP_METRICS_KEY, and load prometheus/alerts.yml.",
        ),
    }
}

fn keys_in_file(_: &Config, around: Surroundings<'_>) -> Verdict {
    let Some(Ok(file)) = around.file.map(str::parse::<toml::Table>) else {
        // What is no configuration is told elsewhere.
        return Unused("there is no file");
    };
    match file.iter().find_map(|(name, value)| secret_in(name, value)) {
        None => safe("none"),
        Some(field) => Unsafe(
            format!("the field `{field}` is one, or has one in its address"),
            "Keep it in the environment, and make a new one: the file may be in a repository.",
        ),
    }
}

/// Where below a field a secret is written.
fn secret_in(name: &str, value: &toml::Value) -> Option<String> {
    let below = |inner: Option<String>| inner.map(|inner| format!("{name}.{inner}"));
    match value {
        toml::Value::Table(table) => {
            below(table.iter().find_map(|(inner, value)| secret_in(inner, value)))
        }
        toml::Value::Array(list) => list.iter().find_map(|value| secret_in(name, value)),
        toml::Value::String(text) => {
            let own = name.rsplit('.').next().unwrap_or_default();
            let is_named = ["token", "secret", "password"].iter().any(|part| own.contains(part))
                || own.ends_with("key");
            let has_password = || Url::parse(text).is_ok_and(|url| url.password().is_some());
            (is_named && !text.is_empty() || has_password()).then(|| name.to_owned())
        }
        _ => None,
    }
}

fn vendors_by_tls(config: &Config, _: Surroundings<'_>) -> Verdict {
    let providers = [
        ("stt", &config.stt),
        ("llm", &config.llm),
        ("tts", &config.tts),
        ("knowledge.embedding", &config.knowledge.embedding),
    ];
    let plain = providers.into_iter().find_map(|(table, provider)| {
        let provider = provider.as_ref()?;
        let mut chain = [provider.clone()].into_iter().chain(provider.fallback());
        chain.any(|one| is_plain(one.base_url())).then_some(table)
    });
    let calendar = is_plain(config.calendar.url.as_deref()).then_some("calendar");
    match plain.or(calendar) {
        None => safe("all of them"),
        Some(table) => Unsafe(
            format!("`[{table}]` sends keys and words over a network without it"),
            "Write `https://` or `wss://` in its address.",
        ),
    }
}

/// Whether something at this address is asked without TLS, and not on this machine.
fn is_plain(address: Option<&str>) -> bool {
    let Some(url) = address.and_then(|address| Url::parse(address).ok()) else { return false };
    matches!(url.scheme(), "http" | "ws" | "smtp" | "imap") && !is_near(&url)
}

/// Whether a host is this machine, or has a name or an address of a private network.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => !host.contains('.') || host.ends_with(".internal") || host.ends_with(".local"),
    }
}

fn database_by_tls(config: &Config, _: Surroundings<'_>) -> Verdict {
    let Place::Server(address) = &config.dealership.database else {
        return Unused("it is a file");
    };
    let Ok(url) = Url::parse(address.expose()) else { return Unused("its address is none") };
    let mode = url.query_pairs().find(|(name, _)| name == "sslmode").map(|(_, mode)| mode);
    let is_sure = matches!(mode.as_deref(), Some("require" | "verify-ca" | "verify-full"));
    if is_sure {
        return safe("asked for by its address");
    }
    if is_near(&url) {
        return safe("not needed on this machine or in a private network");
    }
    Unsafe(
        "what callers say and who they are may go over a network in the clear".to_owned(),
        "Add `?sslmode=verify-full` (or `require`) to the address of the database.",
    )
}

fn database_file(config: &Config, _: Surroundings<'_>) -> Verdict {
    let Some(file) = config.dealership.database.file() else { return Unused("it is a server") };
    let seen = file.display();
    if file.starts_with(env::temp_dir()) {
        return Unsafe(
            format!("{seen} is where the system deletes files"),
            "Set `dealership.database` or DEALERSHIP_DATABASE to a file on a disk with backups.",
        );
    }
    safe(&format!("{seen}; see that it is backed up"))
}

fn redis_password(config: &Config, _: Surroundings<'_>) -> Verdict {
    let Some(redis) = &config.redis else { return Unused("there is no Redis") };
    let is_open =
        Url::parse(redis.url.expose()).is_ok_and(|url| url.password().is_none() && !is_near(&url));
    if is_open {
        return Unsafe(
            "names, numbers and words of callers lie on a server that asks for none".to_owned(),
            "Give it a password, and keep it in a private network.",
        );
    }
    safe("set, or the server is near")
}

fn letters_by_tls(config: &Config, _: Surroundings<'_>) -> Verdict {
    let email = &config.email;
    if email.smtp.is_none() && email.imap.is_none() {
        return Unused("there are no letters");
    }
    if is_plain(email.smtp.as_deref()) || is_plain(email.imap.as_deref()) {
        return Unsafe(
            "a password and letters go over a network without it".to_owned(),
            "Write `smtps://` and `imaps://`.",
        );
    }
    safe("both ways")
}

fn talk_page(config: &Config, _: Surroundings<'_>) -> Verdict {
    if config.server.talk_page {
        return Unsafe(
            "whoever sits at this machine, or gets through its proxy, talks for free".to_owned(),
            "Set `server.talk_page = false`.",
        );
    }
    safe("it is")
}

fn discreet_log(_: &Config, around: Surroundings<'_>) -> Verdict {
    let is_trace = around.log.split(',').any(|part| {
        let level = part.rsplit('=').next().unwrap_or_default().trim();
        level.eq_ignore_ascii_case("trace")
    });
    if is_trace || around.log.contains("rsipstack") {
        return Unsafe(
            "RUST_LOG writes down what callers say, or who they are".to_owned(),
            "Set RUST_LOG to `info`, or to nothing.",
        );
    }
    safe("names no caller and no words")
}

fn journals(config: &Config, _: Surroundings<'_>) -> Verdict {
    if config.journals().is_none() {
        return Unused("none are kept");
    }
    if config.retention.journal_days > LONGEST_JOURNALS {
        return Unsafe(
            format!("all that was said is kept for {} days", config.retention.journal_days),
            "Set `retention.journal_days` to what the law and your callers expect.",
        );
    }
    safe(&format!("kept for {} days", config.retention.journal_days))
}

fn identity(config: &Config, _: Surroundings<'_>) -> Verdict {
    match config.dealership.identity {
        Identity::Facts => safe("shown by facts"),
        Identity::Number => Unsafe(
            "a number alone opens what is stored of a customer, and numbers can be forged".into(),
            "Set `dealership.identity = \"facts\"`.",
        ),
    }
}

fn allow_list(config: &Config, around: Surroundings<'_>) -> Verdict {
    let outbound = &config.outbound;
    if outbound.from.is_none() {
        return Unused("nobody is called or written to: `outbound.from` is not set");
    }
    let next = "Set `outbound.allow = [\"*\"]` for all who have agreed; or say --test-numbers if \
                only those of a test are meant.";
    match outbound.allow.as_slice() {
        [] => Unsafe("it is empty: reminders and call backs reach nobody".to_owned(), next),
        list if list.iter().any(|one| one == "*") => safe("everybody who has agreed"),
        list if around.test_numbers => safe(&format!("{} numbers of a test", list.len())),
        list => Unsafe(format!("{} numbers of a test, and nobody else", list.len()), next),
    }
}

fn sip_peers(config: &Config, _: Surroundings<'_>) -> Verdict {
    let Some(sip) = &config.sip else { return Unused("no calls come over SIP") };
    // Two hosts of the documentation that nobody has.
    let strangers = ["192.0.2.1", "203.0.113.1", "2001:db8::1"];
    let mut strangers = strangers.iter().filter_map(|host| host.parse::<IpAddr>().ok());
    if strangers.any(|host| sip.peers.iter().any(|peer| peer.contains(host))) {
        return Unsafe(
            "anybody on the internet may call".to_owned(),
            "Set `sip.peers` to the hosts or networks of the trunk or the PBX.",
        );
    }
    safe("known hosts and networks")
}

fn drain(config: &Config, _: Surroundings<'_>) -> Verdict {
    let seconds = config.server.drain_seconds;
    if seconds < SHORTEST_DRAIN {
        return Unsafe(
            format!("calls have {seconds} s to end when a new version is rolled out"),
            "Set `server.drain_seconds` to 30 at least; the platform must wait longer.",
        );
    }
    safe(&format!("{seconds} s"))
}

fn bound(config: &Config, _: Surroundings<'_>) -> Verdict {
    match config.server.most_calls {
        Some(most) => safe(&format!("{most}")),
        None => Doubtful(
            "none that `/readyz` knows".to_owned(),
            "Set `server.most_calls` to what the machine and the vendors' contracts carry.",
        ),
    }
}

fn fallbacks(config: &Config, _: Surroundings<'_>) -> Verdict {
    let alone =
        [("stt", &config.stt), ("tts", &config.tts)].into_iter().find_map(|(table, one)| {
            one.as_ref().is_none_or(|one| one.fallback().next().is_none()).then_some(table)
        });
    match alone {
        None => safe("for ears and voice"),
        Some(table) => Doubtful(
            format!("no second one steps in for `[{table}]`"),
            "Add a `[[stt.fallback]]` and a `[[tts.fallback]]` of another vendor.",
        ),
    }
}

fn departments(config: &Config, _: Surroundings<'_>) -> Verdict {
    if config.dealership.departments.is_empty() {
        return Doubtful(
            "who asks for a person is put through to nobody".to_owned(),
            "Set numbers in `[dealership.departments]`.",
        );
    }
    safe(&format!("{} departments", config.dealership.departments.len()))
}

#[cfg(test)]
mod tests;
