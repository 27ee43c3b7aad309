use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    store::{Arm, Store},
    templates::{INBOUND, Vendors},
};

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

/// A folder of one test, and a configuration with which calls can be answered.
struct House {
    folder: PathBuf,
    text: String,
}

impl House {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("doctor-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://agent.example.com\"\n\
             [dealership]\ndatabase = {:?}\n\
             [twilio]\naccount_sid = \"AC{:032}\"\nauth_token = \"hush\"\n\
             [stt]\nprovider = \"deepgram\"\napi_key = \"hush\"\n\
             [tts]\nprovider = \"deepgram\"\napi_key = \"hush\"\n\
             [llm]\nprovider = \"openai\"\napi_key = \"hush\"\n",
            folder.join("new.db"),
            1
        );
        Self { folder, text }
    }

    fn database(&self) -> PathBuf {
        self.folder.join("new.db")
    }

    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path()).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

async fn diagnosis(text: &str) -> Vec<Finding> {
    examine(&Config::parse(text, &|_| None), &registry(), Clock::System).await
}

/// Whether the program starts with it. It is the server that is asked, and the port.
async fn serves(text: &str) -> bool {
    let Ok(config) = Config::parse(text, &|_| None) else { return false };
    if server::listen(config.server.listen).is_err() {
        return false;
    }
    let Ok(server) = Server::new(&config, &registry(), Clock::System).await else { return false };
    server.close().await;
    true
}

fn state_of<'a>(findings: &'a [Finding], what: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.what == what).unwrap()
}

#[tokio::test]
async fn a_bare_machine_is_told_what_to_get() {
    let house = House::new("bare");
    let text = format!("[dealership]\ndatabase = {:?}\n", house.database());
    let findings = diagnosis(&text).await;
    assert!(!is_ready(&findings));
    for what in ["public address", "twilio account", "recognizer", "voice"] {
        let finding = state_of(&findings, what);
        assert_eq!(finding.state, State::Missing, "{what}");
        assert!(!finding.seen.is_empty() && !finding.next.is_empty(), "{finding:?}");
    }
    let llm = state_of(&findings, "language model");
    assert_eq!(llm.state, State::Optional);
    assert!(llm.next.contains("openai"), "{llm:?}");
}

#[tokio::test]
async fn doctor_and_server_agree_about_every_setting() {
    let house = House::new("agree");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("\"{}\"", taken.local_addr().unwrap());
    let foreign = house.folder.join("letter.txt");
    fs::write(
        &foreign,
        "Dear Sir or Madam, this is a letter, and long enough for a page.".repeat(99),
    )
    .unwrap();
    let whole = house.text.as_str();
    let database = format!("{:?}", house.database());
    let cases = [
        (whole.to_owned(), true),
        (whole.replace("[stt]", "[stt]\nmodle = \"x\""), false),
        (whole.replace("\"deepgram\"", "\"castle\""), false),
        (whole.replace("provider = \"openai\"\n", ""), false),
        (whole.replace("\"openai\"", "\"openai\"\nbase_url = \"x\""), false),
        (whole.replace("api_key = \"hush\"", ""), false),
        (whole.replace("auth_token = \"hush\"", ""), false),
        (whole.replace("account_sid", "# account_sid"), true),
        (whole.replace("\"AC0", "\"AC 0"), false),
        (whole.replace("\"AC0", "\"AB0"), true),
        (whole.replace("[twilio]", "[twilio]\napi_url = \"x\""), false),
        (whole.replace("https://agent.example.com", "https://:443"), false),
        (whole.replace("\"openai\"", "\"openai\"\nmodel = \"\""), false),
        (whole.replace("\"openai\"", "\"openai\"\ntemperature = -9"), false),
        (whole.replace("https://agent.example.com", "http://agent.example.com"), false),
        (whole.replace("https://agent.example.com", "http://localhost:8080"), true),
        (whole.replace("public_url", "# public_url"), false),
        (whole.replace("\"127.0.0.1:0\"", &taken), false),
        (whole.replace("\"127.0.0.1:0\"", "\"192.0.2.1:80\""), false),
        (whole.replace(&database, &format!("{foreign:?}")), false),
        (whole.replace(&database, &format!("{:?}", house.folder)), false),
        (whole.replace(&database, &format!("{:?}", house.folder.join("no/such.db"))), false),
        (whole.replace("[server]", &format!("[server]\njournals = {foreign:?}")), false),
        (whole.replace("[stt]", "[redis]\nurl = \"x\"\n[stt]"), false),
        (whole.replace("[stt]", "[knowledge.embedding]\nprovider = \"openai\"\n[stt]"), false),
        (whole.replace("[stt]", "[knowledge.embedding]\nprovider = \"hashing\"\n[stt]"), true),
        (whole.replace("[stt]", "[knowledge]\nnear = 2\n[stt]"), false),
        (whole.replace("[server]", "[server]\nreplica = \"a/b\""), false),
        (whole.split("[llm]").next().unwrap().to_owned(), true),
        (format!("{whole}[[llm.fallback]]\nprovider = \"anthropic\"\n"), false),
        (format!("{whole}[[llm.fallback]]\nprovider = \"anthropic\"\napi_key = \"hush\"\n"), true),
    ];
    for (text, is_fine) in cases {
        let findings = diagnosis(&text).await;
        assert_eq!(is_ready(&findings), is_fine, "{text}\n{}", render(&findings));
        assert_eq!(serves(&text).await, is_fine, "{text}\n{}", render(&findings));
        assert!(!render(&findings).contains("hush"));
    }
}

#[tokio::test]
async fn what_serve_only_warns_about_is_a_warning() {
    let house = House::new("warning");
    let findings = diagnosis(&house.text.replace("account_sid", "# account_sid")).await;
    let account = state_of(&findings, "twilio account");
    assert_eq!(account.state, State::Warning);
    assert!(account.seen.contains("`twilio.account_sid` is not set"), "{account:?}");
    let local = house.text.replace("https://agent.example.com", "http://[::1]:80");
    let findings = diagnosis(&local).await;
    assert_eq!(state_of(&findings, "public address").state, State::Warning);
}

#[tokio::test]
async fn a_key_is_asked_for_by_the_name_of_its_variable() {
    let house = House::new("key");
    let keyless = house.text.replace("api_key = \"hush\"", "");
    let findings = diagnosis(&keyless).await;
    for (what, variable) in
        [("recognizer", "DEEPGRAM_API_KEY"), ("language model", "OPENAI_API_KEY")]
    {
        let finding = state_of(&findings, what);
        assert_eq!(finding.state, State::Missing, "{finding:?}");
        assert!(finding.next.starts_with(&format!("Put a key into {variable};")), "{finding:?}");
    }
}

#[tokio::test]
async fn keys_reach_every_provider_of_a_chain() {
    let house = House::new("chain");
    let chain = format!("{}[[llm.fallback]]\nprovider = \"anthropic\"\n", house.text);
    let finding = |findings: Vec<Finding>| {
        findings.into_iter().find(|finding| finding.what == "language model").unwrap()
    };
    let keyless = finding(diagnosis(&chain).await);
    assert_eq!(keyless.state, State::Missing);
    assert!(keyless.seen.starts_with("field `llm.fallback[0].api_key` is missing"), "{keyless:?}");
    assert!(keyless.next.starts_with("Put a key into ANTHROPIC_API_KEY;"), "{keyless:?}");
    let env = |asked: &str| (asked == "ANTHROPIC_API_KEY").then(|| "hush".to_owned());
    let config = Config::parse(&chain, &env);
    let whole = finding(examine(&config, &registry(), Clock::System).await);
    assert_eq!(whole.seen, "openai, with a key; then anthropic, with a key");
    let wrong = format!("{chain}modle = \"x\"\n");
    let config = Config::parse(&wrong, &env);
    let wrong = finding(examine(&config, &registry(), Clock::System).await);
    assert!(wrong.seen.starts_with("field `llm.fallback[0]`: unknown field `modle`"), "{wrong:?}");
}

#[tokio::test]
async fn every_language_model_is_taken_by_its_name() {
    let house = House::new("models");
    for (name, variable) in [("anthropic", "ANTHROPIC_API_KEY"), ("gemini", "GEMINI_API_KEY")] {
        let text = house.text.replace("\"openai\"", &format!("\"{name}\""));
        assert!(is_ready(&diagnosis(&text).await), "{name}");
        let (rest, llm) = text.split_once("[llm]").unwrap();
        let keyless = format!("{rest}[llm]{}", llm.replace("api_key = \"hush\"", ""));
        let finding =
            diagnosis(&keyless).await.into_iter().find(|finding| finding.what == "language model");
        let finding = finding.unwrap();
        assert_eq!(finding.state, State::Missing, "{finding:?}");
        assert!(finding.next.starts_with(&format!("Put a key into {variable};")), "{finding:?}");
        let env = |asked: &str| (asked == variable).then(|| "hush".to_owned());
        let config = Config::parse(&keyless, &env);
        assert!(is_ready(&examine(&config, &registry(), Clock::System).await), "{name}");
    }
}

#[tokio::test]
async fn a_template_that_is_not_understood_is_told_before_a_call_needs_it() {
    let house = House::new("templates");
    let config = Config::parse(&house.text, &|_| None).unwrap();
    let vendors = Vendors::new(registry(), |_| None);
    let none = examine_templates(&config, &vendors).await;
    assert_eq!((none.state, &*none.seen), (State::Ok, "none yet; the configuration counts"));
    let store = Store::open(&house.database()).await.unwrap();
    let now = Clock::System.now();
    for (text, state) in [
        (r#"{"greeting":"Hello."}"#, State::Ok),
        (r#"{"voice":"x"}"#, State::Wrong),
        (r#"{"stt":{"provider":"castle"}}"#, State::Wrong),
        (r#"{"stt":{"provider":"deepgram"}}"#, State::Wrong),
    ] {
        let version = store.push_template(INBOUND, (text, "a test"), now).await.unwrap();
        store.activate_template(INBOUND, &[Arm { version, weight: 1 }], now).await.unwrap();
        let looked = examine_templates(&config, &vendors).await;
        assert_eq!(looked.state, state, "{looked:?}");
        let is_named = looked.seen.contains(&format!("`inbound`, version {version}: "));
        assert_eq!(is_named, state == State::Wrong, "{looked:?}");
    }
    store.close().await;
}

#[tokio::test]
async fn what_needs_no_calls_is_not_asked_of_a_program_that_takes_none() {
    let house = House::new("roles");
    let worker = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nroles = [\"jobs\"]\n[dealership]\ndatabase = {:?}\n",
        house.database()
    );
    let findings = diagnosis(&worker).await;
    assert!(is_ready(&findings), "{findings:?}");
    assert!(findings.iter().all(|finding| finding.what != "recognizer"), "{findings:?}");
    assert!(serves(&worker).await);
}

#[tokio::test]
async fn a_trunk_is_asked_whether_it_is_there_and_one_that_is_not_is_a_warning() {
    let house = House::new("trunk");
    let trunk = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let there = format!("sip:{}", trunk.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        loop {
            let (length, from) = trunk.recv_from(&mut buffer).await.unwrap();
            let asked = String::from_utf8_lossy(&buffer[..length]).into_owned();
            assert!(asked.starts_with("OPTIONS sip:127.0.0.1:"), "{asked}");
            let copied = ["Via", "From", "To", "Call-ID", "CSeq"];
            let is_copied = |line: &&str| copied.iter().any(|name| line.starts_with(name));
            let copied: Vec<_> = asked.lines().filter(is_copied).collect();
            let answer = format!("SIP/2.0 200 OK\r\n{}\r\n\r\n", copied.join("\r\n"));
            trunk.send_to(answer.as_bytes(), from).await.unwrap();
        }
    });
    // Nobody can be connected to at the port of the second.
    for (address, more, state, seen) in [
        (there.as_str(), "", State::Ok, "the trunk answers"),
        ("sip:127.0.0.1:1;transport=tcp", "", State::Warning, "does not answer OPTIONS"),
        ("sip:127.0.0.1:1;transport=tcp", "keep_alive = 0", State::Ok, "is free"),
    ] {
        let sip = format!(
            "[sip]\nlisten = \"127.0.0.1:0\"\npeers = [\"127.0.0.0/8\"]\n\
             [sip.trunk]\naddress = \"{address}\"\n{more}\n"
        );
        let findings = diagnosis(&format!("{}{sip}", house.text)).await;
        let found = state_of(&findings, "sip");
        assert!(found.state == state && found.seen.contains(seen), "{found:?}");
        assert!(is_ready(&findings), "calls can be taken all the same: {findings:?}");
    }
    answering.abort();
}

#[tokio::test]
async fn a_wrong_file_is_the_only_finding() {
    let findings = diagnosis("[server]\nx = 1\n").await;
    assert_eq!(findings.len(), 1);
    assert!(findings[0].seen.contains("`server.x`"), "{findings:?}");
}

#[test]
fn the_report_has_a_line_for_each_finding_and_a_verdict() {
    let findings = [ok("port", "free"), finding("voice", State::Missing, "not set", "Set it.")];
    assert_eq!(
        render(&findings),
        "ok        port            free\nmissing   voice           not set\n                          \
         -> Set it.\n\nNot ready for phone calls yet. `dealership demo` needs none of this.\n"
    );
    assert!(render(&findings[..1]).ends_with("can answer phone calls.\n"));
}

#[tokio::test]
async fn a_look_leaves_no_database_behind_and_keeps_one_that_is_there() {
    let house = House::new("look");
    assert!(is_ready(&diagnosis(&house.text).await));
    assert_eq!(house.files(), [] as [&Path; 0]);
    assert!(serves(&house.text).await);
    let findings = diagnosis(&house.text).await;
    assert!(state_of(&findings, "database").seen.contains("can be read and written"));
    assert!(house.database().exists());
}
