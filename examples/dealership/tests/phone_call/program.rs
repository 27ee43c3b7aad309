//! The program itself, as a user starts it.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_dealership"));
    program.args(arguments).env_remove("DEALERSHIP_CONFIG").env_remove("RUST_LOG");
    program
}

fn started(program: &mut Command, input: &[u8]) -> Output {
    let mut program = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has ended before reads nothing.
    let _ = program.stdin.take().unwrap().write_all(input);
    program.wait_with_output().unwrap()
}

fn dealership(arguments: &[&str], input: &[u8]) -> Output {
    started(&mut program(arguments), input)
}

#[test]
fn the_demo_books_what_is_typed_and_shows_it() {
    let lines = "I need an oil change\ntomorrow\nthe first one\nJane Smith\n630 555 0123\na 2018 Subaru Forester\nyes\nno thanks\n";
    let output = dealership(&["demo", "--listen", "127.0.0.1:0"], lines.as_bytes());
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("Agent: You're booked for an oil change on "), "{shown}");
    let (_, table) = shown.split_once("Appointments of this conversation:\n").expect(&shown);
    let row = table.lines().nth(1).expect(&shown);
    assert!(row.starts_with("oil change  ") && row.contains("Jane Smith"), "{shown}");
}

#[test]
fn serving_without_settings_says_what_is_missing() {
    let output = dealership(&["serve"], b"");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(complaint.contains("field `server.public_url` is missing"), "{complaint}");
}

#[test]
fn what_is_no_utf_8_does_not_end_the_demo() {
    let lines = b"hello \xff\xfe\nWhat are your hours?\nno thanks\n";
    let output = dealership(&["demo", "--listen", "127.0.0.1:0"], lines);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("You:   What are your hours?\nAgent: "), "{shown}");
}

#[test]
fn a_wrong_argument_of_the_demo_is_named_with_what_is_accepted() {
    for (arguments, accepted) in [
        (["--listen", "80"], "write it like 127.0.0.1:8787"),
        (["--from", "123"], "write it like +16305550111"),
        (["--script", "."], "it is a folder; name a file"),
        (["--db", "no-such-folder/a.db"], "the folder no-such-folder does not exist; make it"),
    ] {
        let output = dealership(&[&["demo"], arguments.as_slice()].concat(), b"");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(complaint.contains(accepted), "{complaint}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_cannot_be_read_is_not_ignored() {
    use std::os::unix::ffi::OsStrExt;

    let unreadable = std::ffi::OsStr::from_bytes(b"a\xff.db");
    let output = started(program(&["appointments"]).env("DEALERSHIP_DATABASE", unreadable), b"");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("DEALERSHIP_DATABASE is not UTF-8"), "{complaint}");
}

#[test]
fn doctor_says_not_ready_with_its_exit_code() {
    let output = dealership(&["doctor", "--config", "no-such.toml"], b"");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(shown.contains("no-such.toml does not exist"), "{shown}");
    assert!(shown.contains("Not ready for phone calls yet."), "{shown}");
}

#[test]
fn a_wrong_log_filter_is_named_with_what_is_accepted() {
    for wrong in ["loud", "dealership=loud", "info,debgu"] {
        let output = started(program(&["appointments"]).env("RUST_LOG", wrong), b"");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(complaint.contains("RUST_LOG is no filter"), "{wrong}: {complaint}");
        assert!(complaint.contains("`info`"), "{wrong}: {complaint}");
    }
}
