use std::fmt::Write as _;

use serde_json::{Value, json};
use voiceagent_core::{Error, ErrorKind, Result};

use super::Scenario;
use crate::store::{CallTurn, Store, ToolRun};

/// Tools that say how a call went, and not what was done in it.
const NOTES: [&str; 2] = ["end_call", "save_interaction"];

/// Makes a scenario of a call that is over, to be played again by `dealership eval`: its caller says
/// the same, the tools that succeeded must succeed, and the call must be noted as it was. It holds what
/// was said, so it is as personal as the call; what else was in the database is to be added to its
/// `fixture`.
///
/// # Errors
///
/// [`Rejected`](ErrorKind::Rejected) for a call that is not there, goes on, or in which nobody said
/// anything; and when the store cannot be read.
pub async fn draft(store: &Store, call: &str) -> Result<String> {
    let refused = |why: &'static str| Error::new(ErrorKind::Rejected, "make a scenario", why);
    let found = store.call(call).await?.ok_or_else(|| refused("there is no such call"))?;
    let begun = found.started_at.filter(|_| found.status != "live");
    let begun = begun.ok_or_else(|| refused("the call goes on"))?;
    let turns = store.turns(call).await?;
    let said: Vec<&CallTurn> =
        turns.iter().filter(|turn| !turn.by_agent && !turn.words.trim().is_empty()).collect();
    if said.is_empty() {
        return Err(refused("nothing that the caller said is on record"));
    }
    let place = store.location().await?;
    let now = begun.to_zoned(place.zone.clone());
    let (from, to) = numbers(&found, &place.phone);
    let disposition = found.disposition.as_deref().unwrap_or("abandoned");
    // The base has a place in either zone.
    let is_eastern = place.zone.iana_name() == Some("America/New_York");
    let location = if is_eastern { "loc_tpa" } else { "loc_nap" };
    let mut text = String::new();
    let mut line = |written: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{written}");
    };
    line(format!("id: {}", quoted(&format!("draft-{call}"))));
    line(format!("title: {}", quoted(&format!("A call that was {disposition}"))));
    line(format!("tags: [{}]", found.direction));
    line(format!("now: {}", quoted(&now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())));
    line(format!(
        "call: {{direction: {}, from: {}, to: {}, location: {location}, locale: en-US, \
         template: service_inbound}}",
        found.direction,
        quoted(&from),
        quoted(&to)
    ));
    line("fixture: {}".to_owned());
    line("caller:".to_owned());
    line("  persona: Somebody who has called.".to_owned());
    line(format!("  goal: {}", quoted(found.summary.as_deref().unwrap_or_default())));
    line("  speech: {}".to_owned());
    line("  facts: {}".to_owned());
    line("  answers: {}".to_owned());
    line("  script:".to_owned());
    for (nth, turn) in (1..).zip(&said) {
        let when = if nth == 1 { "{}".to_owned() } else { format!("{{after: u{}}}", nth - 1) };
        line(format!("    - {{id: u{nth}, when: {when}, say: {}}}", quoted(turn.words.trim())));
    }
    let last = said.len();
    line(format!("    - {{id: u{}, when: {{after: u{last}}}, hangup: true}}", last + 1));
    line("expect:".to_owned());
    line(format!("  tools: {}", wanted(&store.tool_runs(call).await?)));
    line("  db: []".to_owned());
    line("  says: []".to_owned());
    line(format!("  call: {{disposition: {disposition}}}"));
    line("forbid: []".to_owned());
    let spoken = turns.iter().filter(|turn| turn.by_agent).count();
    line(format!("limits: {{max_agent_turns: {}, max_call_s: 600}}", spoken + 3));
    // What cannot be read again is none.
    Scenario::parse(&text)?;
    Ok(text)
}

/// Who called whom.
fn numbers(call: &crate::store::CallSummary, house: &str) -> (String, String) {
    let other = call.phone.as_ref().map_or("anonymous", |phone| phone.as_str()).to_owned();
    match call.direction.as_str() {
        "outbound" => (house.to_owned(), other),
        _ => (other, house.to_owned()),
    }
}

/// The tools that succeeded, each once, in the order in which they first did.
fn wanted(runs: &[ToolRun]) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for run in runs.iter().filter(|run| run.code == "OK" && !NOTES.contains(&run.name.as_str())) {
        if !names.contains(&run.name.as_str()) {
            names.push(&run.name);
        }
    }
    let want = |name: &str| json!({ "name": name, "result": { "ok": true } });
    names.into_iter().map(want).collect()
}

/// A text as YAML holds any text: as JSON does.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
