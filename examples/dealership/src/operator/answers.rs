use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::store::{self, CallStatistics, CallSummary, CallTurn, TemplateResult};

/// Why something was not done.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Refused {
    /// In words.
    pub(super) error: String,
}

/// Jobs, soonest first.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
}

/// Something that is to be done at some time.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Job {
    id: String,
    /// `reminder`, `reminder_text`, `recovery_text`, `callback` or `campaign_step`.
    kind: String,
    /// The appointment, call, callback or enrollment that it is about.
    about: String,
    /// `ready`, `running`, `done`, `cancelled` or `dead`.
    state: String,
    /// When it is due, RFC 3339.
    run_at: String,
    /// Runs that ended in a fault.
    faults: i64,
    /// What became of it last.
    note: Option<String>,
}

impl From<&store::Job> for Job {
    fn from(job: &store::Job) -> Self {
        Self {
            id: job.id.clone(),
            kind: job.kind.word().to_owned(),
            about: job.about.clone(),
            state: job.state.clone(),
            run_at: job.run_at.to_string(),
            faults: job.faults,
            note: job.note.clone(),
        }
    }
}

/// A job that was noted.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Scheduled {
    /// Its identifier.
    pub(super) id: String,
}

/// What became of leads that another system has handed on.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct LeadsTaken {
    /// Those that were not known.
    pub(super) new: u64,
    /// Those that were there already.
    pub(super) known: u64,
    /// Those without a number.
    pub(super) unreadable: u64,
}

/// What became of something.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Done {
    /// In words.
    pub(super) told: String,
}

/// Calls, the latest first.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Calls {
    pub(super) calls: Vec<Call>,
}

/// A call.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Call {
    /// The carrier's name for it.
    call: String,
    /// The other side's number, E.164.
    phone: Option<String>,
    /// `inbound` or `outbound`.
    direction: String,
    /// `live`, `completed` or `failed`.
    status: String,
    /// RFC 3339.
    started_at: Option<String>,
    /// RFC 3339.
    ended_at: Option<String>,
    /// `agent_hung_up`, `caller_hung_up`, `transferred`, `idle`, `limit`, `failed` or `other`.
    end_reason: Option<String>,
    /// By which its lines are found in the logs.
    trace_id: Option<String>,
    /// From its beginning to the agent's first sound, in milliseconds.
    first_response_ms: Option<i64>,
    /// The template that answered it, as `slug:version`.
    template: Option<String>,
    /// Where it is in the conversation graph, or was at its end.
    node: Option<String>,
    /// What came of it.
    disposition: Option<String>,
    /// What was said and done, in a few sentences.
    summary: Option<String>,
    /// How the caller felt.
    sentiment: Option<String>,
    /// Whether it may be recorded: `not_asked`, `granted` or `refused`.
    recording: String,
}

impl From<&CallSummary> for Call {
    fn from(call: &CallSummary) -> Self {
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            call: call.call.clone(),
            phone: call.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            direction: call.direction.clone(),
            status: call.status.clone(),
            started_at: moment(call.started_at),
            ended_at: moment(call.ended_at),
            end_reason: call.end_reason.clone(),
            trace_id: call.trace_id.clone(),
            first_response_ms: call.first_response_ms,
            template: call.template.as_ref().map(|(slug, version)| format!("{slug}:{version}")),
            node: call.node.clone(),
            disposition: call.disposition.clone(),
            summary: call.summary.clone(),
            sentiment: call.sentiment.clone(),
            recording: call.recording.clone(),
        }
    }
}

impl Call {
    pub(super) fn name(&self) -> &str {
        &self.call
    }

    /// Who the other side is, for people.
    pub(super) fn other_side(&self) -> &str {
        self.phone.as_deref().unwrap_or("withheld")
    }

    pub(super) fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }
}

/// Everything that is on record of a call.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct CallRecord {
    pub(super) call: Call,
    /// What was said, in order.
    pub(super) turns: Vec<Turn>,
    /// The tools that it used, in order.
    pub(super) tools: Vec<Tool>,
    /// Its way through the conversation graph.
    pub(super) path: Vec<Step>,
}

/// Something that was said.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Turn {
    /// `agent` or `caller`.
    speaker: String,
    /// In milliseconds from the beginning of the call.
    from_ms: i64,
    /// In milliseconds from the beginning of the call.
    to_ms: i64,
    /// Of the agent: what was heard.
    words: String,
    /// Whether the agent had more to say.
    interrupted: bool,
    /// Of the caller's turns: how long the parts of the answer took, in milliseconds.
    latency: Option<Latency>,
}

/// How long the parts of an answer took, in milliseconds; null where it was not measured.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Latency {
    end_of_turn: Option<i64>,
    transcription: Option<i64>,
    first_token: Option<i64>,
    first_sentence: Option<i64>,
    first_audio: Option<i64>,
    response: Option<i64>,
    playout: Option<i64>,
    /// The part that took longest.
    slowest: Option<String>,
}

impl From<&CallTurn> for Turn {
    fn from(turn: &CallTurn) -> Self {
        let stages = turn.stages;
        let latency = Latency {
            end_of_turn: stages.end_of_turn,
            transcription: stages.transcription,
            first_token: stages.first_token,
            first_sentence: stages.first_sentence,
            first_audio: stages.first_audio,
            response: stages.response,
            playout: stages.playout,
            slowest: super::waterfall::slowest(stages).map(str::to_owned),
        };
        Self {
            speaker: if turn.by_agent { "agent" } else { "caller" }.to_owned(),
            from_ms: turn.from_ms,
            to_ms: turn.to_ms,
            words: turn.words.clone(),
            interrupted: turn.interrupted,
            latency: (!turn.by_agent).then_some(latency),
        }
    }
}

/// A tool that was used.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Tool {
    name: String,
    /// `OK`, or why not.
    code: String,
    /// Where the call was.
    node: String,
    /// When it was done, RFC 3339.
    at: String,
    /// In milliseconds.
    took_ms: Option<i64>,
}

impl From<&store::ToolRun> for Tool {
    fn from(run: &store::ToolRun) -> Self {
        let (name, code, node) = (run.name.clone(), run.code.clone(), run.node.clone());
        Self { name, code, node, at: run.at.to_string(), took_ms: run.took_ms }
    }
}

/// A step in the conversation graph.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Step {
    node: String,
    phase: String,
    /// What the caller wanted in the turn that led there, if one did.
    intent: Option<String>,
    /// `facts`, `limit`, `stuck` or `words`.
    cause: String,
}

impl From<store::CallStep> for Step {
    fn from(step: store::CallStep) -> Self {
        let store::CallStep { node, phase, intent, cause } = step;
        Self { node, phase, intent, cause }
    }
}

/// A call that goes on.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct LiveCall {
    pub(super) call: Call,
    /// What the caller said last.
    pub(super) caller: Option<String>,
    /// What was heard last of the agent.
    pub(super) agent: Option<String>,
    /// How long the last answer took, in milliseconds.
    pub(super) response_ms: Option<i64>,
}

/// The calls that go on.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct LiveCalls {
    pub(super) calls: Vec<LiveCall>,
}

/// How the calls since a moment went.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Statistics {
    /// RFC 3339.
    since: String,
    /// Calls that go on.
    live: i64,
    /// Calls that are over, by what came of them; `failed` are those that failed, whatever came of
    /// them before.
    outcomes: BTreeMap<String, i64>,
    /// The share of calls that did not fail, from 0 to 1; null where there was no call.
    success_rate: Option<f64>,
    /// From the caller's last sound to the agent's first, in milliseconds: so many percent of the
    /// answers took no longer.
    response_p50_ms: Option<i64>,
    response_p95_ms: Option<i64>,
    response_p99_ms: Option<i64>,
    /// How many callers gave so many stars, from 1 to 5, that were asked after their call.
    ratings: BTreeMap<String, i64>,
    /// How many they gave on average; null where nobody gave any.
    rating: Option<f64>,
}

impl Statistics {
    pub(super) fn new(since: Timestamp, of: &CallStatistics) -> Self {
        Self {
            since: since.to_string(),
            live: of.live,
            outcomes: of.outcomes.clone(),
            success_rate: of.success_rate(),
            response_p50_ms: of.response(50),
            response_p95_ms: of.response(95),
            response_p99_ms: of.response(99),
            ratings: of.ratings.iter().map(|(stars, count)| (stars.to_string(), *count)).collect(),
            rating: of.rating(),
        }
    }
}

/// All versions of all templates, the newest of each first.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Templates {
    pub(super) templates: Vec<TemplateVersion>,
}

/// A version of a template, and what came of the calls that it answered.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct TemplateVersion {
    pub(super) slug: String,
    pub(super) version: i64,
    /// What it is for.
    pub(super) note: String,
    /// RFC 3339.
    pub(super) created_at: String,
    /// Its share of the calls that begin now, in relation to the other weights; 0 if it answers none.
    pub(super) weight: u32,
    pub(super) calls: i64,
    pub(super) booked: i64,
    pub(super) handed_over: i64,
    pub(super) abandoned: i64,
}

impl TemplateVersion {
    pub(super) fn new(
        slug: &str,
        of: &store::StoredTemplate,
        weight: u32,
        result: Option<&TemplateResult>,
    ) -> Self {
        let count = |of: fn(&TemplateResult) -> i64| result.map_or(0, of);
        Self {
            slug: slug.to_owned(),
            version: of.version,
            note: of.note.clone(),
            created_at: of.created_at.to_string(),
            weight,
            calls: count(|result| result.calls),
            booked: count(|result| result.booked),
            handed_over: count(|result| result.handed_over),
            abandoned: count(|result| result.abandoned),
        }
    }
}

/// What a version of a template says.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct TemplateText {
    pub(super) slug: String,
    pub(super) version: i64,
    /// As it is imported.
    pub(super) config: Value,
}

/// A version that was written.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Pushed {
    pub(super) version: i64,
}

/// Everything that is stored of a person.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Person {
    /// The number by which they were looked for, E.164.
    pub(super) phone: String,
    /// Rows, by the table that they are in.
    pub(super) tables: BTreeMap<String, Vec<Value>>,
    /// The names of the recordings of their calls.
    pub(super) recordings: Vec<String>,
}

/// What was erased of a person.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Erased {
    /// How many rows were deleted or emptied, by the table that they are in.
    pub(super) rows: BTreeMap<String, u64>,
    /// Journals of calls that were deleted.
    pub(super) journals: u64,
    /// Recordings of calls that were deleted.
    pub(super) recordings: u64,
}

/// How much is logged.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Logging {
    /// As in `RUST_LOG`.
    pub(super) filter: String,
}
