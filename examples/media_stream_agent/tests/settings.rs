//! What the program says about settings that it cannot use.

#![expect(clippy::unwrap_used, reason = "a test whose setup fails must stop")]

use std::{net::TcpListener, process::Command};

/// What the program prints with these settings, and the code that it ends with.
fn refusal(settings: &[(&str, &str)]) -> (String, Option<i32>) {
    let agent = Command::new(env!("CARGO_BIN_EXE_media_stream_agent"))
        .env_clear()
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    (String::from_utf8(agent.stderr).unwrap(), agent.status.code())
}

#[test]
fn a_wrong_setting_is_named_with_what_it_accepts() {
    let endpointing = "ENDPOINTING_MS is a number from 1 to 30000";
    let speculation = "SPECULATION is `on` or `off`";
    for (name, value, accepted) in [
        ("ENDPOINTING_MS", "99999999", endpointing),
        ("ENDPOINTING_MS", "30001", endpointing),
        ("ENDPOINTING_MS", "0", endpointing),
        ("ENDPOINTING_MS", "soon", endpointing),
        ("SPECULATION", "no", speculation),
        ("DETECTOR", "maybe", "DETECTOR is `on` or `off`"),
        ("PORT", "99999", "PORT is a number up to 65535"),
    ] {
        let (said, code) = refusal(&[(name, value)]);
        assert_eq!(said, format!("media_stream_agent: {accepted}\n"), "{name}={value}");
        assert_eq!(code, Some(1));
    }
}

#[test]
fn a_wrong_address_is_told_by_the_name_of_its_variable() {
    for name in ["DEEPGRAM_WS_URL", "DEEPGRAM_BASE_URL", "OPENAI_BASE_URL"] {
        let (said, code) = refusal(&[(name, "foo")]);
        assert!(said.contains(&format!(": {name} ")), "{said}");
        assert!(!said.contains("base_url"), "{said}");
        assert_eq!((said.lines().count(), code), (1, Some(1)));
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let names = ["DEEPGRAM_API_KEY", "DEEPGRAM_WS_URL", "ENDPOINTING_MS", "JOURNALS"];
    let others = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "RUST_LOG", "SPECULATION"];
    let folders_and_switches = ["DETECTOR", "RECORDINGS"];
    let empty: Vec<(&str, &str)> = names
        .into_iter()
        .chain(others)
        .chain(folders_and_switches)
        .map(|name| (name, ""))
        .collect();
    // Without a complaint about a setting, it gets as far as to listen.
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (said, _) = refusal(&[&*empty, &[("PORT", &*port)]].concat());
    assert!(said.contains("cannot listen at"), "{said}");
}

#[test]
fn a_taken_port_is_named_with_a_way_out() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    // What comes before the port is understood in any case.
    let settings = [("PORT", &*port), ("SPECULATION", "OFF"), ("ENDPOINTING_MS", "30000")];
    let (said, code) = refusal(&settings);
    let begin = format!("media_stream_agent: cannot listen at 0.0.0.0:{port}: ");
    assert!(said.starts_with(&begin) && said.ends_with("; try another PORT\n"), "{said}");
    assert_eq!((said.lines().count(), code), (1, Some(1)));
}
