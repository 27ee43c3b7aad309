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
fn the_smoke_script_asks_what_everybody_knows_and_is_answered() {
    let arguments =
        ["demo", "--script", "smoke", "--from", "+16305550111", "--listen", "127.0.0.1:0"];
    let output = dealership(&arguments, b"");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    let mut rest = shown.as_str();
    for answer in [
        "you are Ana.",
        "Agent: It is ",
        "I can't see the weather right now.",
        // Times, or the days on which there are some.
        "Agent: I ",
        "Goodbye",
    ] {
        let found = rest.find(answer).unwrap_or_else(|| panic!("{answer} in {shown}"));
        rest = &rest[found + answer.len()..];
    }
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
fn the_lines_of_one_call_are_shown_and_those_that_come_later_too() {
    use std::{
        fs,
        io::{BufRead, BufReader},
    };

    let line = |call: &str| {
        format!(
            "{{\"timestamp\":\"t\",\"level\":\"INFO\",\"message\":\"call.incoming\",\
             \"call\":\"{call}\",\"target\":\"dealership::events\"}}\n"
        )
    };
    let log = std::env::temp_dir().join(format!("dealership-log-{}", std::process::id()));
    fs::write(&log, line("CA1") + &line("CA2")).unwrap();
    let file = log.to_str().unwrap();
    let output = dealership(&["logs", file, "--call", "CA2"], b"");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(shown, "t  INFO dealership::events: call.incoming call=CA2\n");
    let piped = dealership(&["logs", "--call", "CA1", "--json"], &fs::read(&log).unwrap());
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), line("CA1"));

    let mut follows = program(&["logs", file, "--call", "CA3", "--follow"]);
    let mut follows = follows.stdout(Stdio::piped()).spawn().unwrap();
    let mut writer = fs::OpenOptions::new().append(true).open(&log).unwrap();
    let third = line("CA3");
    let (first, rest) = third.split_at(30);
    writer.write_all(first.as_bytes()).unwrap();
    writer.write_all(rest.as_bytes()).unwrap();
    let mut shown = String::new();
    BufReader::new(follows.stdout.take().unwrap()).read_line(&mut shown).unwrap();
    assert!(shown.ends_with("call=CA3\n"), "{shown}");
    follows.kill().unwrap();
    follows.wait().unwrap();
    fs::remove_file(&log).unwrap();
}

#[test]
fn tables_are_made_once_and_invented_people_come_only_into_an_empty_house() {
    let file = std::env::temp_dir().join(format!("dealership-seed-{}.db", std::process::id()));
    let run = |arguments: &[&str]| {
        let output = started(program(arguments).env("DEALERSHIP_DATABASE", &file), b"");
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for _ in 0..2 {
        assert!(run(&["migrate"]).ends_with(": the tables are up to date\n"));
    }
    assert_eq!(run(&["seed"]), "A dealership with invented customers and visits.\n");
    assert_eq!(run(&["seed"]), "There is a dealership already; nothing was invented.\n");
    assert!(run(&["appointments"]).lines().count() > 1);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_test_is_no_production() {
    let output = dealership(&["doctor", "--production"], b"");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    for refused in
        ["wrong     https address", "wrong     operator key", "wrong     caller identity"]
    {
        assert!(shown.contains(refused), "{shown}");
    }
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
