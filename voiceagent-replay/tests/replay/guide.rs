//! What `docs/replay.md` quotes is what the tool says of the recorded call.

use crate::call::{Folder, tool};

const GUIDE: &str = include_str!("../../../docs/replay.md");
const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the tool as somebody would in the folder above, and finds what it says in the guide.
#[track_caller]
fn is_quoted(args: &str, more: &[&str]) {
    assert!(GUIDE.contains(args), "the guide does not show `{args}`");
    let above = CRATE.strip_suffix("voiceagent-replay").expect("that is the name of the crate");
    let args: Vec<String> = args
        .split(' ')
        .map(|arg| if arg.contains("testdata") { format!("{above}{arg}") } else { arg.to_owned() })
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let (_, out, _) = tool(&args).expect("the recorded call can be read");
    // Where the files of a sweep lie is no part of the quote.
    let (out, _) = out.split_once("written: ").unwrap_or((&out, ""));
    let out = out.replace(above, "");
    assert!(GUIDE.contains(&format!("```text\n{out}```")), "the guide does not quote\n{out}");
}

#[test]
fn the_guide_quotes_a_replay_and_a_what_if() {
    let journal = "voiceagent-replay/testdata/call-1.journal";
    is_quoted(journal, &[]);
    is_quoted(
        &format!("{journal} --set endpointing.min_delay=700ms --set barge_in.pause=400ms"),
        &[],
    );
}

#[test]
fn the_guide_quotes_a_sweep() {
    let folder = Folder::new("tool-guide-sweep");
    let out = folder.0.display().to_string();
    let sweep = "voiceagent-replay/testdata --sweep endpointing.min_delay=300ms..700ms/100ms";
    is_quoted(sweep, &["--out", &out]);
}

#[test]
fn the_guide_quotes_a_difference() {
    let call = std::fs::read_to_string(format!("{CRATE}/testdata/call-1.journal")).unwrap();
    let started = r#""event":{"event":"user_started","turn":"#;
    let changed = call.replacen(&format!(r#"{started}2,"#), &format!(r#"{started}5,"#), 1);
    assert_ne!(changed, call);
    let folder = Folder::new("tool-guide-difference");
    let path = folder.put("a.journal", changed).display().to_string();
    let (_, out, _) = tool(&[&path]).unwrap();
    let at = out.find("different: ").expect("it differs");
    let quote = format!("```text\n{}```", &out[at..]);
    assert!(GUIDE.contains(&quote), "the guide does not quote\n{quote}");
}
