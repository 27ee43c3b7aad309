//! The tool over journals of small calls whose figures can be checked by hand.

mod call;
mod damage;
mod guide;
mod recorded_call;
mod sweep;
mod what_if;

use std::{process::Command, sync::Arc, time::Duration};

use serde_json::Value;
use voiceagent_core::{Agent, audio::AudioFormat, journal::Recording};
use voiceagent_replay::Outcome;
use voiceagent_testkit::{
    fakes::{Answer, FakeLine, FakeLlm, FakeStt, FakeTts, FakeVad},
    replay::assert_replays,
};

use call::{Folder, small_call, tool};

/// Records a call of the real driver in virtual time.
async fn recorded(folder: &Folder) -> String {
    let line = FakeLine::audio(AudioFormat::MULAW_8K);
    let caller = line.caller();
    let agent = Agent::builder()
        .stt(Arc::new(FakeStt::new(caller.words())))
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("Yes we are open. Do you want to come by?"))))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
        .greeting("Hello!")
        .journals(&folder.0)
        .build()
        .expect("nothing is missing");
    let call = agent.start(Box::new(line)).await.expect("fakes are always there");
    caller.hears("Hello!", Duration::from_secs(3)).await;
    caller.speak("are you open", Duration::from_millis(900)).await;
    caller.hears("Yes we", Duration::from_secs(5)).await;
    caller.speak("good I will come", Duration::from_millis(900)).await;
    caller.silence(Duration::from_millis(1_200)).await;
    caller.hang_up().await;
    call.finished().await;
    folder.0.join("call-1.journal").display().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_recorded_call_replays_and_is_summed_up() {
    let folder = Folder::new("tool-recorded");
    let path = recorded(&folder).await;
    assert_replays(&path);
    let (outcome, out, _) = tool(&[&path]).unwrap();
    assert_eq!(outcome, Outcome::Done, "{out}");
    assert!(out.contains("1 barge-in; ended: user hung up"), "{out}");
    assert!(out.contains("identical: ") && out.contains("byte for byte"), "{out}");
    assert!(!out.contains("open"), "no texts: {out}");
}

#[tokio::test(start_paused = true)]
async fn with_the_recorded_settings_nothing_would_have_changed() {
    let folder = Folder::new("tool-same");
    let path = recorded(&folder).await;
    let (_, out, _) = tool(&[&path, "--set", "endpointing.min_delay=300ms"]).unwrap();
    assert!(out.contains("as before") && out.contains("0 cannot"), "{out}");
    assert!(out.contains("decisions as soon, answers heard as soon"), "{out}");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn only_its_owner_may_read_a_journal() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("tool-mode");
    let path = recorded(&folder).await;
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_first_difference_is_shown_with_what_led_to_it_and_without_texts() {
    let folder = Folder::new("tool-difference");
    let changed =
        small_call().replacen("a table for two\",\"end_of", "a table for ten\",\"end_of", 1);
    assert_ne!(changed, small_call());
    let path = folder.put("a.journal", &changed).display().to_string();
    let (outcome, out, _) = tool(&[&path]).unwrap();
    assert_eq!(outcome, Outcome::Different);
    assert!(out.contains("different: command ") && out.contains("3.100 s into the call"), "{out}");
    assert!(out.contains("speech_stopped") && out.contains("timeout"), "{out}");
    assert!(out.contains("[15 bytes]") && out.contains("they part at byte"), "{out}");
    assert!(!out.contains("table"), "{out}");
    let (_, out, _) = tool(&[&path, "--texts"]).unwrap();
    assert!(out.contains("table for ten") && out.contains("table for two"), "{out}");
    let difference = Recording::open(&path).unwrap().first_difference().unwrap();
    assert!(difference.recorded.unwrap().contains("table for ten"));
}

#[test]
fn a_journal_that_says_the_same_in_other_bytes_is_alike_and_not_identical() {
    let folder = Folder::new("tool-alike");
    let call = small_call();
    let (opened, since) =
        (r#""input":"opened""#, r#""event":"user_started","turn":1,"since":1000000"#);
    let others = [
        ("another order", since, r#""since":1000000,"turn":1,"event":"user_started""#),
        ("a space", opened, r#""input": "opened""#),
        ("an unknown field of an input", opened, r#""input":"opened","by":"hand""#),
        (
            "an unknown field of an event",
            since,
            r#""event":"user_started","turn":1,"loud":true,"since":1000000"#,
        ),
        ("an unknown field of a line", r#"{"at":0,"#, r#"{"at":0,"by":"hand","#),
    ];
    for (what, this, other) in others {
        let changed = call.replacen(this, other, 1);
        assert_ne!(changed, call, "{what}");
        let path = folder.put("a.journal", changed).display().to_string();
        let (outcome, out, _) = tool(&[&path]).unwrap();
        assert_eq!(outcome, Outcome::Alike, "{what}: {out}");
        assert!(out.contains("alike: from ") && out.contains(" wrote 1 line otherwise"), "{out}");
        let (_, out, _) = tool(&[&path, "--json"]).unwrap();
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&report["identical"], &report["rewritten"]), (&false.into(), &1.into()));
    }
}

#[test]
fn a_command_too_many_and_one_too_few_are_differences() {
    let folder = Folder::new("tool-count");
    let call = small_call();
    let end = "{\"command\":{\"command\":\"end\"}}\n";
    let more = call.replacen(end, &[end, end].concat(), 1);
    let path = folder.put("more.journal", more).display().to_string();
    let (outcome, out, _) = tool(&[&path]).unwrap();
    assert_eq!(outcome, Outcome::Different);
    assert!(out.contains("replayed: nothing more"), "{out}");

    let line = call.lines().find(|line| line.contains("user_turn")).unwrap();
    let fewer = call.replacen(&format!("{line}\n"), "", 1);
    let path = folder.put("fewer.journal", fewer).display().to_string();
    assert_eq!(tool(&[&path]).unwrap().0, Outcome::Different);
}

#[test]
fn a_summary_is_also_json() {
    let folder = Folder::new("tool-json");
    let path = folder.put("a.journal", small_call()).display().to_string();
    let (_, out, _) = tool(&[&path, "--json"]).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["identical"], true);
    assert_eq!(report["turns"], 4);
    assert_eq!(report["answers"], 2);
    assert_eq!(report["interruptions"], 1);
    assert_eq!(report["ended"], "user_hung_up");
}

#[test]
fn the_program_ends_with_0_1_or_2() {
    let folder = Folder::new("tool-exit");
    let same = folder.put("same.journal", small_call());
    let other = folder.put("other.journal", small_call().replacen("\"turn\":2", "\"turn\":7", 1));
    let program = env!("CARGO_BIN_EXE_voiceagent-replay");
    let code = |path: &std::path::Path| {
        let output = Command::new(program).arg(path).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), told.lines().count())
    };
    let alike = folder.put("alike.journal", small_call().replacen("{\"at\":", "{ \"at\":", 1));
    let never = r#""lead":{"secs":18446744073709551615,"#;
    let absurd = small_call().replacen(r#""lead":{"secs":0,"#, never, 1);
    let absurd = folder.put("absurd.journal", absurd);
    assert_eq!(code(&same), (Some(0), 0));
    assert_eq!(code(&alike), (Some(0), 0));
    assert_eq!(code(&absurd), (Some(2), 1), "one line");
    assert_eq!(code(&other), (Some(1), 0));
    assert_eq!(code(&folder.0.join("none.journal")), (Some(2), 1), "one line");
}
