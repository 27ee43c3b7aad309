use std::{env, io, path::Path, process::Stdio};

use crate::{Failure, cargo::cargo};

/// Whose readers have targets.
const PACKAGES: [&str; 3] = ["voiceagent-core", "voiceagent-providers", "voiceagent-telephony"];

/// Says to the targets how long to play (`voiceagent_testkit::fuzz::SECONDS`).
const SECONDS: &str = "VOICEAGENT_FUZZ_SECONDS";

/// For how long each target is played, unless it is told otherwise.
const DEFAULT: &str = "60";

/// What a target prints when it has found nothing.
const DONE: &str = "fuzz: ";

/// Plays damaged inputs to each target for so many seconds (`--seconds`), or to those whose tests
/// have a name that holds the last argument.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    let (seconds, filter) = arguments(env::args().skip(2))?;
    let (mut done, mut failures) = (Vec::new(), Vec::new());
    for package in PACKAGES {
        eprintln!("{package}, {seconds} s for each target");
        let (printed, succeeded) = run(root, package, &seconds, &filter)?;
        done.extend(printed.lines().filter_map(of_target).inspect(|(target, inputs)| {
            eprintln!("  {target}: {inputs} inputs");
        }));
        if !succeeded {
            eprint!("{printed}");
            failures.push(format!("{package}: a target failed; the input stands above"));
        }
    }
    let inputs: u64 = done.iter().map(|(_, inputs)| inputs).sum();
    eprintln!("fuzz: {} targets, {seconds} s each, {inputs} inputs", done.len());
    if done.is_empty() && failures.is_empty() {
        failures.push(format!("no target is named {filter}"));
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure(failures)) }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<(String, String), Failure> {
    let (mut seconds, mut filter) = (DEFAULT.to_owned(), "fuzz::".to_owned());
    while let Some(argument) = given.next() {
        if argument == "--seconds" {
            seconds = given.next().filter(|it| it.parse::<u32>().is_ok()).ok_or("--seconds 60")?;
        } else {
            filter = argument;
        }
    }
    Ok((seconds, filter))
}

fn run(root: &Path, package: &str, seconds: &str, filter: &str) -> io::Result<(String, bool)> {
    let output = cargo(root)
        .args(["test", "--quiet", "--package", package, "--lib", "--", "--nocapture", filter])
        .env(SECONDS, seconds)
        .stdin(Stdio::null())
        .output()?;
    let printed =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    Ok((printed.concat(), output.status.success()))
}

/// `fuzz: sse: 1200 inputs`, with what the test runner has printed before it in the same line.
fn of_target(line: &str) -> Option<(String, u64)> {
    let (_, told) = line.split_once(DONE)?;
    let (target, inputs) = told.split_once(": ")?;
    Some((target.to_owned(), inputs.strip_suffix(" inputs")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_targets_print_is_found_among_what_else_is_printed() {
        let line = "test fuzz::tests::a_name ... fuzz: sse: 1200 inputs";
        assert_eq!(of_target(line), Some(("sse".to_owned(), 1_200)));
        assert_eq!(of_target("fuzz: sse: some inputs"), None);
        assert_eq!(of_target("running 3 tests"), None);
    }

    #[test]
    fn arguments_come_in_any_order_and_nonsense_is_refused() {
        let read = |given: &[&str]| arguments(given.iter().map(|it| (*it).to_owned())).ok();
        let of = |seconds: &str, filter: &str| Some((seconds.to_owned(), filter.to_owned()));
        assert_eq!(read(&[]), of("60", "fuzz::"));
        assert_eq!(read(&["sse", "--seconds", "5"]), of("5", "sse"));
        assert_eq!(read(&["--seconds", "soon"]), None);
    }
}
