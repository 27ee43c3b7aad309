use std::{net::TcpListener, sync::Arc};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use voiceagent_core::{
    Error,
    llm::{LanguageModel, LlmCapabilities, LlmEvent, LlmRequest},
};

use super::*;

#[derive(Debug)]
struct House;

#[async_trait]
impl LanguageModel for House {
    fn name(&self) -> &str {
        "house"
    }
    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
    }
    async fn generate(&self, _: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
        Err(Error::config("never asked"))
    }
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.llm.register("house", |_: serde_json::Value| Ok(Arc::new(House) as _));
    registry
}

fn fine() -> Probed {
    Probed { database: Ok(()), port: Ok(()) }
}

fn state_of<'a>(findings: &'a [Finding], what: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.what == what).unwrap()
}

#[test]
fn a_bare_machine_is_told_what_to_get() {
    let findings = examine(&Config::parse("", &|_| None), &fine(), &registry());
    assert!(!is_ready(&findings));
    for what in ["public address", "twilio account", "recognizer", "voice"] {
        let finding = state_of(&findings, what);
        assert_eq!(finding.state, State::Missing, "{what}");
        assert!(finding.next.contains("Set") || finding.next.contains("TWILIO"), "{finding:?}");
    }
    let llm = state_of(&findings, "language model");
    assert_eq!(llm.state, State::Optional);
    assert!(llm.next.contains("house"), "{llm:?}");
}

#[test]
fn a_key_is_asked_for_by_the_name_of_its_variable() {
    let text = "[llm]\nprovider = \"house\"\n";
    let findings = examine(&Config::parse(text, &|_| None), &fine(), &registry());
    let llm = state_of(&findings, "language model");
    assert_eq!((llm.state, llm.next.as_str()), (State::Missing, "Put a key into HOUSE_API_KEY."));

    let env = |name: &str| (name == "HOUSE_API_KEY").then(|| "hush".to_owned());
    let findings = examine(&Config::parse(text, &env), &fine(), &registry());
    assert_eq!(state_of(&findings, "language model").state, State::Ok);
    assert!(!render(&findings).contains("hush"));

    let castle = Config::parse("[llm]\nprovider = \"castle\"\n", &|_| None);
    let findings = examine(&castle, &fine(), &registry());
    assert!(state_of(&findings, "language model").seen.contains("`castle` is not compiled in"));
}

#[test]
fn a_wrong_file_is_the_only_finding() {
    let findings = examine(&Config::parse("[server]\nx = 1\n", &|_| None), &fine(), &registry());
    assert_eq!(findings.len(), 1);
    assert!(findings[0].seen.contains("`server.x`"), "{findings:?}");
}

#[test]
fn what_fails_on_the_machine_is_said() {
    let probed = Probed { database: Err("no".into()), port: Err("taken".into()) };
    let findings = examine(&Config::parse("", &|_| None), &probed, &registry());
    assert_eq!(state_of(&findings, "database").state, State::Missing);
    assert!(state_of(&findings, "port").next.contains("DEALERSHIP_LISTEN"));
}

#[test]
fn the_carrier_needs_https_and_an_account() {
    let text = "[server]\npublic_url = \"http://a.example\"\n[twilio]\naccount_sid = \"AC1\"\n";
    let findings = examine(&Config::parse(text, &|_| None), &fine(), &registry());
    assert!(state_of(&findings, "public address").seen.contains("not https"));
    assert!(state_of(&findings, "twilio account").seen.contains("32 hexadecimal digits"));
}

#[test]
fn the_report_has_a_line_for_each_finding_and_a_verdict() {
    let findings = [ok("port", "free".into()), missing("voice", "not set", "Set it.")];
    assert_eq!(
        render(&findings),
        "ok        port            free\nmissing   voice           not set\n                          \
         -> Set it.\n\nNot ready for phone calls yet. `dealership demo` needs none of this.\n"
    );
    assert!(render(&findings[..1]).ends_with("can answer phone calls.\n"));
}

#[test]
fn probing_tells_a_taken_port_and_an_unwritable_place() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = std::env::temp_dir().join(format!("doctor-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut config = Config::default();
    config.server.listen = taken.local_addr().unwrap();
    config.dealership.database = folder.join("new.db");
    let probed = probe(&config);
    assert!(probed.port.is_err() && probed.database.is_ok());
    assert!(!config.dealership.database.exists(), "a look leaves nothing behind");
    config.dealership.database = folder.join("missing").join("new.db");
    assert!(probe(&config).database.unwrap_err().contains("new.db"));
    std::fs::remove_dir_all(folder).unwrap();
}
