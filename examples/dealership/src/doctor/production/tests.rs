use std::{fs, path::Path};

use super::*;
use crate::doctor::is_ready;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A configuration with which real people may be called and answered.
const SOUND: &str = r#"
[server]
public_url = "https://calls.nair-motors.test"
drain_seconds = 60
most_calls = 50
journals = "/var/lib/dealership/calls"
[dealership]
database = "/var/lib/dealership/dealership.db"
identity = "facts"
[dealership.departments]
front_desk = "+16305550101"
[outbound]
from = "+16305550100"
allow = ["*"]
[redis]
url = "redis://10.0.0.7:6379/0"
[email]
smtp = "smtps://mail.nair-motors.test"
from = "service@nair-motors.test"
[twilio]
account_sid = "AC0123456789abcdef0123456789abcdef"
[sip]
listen = "0.0.0.0:5060"
peers = ["198.51.100.7"]
[stt]
provider = "deepgram"
[[stt.fallback]]
provider = "assemblyai"
[tts]
provider = "deepgram"
[[tts.fallback]]
provider = "cartesia"
[llm]
provider = "openai"
"#;

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "TWILIO_AUTH_TOKEN" => TOKEN,
        "DEALERSHIP_OPERATOR_KEY" | "DEALERSHIP_METRICS_KEY" => "a key that is long enough",
        _ => return None,
    };
    Some(value.to_owned())
}

/// What is told of a file, in which Redis needs no feature.
fn findings(text: &str, more: Surroundings<'_>, without: &str) -> Vec<Finding> {
    let (redis, rest) = match text.split_once("[redis]\n") {
        Some((before, behind)) => {
            let (url, behind) = behind.split_once('\n').unwrap();
            let url = url.split('"').nth(1).unwrap().to_owned();
            (Some(url), format!("{before}{behind}"))
        }
        None => (None, text.to_owned()),
    };
    let env = |name: &str| environment(name).filter(|_| name != without);
    let mut config = Config::parse(&rest, &env).unwrap();
    // The program of the tests may be built without it.
    config.redis =
        redis.map(|url| crate::config::RedisConfig { url: voiceagent_core::Secret::new(url) });
    examine_production(&config, Surroundings { file: Some(text), ..more })
}

fn state_of(findings: &[Finding], what: &str) -> State {
    findings.iter().find(|finding| finding.what == what).unwrap_or_else(|| panic!("{what}")).state
}

#[test]
fn what_is_safe_is_let_pass() {
    let found = findings(SOUND, Surroundings { log: "info", ..Surroundings::default() }, "");
    assert!(is_ready(&found), "{found:#?}");
    assert!(found.iter().all(|one| matches!(one.state, State::Ok | State::Optional)), "{found:#?}");
}

#[test]
fn each_unsafe_setting_is_refused_with_what_to_do() {
    let cases = [
        ("https address", "https://calls.nair-motors.test", "http://127.0.0.1:8080"),
        ("https address", "https://calls.nair-motors.test", "https://agent.example.com"),
        ("https address", "public_url = \"https://calls.nair-motors.test\"\n", ""),
        ("carrier account", "AC0123456789abcdef0123456789abcdef", "AC1"),
        (
            "carrier account",
            "AC0123456789abcdef0123456789abcdef",
            "AC00000000000000000000000000000000",
        ),
        ("keys in the file", "[llm]\n", "[llm]\napi_key = \"sk-hush\"\n"),
        (
            "keys in the file",
            "provider = \"cartesia\"\n",
            "provider = \"cartesia\"\napi_key = \"hush\"\n",
        ),
        ("keys in the file", "[twilio]\n", "[twilio]\nauth_token = \"hush\"\n"),
        (
            "keys in the file",
            "\"/var/lib/dealership/dealership.db\"",
            "\"postgres://ana:hush@127.0.0.1/shop\"",
        ),
        ("vendors by TLS", "[llm]\n", "[llm]\nbase_url = \"http://models.test/v1\"\n"),
        (
            "vendors by TLS",
            "provider = \"assemblyai\"\n",
            "provider = \"assemblyai\"\nbase_url = \"ws://a.test\"\n",
        ),
        (
            "database by TLS",
            "\"/var/lib/dealership/dealership.db\"",
            "\"postgres://ana@db.nair-motors.test/shop?sslmode=prefer\"",
        ),
        ("database file", "/var/lib/dealership/dealership.db", "/tmp/dealership.db"),
        ("redis password", "redis://10.0.0.7:6379/0", "redis://cache.nair-motors.test:6379/0"),
        ("letters by TLS", "smtps://", "smtp://"),
        ("talk page off", "[dealership]\n", "talk_page = true\n[dealership]\n"),
        ("journals", "[dealership]\n", "[retention]\njournal_days = 4000\n[dealership]\n"),
        ("caller identity", "\"facts\"", "\"number\""),
        ("allow-list", "[\"*\"]", "[]"),
        ("allow-list", "[\"*\"]", "[\"+16305550111\"]"),
        ("sip peers", "198.51.100.7", "0.0.0.0/0"),
        ("time to drain", "drain_seconds = 60", "drain_seconds = 5"),
    ];
    for (what, before, after) in cases {
        assert!(SOUND.contains(before), "{before}");
        let found = findings(&SOUND.replacen(before, after, 1), Surroundings::default(), "");
        let refused = found.iter().find(|one| one.state == State::Wrong);
        let refused = refused.unwrap_or_else(|| panic!("{what}: {after}: {found:#?}"));
        assert_eq!(refused.what, what, "{found:#?}");
        assert!(!refused.next.is_empty() && !is_ready(&found), "{refused:?}");
        assert!(!format!("{found:?}").contains("hush"), "{found:#?}");
    }
    let keyless = findings(SOUND, Surroundings::default(), "DEALERSHIP_OPERATOR_KEY");
    assert_eq!(state_of(&keyless, "operator key"), State::Wrong);
    for log in ["trace", "info,dealership=trace", "rsipstack=debug"] {
        let told = findings(SOUND, Surroundings { log, ..Surroundings::default() }, "");
        assert_eq!(state_of(&told, "discreet log"), State::Wrong, "{log}");
    }
}

#[test]
fn what_will_hurt_one_day_is_a_warning() {
    for (what, before, after) in [
        ("bound of calls", "most_calls = 50\n", ""),
        ("vendors behind", "[[tts.fallback]]\nprovider = \"cartesia\"\n", ""),
        ("people behind", "[dealership.departments]\nfront_desk = \"+16305550101\"\n", ""),
        ("metrics key", "[server]\n", "[switches]\nobservability = false\n[server]\n"),
    ] {
        let found = findings(&SOUND.replacen(before, after, 1), Surroundings::default(), "");
        assert_eq!(state_of(&found, what), State::Warning, "{what}");
        assert!(is_ready(&found), "{found:#?}");
    }
}

#[test]
fn the_numbers_of_a_test_are_let_pass_when_they_are_meant() {
    let text = SOUND.replacen("[\"*\"]", "[\"+16305550111\"]", 1);
    let meant = Surroundings { test_numbers: true, ..Surroundings::default() };
    assert!(is_ready(&findings(&text, meant, "")));
    let nobody = SOUND.replacen("[\"*\"]", "[]", 1);
    assert!(!is_ready(&findings(&nobody, meant, "")), "an empty list is no test either");
}

#[test]
fn the_page_with_the_checklist_names_each_of_them_and_no_other() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/production-checklist.md");
    let page = fs::read_to_string(page).unwrap();
    let items: Vec<&str> = page.lines().filter(|line| line.starts_with("- [ ] ")).collect();
    assert!(items.len() >= 100, "{} items", items.len());
    let mut marked: Vec<&str> = items
        .iter()
        .filter_map(|item| item.split("(`doctor --production`: ").nth(1)?.split(')').next())
        .collect();
    let mut checks: Vec<&str> = CHECKS.iter().map(|check| check.what).collect();
    marked.sort_unstable();
    checks.sort_unstable();
    assert_eq!(marked, checks);
}
