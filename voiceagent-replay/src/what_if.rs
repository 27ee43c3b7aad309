//! One call with other settings.

use std::io::Write;

use serde::Serialize;
use voiceagent_core::{Result, journal::Recording};

use crate::{
    Args, Window,
    comparison::many,
    setting::{self, Setting},
    story::Story,
    sweep::median,
    unwritable,
    verdict::{Baseline, Overlap, TurnVerdict, Verdict},
};

/// Settings that turns and interruptions hang on.
const JUDGED: [&str; 4] = ["barge_in.", "endpointing.", "stt_end_of_turn", "turn_detector"];

#[derive(Serialize)]
struct Report {
    journal: String,
    settings: Vec<String>,
    /// Settings that a journal cannot tell anything about.
    not_judged: Vec<String>,
    #[serde(flatten)]
    verdict: Verdict,
    totals: Totals,
}

/// Sums over all turns that can be compared. Times are milliseconds; what is saved is positive.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Totals {
    turns: usize,
    not_comparable: usize,
    /// Turns that both settings end rightly; the times are of these.
    both: usize,
    saved_until_decision_ms: f64,
    saved_until_heard_ms: f64,
    median_response_before_ms: Option<f64>,
    median_response_after_ms: Option<f64>,
    cuts_before: usize,
    cuts_after: usize,
    interruptions_before: usize,
    interruptions_after: usize,
    /// Decisions after the agent was heard in the call.
    unseen: usize,
    /// Turns that are none with the changed settings.
    dropped: usize,
    /// Turns that nothing ends with the changed settings.
    undecided: usize,
}

/// Judges, and reports.
pub(crate) fn run(
    args: &Args,
    recording: &Recording,
    settings: &[Setting],
    out: &mut dyn Write,
) -> Result<()> {
    let changed = setting::apply_all(settings, recording.config())?;
    let baseline = Baseline::of(Story::of(recording), recording.config(), Window(args.cut_window));
    let verdict = baseline.against(&changed, settings, args.texts);
    let report = Report {
        journal: args.path.display().to_string(),
        settings: settings.iter().map(|it| format!("{}={}", it.path, it.value)).collect(),
        not_judged: not_judged(settings),
        totals: Totals::of(&verdict),
        verdict,
    };
    let written = if args.json {
        let json = serde_json::to_string_pretty(&report).expect("a report is plain data");
        writeln!(out, "{json}")
    } else {
        out.write_all(in_words(&report).as_bytes())
    };
    written.map_err(unwritable)
}

/// The names of settings that change nothing here.
pub(crate) fn not_judged(settings: &[Setting]) -> Vec<String> {
    let judged = |path: &str| JUDGED.iter().any(|part| path.starts_with(part));
    settings.iter().map(|it| it.path.clone()).filter(|path| !judged(path)).collect()
}

impl Totals {
    fn of(verdict: &Verdict) -> Self {
        let mut totals = Self::default();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for turn in &verdict.turns {
            if !turn.comparable {
                totals.not_comparable += 1;
                continue;
            }
            totals.turns += 1;
            totals.cuts_before += turn.before.cuts;
            totals.cuts_after += turn.after.cuts;
            totals.unseen += usize::from(turn.after.unseen);
            totals.dropped += usize::from(turn.after.dropped);
            totals.undecided += usize::from(turn.after.undecided);
            if !(turn.before.right && turn.after.right) {
                continue;
            }
            totals.both += 1;
            let saved = |a: Option<f64>, b: Option<f64>| a.zip(b).map_or(0.0, |(a, b)| a - b);
            totals.saved_until_decision_ms += saved(turn.before.delay_ms, turn.after.delay_ms);
            totals.saved_until_heard_ms += saved(turn.before.response_ms, turn.after.response_ms);
            before.extend(turn.before.response_ms);
            after.extend(turn.after.response_ms);
        }
        for overlap in verdict.interruptions.iter().filter(|overlap| overlap.comparable) {
            totals.interruptions_before += usize::from(overlap.before_ms.is_some());
            totals.interruptions_after += usize::from(overlap.after_ms.is_some());
        }
        totals.median_response_before_ms = median(&mut before);
        totals.median_response_after_ms = median(&mut after);
        totals
    }
}

fn in_words(report: &Report) -> String {
    let mut lines = vec![format!("{}: with {}", report.journal, report.settings.join(", "))];
    lines.extend(report.verdict.turns.iter().map(turn_in_words));
    lines.extend(report.verdict.interruptions.iter().map(overlap_in_words));
    let totals = &report.totals;
    lines.push(format!(
        "total: {} can be compared, {} cannot",
        many(totals.turns, "turn"),
        totals.not_comparable
    ));
    lines.push(format!(
        "  decisions {}, answers heard {}, over the {} that both end rightly",
        gain(totals.saved_until_decision_ms),
        gain(totals.saved_until_heard_ms),
        many(totals.both, "turn")
    ));
    if let Some((before, after)) =
        totals.median_response_before_ms.zip(totals.median_response_after_ms)
    {
        lines.push(format!("  median response {before:.0} ms -> {after:.0} ms"));
    }
    lines.push(format!(
        "  callers cut off {} -> {}; interruptions {} -> {}",
        totals.cuts_before,
        totals.cuts_after,
        totals.interruptions_before,
        totals.interruptions_after
    ));
    if totals.unseen > 0 {
        lines.push(format!(
            "  {} decided after the agent had answered: whether the caller would have gone on is unknown",
            many(totals.unseen, "turn")
        ));
    }
    if totals.dropped > 0 {
        let turns = many(totals.dropped, "turn");
        lines.push(format!("  {turns} dropped: what was said in them is not answered"));
    }
    if totals.undecided > 0 {
        let turns = many(totals.undecided, "turn");
        lines.push(format!("  {turns} never decided: nothing that was recorded ends them"));
    }
    for path in &report.not_judged {
        lines.push(format!("note: a journal cannot tell what `{path}` would change"));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn turn_in_words(turn: &TurnVerdict) -> String {
    let name = format!("turn {:>3}", turn.turn);
    let text = turn.text.as_ref().map_or_else(String::new, |text| format!("  \"{text}\""));
    if !turn.comparable {
        return format!("{name}  not comparable: the call itself decided otherwise{text}");
    }
    let (before, after) = (&turn.before, &turn.after);
    let mut parts = Vec::new();
    match before.delay_ms.zip(after.delay_ms) {
        Some((old, new)) if old == new => parts.push(format!("same, after {new:.0} ms")),
        Some((old, new)) => {
            let (by, how) = ((new - old).abs(), if new < old { "earlier" } else { "later" });
            parts.push(format!("{old:.0} -> {new:.0} ms, {by:.0} ms {how}"));
        }
        None if after.dropped => parts.push("dropped: what was said is no turn".to_owned()),
        None if after.undecided => parts.push("never decided".to_owned()),
        None => parts.push("not ended: the caller goes on".to_owned()),
    }
    if let Some((old, new)) = before.response_ms.zip(after.response_ms)
        && after.right
    {
        parts.push(format!("heard {old:.0} -> {new:.0} ms"));
    }
    match (before.cuts, after.cuts) {
        (0, 0) => {}
        (old, new) if old == new => parts.push("cuts the caller off, as before".to_owned()),
        (old, new) if old < new => parts.push(format!("cuts the caller off ({old} -> {new})")),
        (old, new) => parts.push(format!("avoids cutting the caller off ({old} -> {new})")),
    }
    if after.unseen {
        parts.push("after the recorded answer".to_owned());
    }
    format!("{name}  {}{text}", parts.join("; "))
}

fn overlap_in_words(overlap: &Overlap) -> String {
    let began = overlap.agent_began_ms / 1e3;
    let what = match (overlap.before_ms, overlap.after_ms) {
        _ if !overlap.comparable => "not comparable: the call itself went otherwise".to_owned(),
        (Some(old), Some(new)) if old == new => format!("interrupted after {new:.0} ms, as before"),
        (Some(old), Some(new)) => {
            let (by, how) = ((new - old).abs(), if new < old { "earlier" } else { "later" });
            format!("interrupted {by:.0} ms {how}")
        }
        (Some(_), None) => "would not have been interrupted".to_owned(),
        (None, Some(new)) => format!("would have been interrupted after {new:.0} ms"),
        (None, None) => "not interrupted".to_owned(),
    };
    format!("speech at {began:.3} s  {what}")
}

fn gain(millis: f64) -> String {
    match millis {
        0.0 => "as soon".to_owned(),
        saved if saved > 0.0 => format!("{saved:.0} ms earlier"),
        lost => format!("{:.0} ms later", -lost),
    }
}
