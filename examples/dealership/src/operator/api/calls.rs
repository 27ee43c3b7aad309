use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
    routing::get,
};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    super::{
        Shared,
        answers::{Call, CallRecord, Calls, LiveCall, LiveCalls, Statistics},
        events,
        refusal::Refusal,
    },
    Answer, Operation, of,
};
use crate::{phone::Phone, store::CallFilter};

/// Calls of one answer, unless fewer are asked for.
const USUAL: u32 = 100;
const MOST: u32 = 1_000;
/// Of which calls statistics are made.
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            method: "get",
            path: "/api/calls",
            about: "Lists calls, the latest first.",
            query: Some(of::<Which>),
            takes: None,
            answers: (200, Answer::Json(of::<Calls>)),
            refuses: &[400],
            handler: || get(list),
        },
        Operation {
            method: "get",
            path: "/api/calls/{call}",
            about: "Tells what was said and done in a call, and how long the answers took.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<CallRecord>)),
            refuses: &[404],
            handler: || get(one),
        },
        Operation {
            method: "get",
            path: "/api/live",
            about: "Tells the calls that go on, each time that something changes in one.",
            query: None,
            takes: None,
            answers: (200, Answer::Stream(of::<LiveCalls>)),
            refuses: &[],
            handler: || get(live),
        },
        Operation {
            method: "get",
            path: "/api/statistics",
            about: "Tells how the calls of the last 24 hours went.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<Statistics>)),
            refuses: &[],
            handler: || get(statistics),
        },
    ]
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct Which {
    /// Those that stand so: `live`, `completed` or `failed`.
    status: Option<String>,
    /// Those of which this came, such as `booked`.
    disposition: Option<String>,
    /// Those with this number.
    phone: Option<String>,
    /// Those that began before this, RFC 3339; for the next page, the last call's beginning.
    before: Option<String>,
    /// So many, 100 if it is not set and 1000 at most.
    limit: Option<u32>,
}

impl Which {
    /// What is looked for. What is empty, as a form sends it, is not set.
    pub(in super::super) fn filter(self) -> Result<CallFilter, Refusal> {
        let set = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let before = set(self.before).map(|before| {
            let wrong = || Refusal::bad("`before`: write it like 2026-06-18T18:00:00Z");
            before.parse::<Timestamp>().map_err(|_| wrong())
        });
        let phone = set(self.phone).map(|phone| {
            Phone::parse(&phone).ok_or_else(|| Refusal::bad("`phone`: write it like +16305550111"))
        });
        Ok(CallFilter {
            status: set(self.status),
            disposition: set(self.disposition),
            phone: phone.transpose()?,
            before: before.transpose()?,
            most: self.limit.unwrap_or(USUAL).clamp(1, MOST),
        })
    }
}

async fn list(
    State(desk): State<Shared>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Calls>, Refusal> {
    let Query(which) = which?;
    let calls = desk.office.store.calls(&which.filter()?).await?;
    Ok(Json(Calls { calls: calls.iter().map(Call::from).collect() }))
}

async fn one(
    State(desk): State<Shared>,
    Path(call): Path<String>,
) -> Result<Json<CallRecord>, Refusal> {
    let store = &desk.office.store;
    let found = store.call(&call).await?.ok_or_else(|| Refusal::none("call"))?;
    Ok(Json(CallRecord {
        call: (&found).into(),
        turns: store.turns(&call).await?.iter().map(Into::into).collect(),
        tools: store.tool_runs(&call).await?.iter().map(Into::into).collect(),
        path: store.steps(&call).await?.into_iter().map(Into::into).collect(),
    }))
}

async fn live(State(desk): State<Shared>) -> Result<Response, Refusal> {
    events::stream(desk, |desk| {
        Box::pin(async move {
            let calls = going_on(&desk).await?;
            // Texts and numbers are JSON.
            Ok(serde_json::to_string(&LiveCalls { calls }).unwrap_or_default())
        })
    })
}

async fn statistics(State(desk): State<Shared>) -> Result<Json<Statistics>, Refusal> {
    of_today(&desk).await.map(|(since, of)| Json(Statistics::new(since, &of)))
}

/// How the calls of the last day went, and since when.
pub(in super::super) async fn of_today(
    desk: &Shared,
) -> Result<(Timestamp, crate::store::CallStatistics), Refusal> {
    let now = desk.office.clock.now();
    let since = now.saturating_sub(DAY).unwrap_or(now);
    Ok((since, desk.office.store.call_statistics(since).await?))
}

/// The calls that go on, with what was said last in each.
pub(in super::super) async fn going_on(desk: &Shared) -> Result<Vec<LiveCall>, Refusal> {
    let store = &desk.office.store;
    let filter =
        CallFilter { status: Some("live".to_owned()), most: MOST, ..CallFilter::default() };
    let calls = store.calls(&filter).await?;
    let mut words = store.last_words().await?;
    Ok(calls
        .iter()
        .map(|call| {
            let last = words.remove(&call.call).unwrap_or_default();
            let (caller, agent, response_ms) = (last.caller, last.agent, last.response_ms);
            LiveCall { call: call.into(), caller, agent, response_ms }
        })
        .collect())
}
