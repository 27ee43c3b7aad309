//! A journal against its own replay.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;
use voiceagent_core::{
    Result,
    journal::{Difference, Recording, Step},
    session::EndReason,
};

use crate::{Args, Outcome, clock, redaction::redacted, story::Story, unwritable};

/// Inputs that are shown before a difference.
const CONTEXT: usize = 4;

#[derive(Serialize)]
struct Report {
    journal: String,
    complete: bool,
    seconds: f64,
    turns: usize,
    answers: usize,
    interruptions: usize,
    ended: Option<EndReason>,
    inputs: usize,
    commands: usize,
    /// The same commands follow, in the same bytes.
    identical: bool,
    /// Lines of inputs and commands that this version would write otherwise.
    rewritten: usize,
    /// The first of them, counted from 1.
    first_rewritten: Option<usize>,
    difference: Option<Found>,
}

#[derive(Serialize)]
struct Found {
    command: usize,
    after_input: usize,
    at_ms: f64,
    /// Times and names of the last inputs, the one that it follows last.
    context: Vec<(f64, String)>,
    /// Where the two lines part, in bytes.
    parts_at_byte: usize,
    recorded: Option<String>,
    replayed: Option<String>,
}

/// Replays, compares and reports.
pub(crate) fn run(args: &Args, recording: &Recording, out: &mut dyn Write) -> Result<Outcome> {
    let story = Story::of(recording);
    let difference = recording.first_difference();
    let answers = story.utterances.iter().filter(|utterance| utterance.turn.is_some());
    let report = Report {
        journal: args.path.display().to_string(),
        complete: recording.is_complete(),
        seconds: story.until.elapsed().as_secs_f64(),
        turns: story.turns.len(),
        answers: answers.count(),
        interruptions: story.utterances.iter().filter(|it| it.stopped.is_some()).count(),
        ended: story.ended,
        inputs: recording.inputs().len(),
        commands: recording.commands().len(),
        identical: difference.is_none() && recording.rewritten().is_empty(),
        rewritten: recording.rewritten().len(),
        first_rewritten: recording.rewritten().first().copied(),
        difference: difference.map(|it| found(recording, &it, args.texts)),
    };
    let written = if args.json {
        let json = serde_json::to_string_pretty(&report).expect("a report is plain data");
        writeln!(out, "{json}")
    } else {
        out.write_all(in_words(&report).as_bytes())
    };
    written.map_err(unwritable)?;
    Ok(match (&report.difference, report.identical) {
        (Some(_), _) => Outcome::Different,
        (None, true) => Outcome::Done,
        (None, false) => Outcome::Alike,
    })
}

fn found(recording: &Recording, difference: &Difference, texts: bool) -> Found {
    let Difference { input, at, command, recorded, replayed, .. } = difference;
    let bytes = |line: &Option<String>| line.clone().unwrap_or_default().into_bytes();
    let (one, two) = (bytes(recorded), bytes(replayed));
    let shown = |line: &String| if texts { line.clone() } else { redacted(line) };
    let first = (input + 1).saturating_sub(CONTEXT);
    let context = recording.steps().skip(first).take(input + 1 - first);
    Found {
        command: command + 1,
        after_input: input + 1,
        at_ms: clock::millis(at.elapsed()),
        context: context.map(|step| (clock::millis(step.at.elapsed()), name(&step))).collect(),
        parts_at_byte: one.iter().zip(&two).take_while(|(a, b)| a == b).count(),
        recorded: recorded.as_ref().map(shown),
        replayed: replayed.as_ref().map(shown),
    }
}

fn name(step: &Step<'_>) -> String {
    let input = serde_json::to_value(step.input).unwrap_or_default();
    input.get("input").and_then(Value::as_str).unwrap_or("?").to_owned()
}

fn in_words(report: &Report) -> String {
    let mut lines = Vec::new();
    let ended = match report.ended {
        Some(reason) => format!("ended: {}", in_one_word(reason)),
        None => "the end is missing".to_owned(),
    };
    lines.push(format!("{}: a call of {:.1} s", report.journal, report.seconds));
    lines.push(format!(
        "  {}, {}, {}; {ended}",
        many(report.turns, "turn"),
        many(report.answers, "answer"),
        many(report.interruptions, "barge-in")
    ));
    if !report.complete {
        lines.push("  the journal was cut off; it is compared as far as it goes".to_owned());
    }
    match &report.difference {
        None => {
            let (inputs, commands) = (report.inputs, report.commands);
            let (inputs, commands) = (many(inputs, "input"), many(commands, "command"));
            lines.push(match report.first_rewritten {
                None => {
                    format!("identical: from {inputs} the same {commands} follow, byte for byte")
                }
                Some(first) => format!(
                    "alike: from {inputs} the same {commands} follow; another version wrote {} \
                     otherwise than this one does, first line {first}",
                    many(report.rewritten, "line")
                ),
            });
        }
        Some(found) => lines.extend(difference_in_words(found)),
    }
    lines.push(String::new());
    lines.join("\n")
}

fn difference_in_words(found: &Found) -> Vec<String> {
    let mut lines = vec![format!(
        "different: command {}, after input {}, {:.3} s into the call",
        found.command,
        found.after_input,
        found.at_ms / 1e3
    )];
    for (at, name) in &found.context {
        lines.push(format!("  {:>9.3} s  {name}", at / 1e3));
    }
    let shown = |line: &Option<String>| line.clone().unwrap_or_else(|| "nothing more".to_owned());
    lines.push(format!("  recorded: {}", shown(&found.recorded)));
    lines.push(format!("  replayed: {}", shown(&found.replayed)));
    if found.recorded.is_some() && found.recorded == found.replayed {
        let at = found.parts_at_byte;
        lines.push(format!("  they part at byte {at}, in a text; --texts shows it"));
    }
    lines
}

fn in_one_word(reason: EndReason) -> String {
    let name = serde_json::to_value(reason).unwrap_or_default();
    name.as_str().unwrap_or("?").replace('_', " ")
}

/// `1 turn`, `2 turns`.
pub(crate) fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
