//! Plays calls as they should go, and says whether they did.
//!
//! A [`Scenario`] is a file in YAML: a moment, rows of the database, a caller with a script and
//! answers, and what must be said, done and stored in the end. Its caller talks with the agent that
//! answers phone calls, over the real tools and a database of its own. What decides is what is
//! stored and what was said, by hard rules: those of the scenario, and general ones, which hold in
//! every call.

mod acts;
mod caller;
mod command;
mod confusion;
pub(crate) mod cycle;
mod draft;
mod exchange;
mod export;
mod fixture;
mod line;
mod matching;
mod play;
mod qualified;
mod scenario;
mod scene;
mod score;
mod tables;
mod trace;

#[cfg(test)]
mod tests;

use std::{fmt::Write as _, path::Path};

use voiceagent_core::{Error, Result};

use self::trace::{Happening, Trace};
use crate::store::Place;

pub use self::{
    command::{draft_call, score_leads},
    confusion::Confusion,
    cycle::{Cast, Change, Run},
    draft::draft,
    qualified::judge_leads,
    scenario::Scenario,
};

/// How a scenario came out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// Its identifier.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What was wrong; nothing if it passed.
    pub failures: Vec<String>,
    /// What it wants that is told by calls with sound only, and was not checked.
    pub unchecked: Vec<String>,
    /// What the rules make of its last call afterwards, where there was one.
    pub outcome: Option<String>,
    /// What was said and done, line by line.
    pub transcript: String,
}

/// Plays a scenario and judges it. Its database is in memory, or a schema of its own on a server.
pub async fn judge(scenario: &Scenario, server: Option<&Place>) -> Verdict {
    let cast = Cast::default();
    let (failures, outcome, transcript) = match play::play(scenario, (server, &cast)).await {
        Ok(played) => {
            let mut failures = score::score(scenario, &played.trace, &played.tables);
            failures.extend(played.notes);
            let outcome = played.analysis.map(|analysis| analysis.outcome);
            (failures, outcome, transcript(&played.trace))
        }
        Err(error) => (vec![error.message().to_owned()], None, String::new()),
    };
    Verdict {
        id: scenario.id.clone(),
        title: scenario.title.clone(),
        failures,
        unchecked: score::unchecked(scenario).into_iter().map(str::to_owned).collect(),
        outcome,
        transcript,
    }
}

/// Reads every scenario of a folder, in the order of their names.
///
/// # Errors
///
/// [`Config`](voiceagent_core::ErrorKind::Config) when the folder or a file cannot be read; the
/// message names it, and the field that is wrong.
pub fn scenarios(folder: &Path) -> Result<Vec<Scenario>> {
    let unread = |error: std::io::Error| {
        Error::config(format!("{}: {error}", folder.display())).with_source(error)
    };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map_err(unread)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unread)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files.iter().map(|path| Scenario::read(path)).collect()
}

/// Renders verdicts for a terminal: a line each, what failed below it, and with `verbose` the call.
#[must_use]
pub fn render(verdicts: &[Verdict], verbose: bool) -> String {
    let mut text = String::new();
    for one in verdicts {
        let outcome = if one.failures.is_empty() { "PASS" } else { "FAIL" };
        let _ = writeln!(text, "{outcome}  {}  {}", one.id, one.title);
        for failure in &one.failures {
            let _ = writeln!(text, "      {failure}");
        }
        if !one.unchecked.is_empty() {
            let _ = writeln!(text, "      not checked in text: {}", one.unchecked.join(", "));
        }
        if verbose {
            let _ = writeln!(text, "{}", one.transcript);
            if let Some(outcome) = &one.outcome {
                let _ = writeln!(text, "      by the rules: {outcome}");
            }
        }
    }
    let passed = verdicts.iter().filter(|one| one.failures.is_empty()).count();
    let _ = writeln!(text, "{passed} of {} passed", verdicts.len());
    text
}

fn transcript(trace: &Trace) -> String {
    let mut text = String::new();
    for one in &trace.happenings {
        let _ = match one {
            Happening::Agent(said) => {
                let cut = if said.heard { "" } else { " [cut off]" };
                writeln!(text, "      Agent:  {}{cut}", said.text)
            }
            Happening::Caller { text: words, .. } => writeln!(text, "      Caller: {words}"),
            Happening::Tool(run) => {
                let code = run.result["code"].as_str().unwrap_or("ok");
                writeln!(text, "      [{} {} -> {code}]", run.name, run.arguments)
            }
        };
    }
    text
}
