use voiceagent_replay::Outcome;

use crate::call::{Folder, small_call, tool};

fn refused(name: &str, journal: impl AsRef<[u8]>) -> String {
    let folder = Folder::new(&format!("tool-damage-{name}"));
    let path = folder.put("a.journal", journal).display().to_string();
    let message = tool(&[&path]).expect_err("it cannot be read");
    assert!(message.starts_with(&path), "the file is named: {message}");
    assert!(!message.contains('\n') && !message.contains("table"), "{message}");
    message
}

#[test]
fn a_journal_that_was_cut_off_is_replayed_as_far_as_it_goes() {
    let folder = Folder::new("tool-cut");
    let call = small_call();
    let first = call.find('\n').unwrap() + 1;
    let opened = first + call[first..].find('\n').unwrap() + 1;
    for end in (opened..call.len()).step_by(97) {
        let path = folder.put("a.journal", &call[..end]).display().to_string();
        let (outcome, out, _) = tool(&[&path]).unwrap();
        assert_eq!(outcome, Outcome::Done, "{end}: {out}");
        let whole = call[..end].contains("{\"command\":{\"command\":\"end\"}}\n");
        assert!(whole || out.contains("was cut off"), "{end}: {out}");
        tool(&[&path, "--set", "endpointing.min_delay=600ms"]).unwrap();
    }
}

/// What a call leaves behind that was over before anything happened.
fn call_head() -> String {
    small_call().split_inclusive('\n').take(1).collect()
}

#[test]
fn settings_that_no_agent_accepts_are_refused() {
    let call = small_call();
    let never = r#"{"secs":18446744073709551615,"nanos":0}"#;
    let lead =
        call.replacen(r#""lead":{"secs":0,"nanos":300000000}"#, &format!(r#""lead":{never}"#), 1);
    let message = refused("lead", lead);
    assert!(message.contains("line 1: field `playout.lead` is "), "{message}");
    let format = r#""sample_rate":4294967295,"channels":255"#;
    let message = refused("format", call.replacen(r#""sample_rate":8000,"channels":1"#, format, 1));
    assert!(message.contains("line 1: field `format` is "), "{message}");
    let folder = Folder::new("tool-absurd-set");
    let path = folder.put("a.journal", &call).display().to_string();
    for set in ["playout.lead=5000min", "format.sample_rate=4294967295", "format.channels=255"] {
        let message = tool(&[&path, "--set", set]).unwrap_err();
        assert!(message.starts_with("field `"), "{set}: {message}");
    }
}

#[test]
fn any_damaged_byte_is_told_or_harmless() {
    let folder = Folder::new("tool-bytes");
    let call = small_call();
    for (nth, at) in (0..call.len()).step_by(211).enumerate() {
        let mut bytes = call.clone().into_bytes();
        bytes[at] = [0xff, b'}', b'0', b'\n', b'x'][nth % 5];
        let path = folder.put("a.journal", &bytes).display().to_string();
        for args in [vec![path.as_str()], vec![&path, "--set", "endpointing.min_delay=1s"]] {
            if let Err(message) = tool(&args) {
                assert!(message.contains("line ") && !message.contains('\n'), "{message}");
            }
        }
    }
}

#[test]
fn a_damaged_line_is_named_with_what_to_do() {
    let call = small_call();
    let third = call.lines().nth(2).unwrap();
    let message = refused("line", call.replacen(third, &third[..third.len() - 3], 1));
    assert!(message.contains("line 3 is damaged; copy the journal anew"), "{message}");
    let message = refused("bytes", [call.as_bytes(), b"\xff\xfe\n"].concat());
    let lines = call.lines().count() + 1;
    assert!(message.contains(&format!("line {lines} is not text")), "{message}");
    let message = refused("order", call.replacen("\"at\":0,", "", 1));
    assert!(message.contains("line 2 has no time"), "{message}");
    let message = refused("time", call.replacen("\"at\":0,", "\"at\":18446744073709551615,", 1));
    assert!(message.contains("line 2 has no time"), "{message}");
    let message = refused("twice", format!("{call}{call}"));
    assert!(message.contains("begins a second journal"), "{message}");
}

#[test]
fn what_is_no_journal_is_said_to_be_none() {
    for (name, text) in [("empty", ""), ("half", "{\"voiceagent_journal\":1,")] {
        let message = refused(name, text);
        assert!(message.contains("no whole line"), "{message}");
    }
    for (name, text) in [("text", "Dear Ann,\n"), ("json", "{\"a\":1}\n"), ("list", "[1]\n")] {
        let message = refused(name, text);
        assert!(message.contains("line 1 is not the head of a journal"), "{message}");
    }
    let head = call_head();
    assert!(refused("head", &head).contains("is empty: it has no input"));
    assert!(refused("half-input", format!("{head}{{\"at\":0,")).contains("is empty"));
    let folder = Folder::new("tool-folder");
    let message = tool(&[&folder.0.display().to_string()]).unwrap_err();
    assert!(message.contains("cannot be read: is a directory"), "{message}");
}

#[test]
fn a_journal_of_another_version_asks_for_that_version() {
    let call = small_call();
    let message = refused("version", call.replacen("_journal\":1", "_journal\":2", 1));
    assert!(message.contains("version 2") && message.contains("version 1"), "{message}");
    let message = refused("setting", call.replacen("\"vad\":", "\"sonar\":1,\"vad\":", 1));
    assert!(message.contains("line 1") && message.contains("`sonar`"), "{message}");
    let message = refused("input", call.replacen("\"opened\"", "\"beamed_in\"", 1));
    assert!(message.contains("line 2: the input `beamed_in`"), "{message}");
    let message = refused("event", call.replacen("user_started", "user_sang", 1));
    assert!(message.contains("the command `emit` is not one of this version"), "{message}");
    assert!(message.contains("replay it with the version that recorded it"), "{message}");
}
