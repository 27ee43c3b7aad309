//! What the agent's own journal says about its decisions.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    call::CallRecord,
    log::{Note, What},
    measure::{Figures, millis},
};

/// Adds to each barge-in how long after its decision `clear` arrived at the phone.
///
/// A journal counts from the beginning of the call's task, which no other process sees. It lies
/// after each "sent at the vendor − taken by the session" of a final transcript, so the latest of
/// these is the best bound: the figure is the true one and the fastest transit of a transcript.
pub(crate) fn complete(
    figures: &mut Figures,
    folder: &Path,
    record: &CallRecord,
    notes: &[Note],
) -> io::Result<()> {
    let journal = fs::read_to_string(folder.join(format!("{}.journal", record.id)))?;
    let lines: Vec<Value> =
        journal.lines().filter_map(|it| serde_json::from_str(it).ok()).collect();
    let Some(zero) = zero(&finals(&lines), notes) else { return Ok(()) };
    let decided = decided(&lines);
    let mut clears = decided.iter();
    for barge_in in &mut figures.barge_ins {
        let Some(decision) = clears.next() else { break };
        let at = record.recording.clears.iter().map(|clear| record.began + clear.at);
        let arrived = at.min_by_key(|at| {
            let decided = zero + *decision;
            at.saturating_duration_since(decided) + decided.saturating_duration_since(*at)
        });
        barge_in.journal_to_clear = arrived.map(|arrived| millis(zero + *decision, arrived));
    }
    Ok(())
}

/// The latest moment at which the journal's clock can have been zero.
fn zero(taken: &[Duration], notes: &[Note]) -> Option<Instant> {
    let sent = notes.iter().filter(|note| matches!(note.what, What::FinalSent));
    sent.zip(taken).filter_map(|(note, taken)| note.at.checked_sub(*taken)).max()
}

/// When the session took each final with words.
fn finals(lines: &[Value]) -> Vec<Duration> {
    let is_final = |line: &&Value| {
        let transcript = &line["input"]["transcript"];
        transcript["is_final"] == true && transcript["text"] != ""
    };
    lines.iter().filter(is_final).filter_map(moment).collect()
}

/// When the inputs came that led to a clear.
fn decided(lines: &[Value]) -> Vec<Duration> {
    let mut last = None;
    let mut decided = Vec::new();
    for line in lines {
        if line.get("at").is_some() {
            last = moment(line);
        } else if is_clear(&line["command"]) {
            decided.extend(last);
        }
    }
    decided
}

fn is_clear(command: &Value) -> bool {
    command["command"] == "send" && command["outbound"] == "clear"
}

fn moment(line: &Value) -> Option<Duration> {
    line["at"].as_u64().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finals_and_clears_are_found_with_their_moments() {
        let lines: Vec<Value> = [
            r#"{"at":1000000,"input":{"input":"transcript","transcript":{"text":"hi","is_final":true}}}"#,
            r#"{"at":2000005,"input":{"input":"timeout"}}"#,
            r#"{"command":{"command":"cancel","generation":1}}"#,
            r#"{"command":{"command":"send","outbound":"clear"}}"#,
        ]
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
        assert_eq!(finals(&lines), [Duration::from_secs(1)]);
        assert_eq!(decided(&lines), [Duration::from_micros(2_000_005)]);
    }
}
