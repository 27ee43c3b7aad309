//! The program itself, as a user starts it.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

fn dealership(arguments: &[&str], input: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_dealership"))
        .args(arguments)
        .env_remove("DEALERSHIP_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    program.wait_with_output().unwrap()
}

#[test]
fn the_demo_books_what_is_typed_and_shows_it() {
    let lines =
        "I need an oil change\ntomorrow\nthe first one\nJane Smith\n630 555 0123\nyes\nno thanks\n";
    let output = dealership(&["demo", "--listen", "127.0.0.1:0"], lines);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("Agent: You're booked for an oil change on "), "{shown}");
    let (_, table) = shown.split_once("Appointments of this conversation:\n").expect(&shown);
    let row = table.lines().nth(1).expect(&shown);
    assert!(row.starts_with("oil change  ") && row.contains("Jane Smith"), "{shown}");
}

#[test]
fn serving_without_settings_says_what_is_missing() {
    let output = dealership(&["serve"], "");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(complaint.contains("field `server.public_url` is missing"), "{complaint}");
}
