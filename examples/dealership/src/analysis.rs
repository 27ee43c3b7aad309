//! What came of a call, worked out afterwards from its record by rules: not by what the agent noted of
//! it, so that either can be checked by the other, and both by people.

mod engagement;

use jiff::Timestamp;
use opentelemetry::{KeyValue, trace::SpanKind};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use voiceagent_core::{CallId, Error, Result};

pub(crate) use self::engagement::Engagement;
use crate::{
    brain::{
        intent::{self, Answer},
        words::Words,
    },
    graph::Intent,
    store::{CallSummary, CallTurn, Fault, Store, ToolRun},
    trace::{Piece, Spans, Trace, note_steps},
};

/// What the rules make of a call.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Analysis {
    /// What came of it, in the words of `save_interaction`.
    pub(crate) outcome: String,
    /// What shows it: a tool that succeeded, words of the caller, or the way it ended.
    pub(crate) because: String,
    /// Whether who called is worth a consultation, as the stored lead says; `None` if there is none,
    /// or nobody knows.
    pub(crate) qualified: Option<bool>,
    /// How far the caller took part; what was analysed before it was worked out has none.
    #[serde(default)]
    pub(crate) engagement: Option<Engagement>,
}

/// What a tool that succeeded shows of a call, the strongest first: a talk may move a visit and end
/// with a person.
const SHOWN: [(&str, &str); 7] = [
    ("record_opt_out", "opted_out"),
    ("book_appointment", "booked"),
    ("reschedule_appointment", "rescheduled"),
    ("cancel_appointment", "cancelled"),
    ("transfer_to_human", "transferred"),
    ("schedule_callback", "callback_scheduled"),
    ("verify_appointment_confirmation", "confirmed"),
];
/// Tools by which somebody is told something.
const TELLING: [&str; 3] = ["get_available_slots", "get_upcoming_appointments", "search_knowledge"];

/// Works out what came of a call that is over; `None` if there is no such call, or it goes on.
///
/// # Errors
///
/// When the store cannot be read.
pub(crate) async fn analyse(store: &Store, call: &str) -> Result<Option<Analysis>> {
    let Some(found) = store.call(call).await?.filter(|found| found.status != "live") else {
        return Ok(None);
    };
    let tools = store.tool_runs(call).await?;
    let turns = store.turns(call).await?;
    let said: Vec<&str> =
        turns.iter().filter(|turn| !turn.by_agent).map(|turn| turn.words.as_str()).collect();
    let errand = store.errand_of(call).await?;
    let (outcome, because) = judge(&found, &tools, errand.as_ref(), (&turns, &said));
    let qualified = match &found.phone {
        Some(phone) => match store.lead_by_phone(phone).await {
            Ok(lead) => lead.qualified,
            Err(Fault::Refused(_)) => None,
            Err(fault) => return Err(fault.into()),
        },
        None => None,
    };
    Ok(Some(Analysis {
        outcome: outcome.to_owned(),
        because: because.to_owned(),
        qualified,
        engagement: Some(Engagement::of(&turns, &tools)),
    }))
}

/// What came of a call, and what shows it.
fn judge<'a>(
    call: &CallSummary,
    tools: &'a [ToolRun],
    errand: Option<&(String, Option<String>)>,
    (turns, said): (&[CallTurn], &[&str]),
) -> (&'static str, &'a str) {
    let done = |name: &str| tools.iter().find(|run| run.name == name && run.code == "OK");
    if errand.is_some_and(|(_, outcome)| outcome.as_deref() == Some("voicemail")) {
        return ("voicemail_left", "the machine");
    }
    if let Some((run, outcome)) =
        SHOWN.iter().find_map(|(name, outcome)| Some((done(name)?, *outcome)))
    {
        return (outcome, &run.name);
    }
    let words: Vec<Words> = said.iter().map(|said| Words::new(said)).collect();
    let is_ours = call.direction == "outbound";
    if is_ours && words.iter().any(|words| words.says(&["wrong number", "wrong person"])) {
        return ("wrong_number", "words");
    }
    let tried = |run: &&ToolRun| run.name == "verify_identity";
    if tools.iter().any(|run| tried(&run))
        && !tools.iter().filter(tried).any(|run| run.code == "OK")
    {
        return ("identity_failed", "verify_identity");
    }
    if errand.is_some_and(|(purpose, _)| purpose == "reminder") && agrees(turns) {
        return ("confirmed", "words");
    }
    if let Some(run) = TELLING.iter().find_map(|name| done(name)) {
        return ("info_given", &run.name);
    }
    let asks = |said: &&str| {
        matches!(Intent::of(said), Intent::HoursInquiry | Intent::ServiceInquiry | Intent::Other)
    };
    if said.iter().any(asks) {
        return ("info_given", "words");
    }
    ("abandoned", "nothing")
}

/// Whether somebody has said yes when they were asked whether they come.
fn agrees(turns: &[CallTurn]) -> bool {
    turns.windows(2).any(|pair| {
        let asked = pair[0].by_agent && pair[0].words.to_lowercase().contains("will you be there");
        let answer = intent::answer(&Words::new(&pair[1].words));
        asked && !pair[1].by_agent && answer == Some(Answer::Yes)
    })
}

/// Works out what came of a call, stores it and tells a collector of it and of the call's way. Where the store cannot be
/// used, it is done in the next round of [`catch_up`].
pub(crate) async fn conclude(store: &Store, call: &CallId, spans: Option<&Spans>, now: Timestamp) {
    let done = async {
        let Some(analysis) = analyse(store, call.as_str()).await? else { return Ok(()) };
        store.note_analysis(call.as_str(), &analysis).await?;
        info!(%call, outcome = analysis.outcome, because = analysis.because, "call.analysed");
        if let Some(spans) = spans {
            note_steps(spans, call, &store.timed_steps(call.as_str()).await?, now);
            tell(spans, call, &analysis, now);
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = done.await {
        warn!(%error, "a call is analysed later");
    }
}

/// Works out what came of calls of which nobody has yet, such as those that a crash ended. Any number
/// of programs may do it: all come to the same. Returns how many there were.
///
/// # Errors
///
/// When the store cannot be read.
pub(crate) async fn catch_up(
    store: &Store,
    spans: Option<&Spans>,
    now: Timestamp,
) -> Result<usize> {
    let calls = store.calls_without_analysis().await?;
    for call in &calls {
        conclude(store, &CallId::new(call.as_str()), spans, now).await;
    }
    Ok(calls.len())
}

fn tell(spans: &Spans, call: &CallId, analysis: &Analysis, now: Timestamp) {
    let (trace, parent) = Trace::of(call).ids();
    let from = now.into();
    let mut attributes = vec![
        KeyValue::new("analysis.outcome", analysis.outcome.clone()),
        KeyValue::new("analysis.because", analysis.because.clone()),
    ];
    if let Some(qualified) = analysis.qualified {
        attributes.push(KeyValue::new("analysis.qualified", qualified));
    }
    if let Some(Engagement { percent, .. }) = analysis.engagement {
        let percent = i64::try_from(percent).unwrap_or(i64::MAX);
        attributes.push(KeyValue::new("analysis.engagement", percent));
    }
    spans.note(Piece {
        name: "analysis",
        kind: SpanKind::Internal,
        trace,
        id: spans.id(trace, from),
        parent: Some(parent),
        from,
        to: from,
        attributes,
        fault: None,
    });
}
