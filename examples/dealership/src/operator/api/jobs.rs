use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{get, post},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    super::{
        Shared,
        answers::{Done, Job, Jobs, Scheduled},
        refusal::Refusal,
    },
    Answer, Operation, of,
};
use crate::store::JobKind;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            method: "get",
            path: "/api/jobs",
            about: "Lists what is to be done, soonest first.",
            query: Some(of::<Which>),
            takes: None,
            answers: (200, Answer::Json(of::<Jobs>)),
            refuses: &[400],
            handler: || get(list),
        },
        Operation {
            method: "post",
            path: "/api/jobs",
            about: "Has something done; where it is to be done already, then at this time.",
            query: None,
            takes: Some(of::<Schedule>),
            answers: (201, Answer::Json(of::<Scheduled>)),
            refuses: &[400, 415, 422],
            handler: || post(schedule),
        },
        Operation {
            method: "post",
            path: "/api/jobs/{id}/run",
            about: "Does a job now, whether or not it is due. All that stands against a call still \
                    does.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<Done>)),
            refuses: &[404, 409],
            handler: || post(run),
        },
    ]
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Which {
    /// Whether what is over is listed too.
    all: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Schedule {
    /// `reminder`, `reminder_text`, `recovery_text`, `callback` or `campaign_step`.
    kind: String,
    /// The identifier of the appointment, the call, the callback or the enrollment.
    about: String,
    /// When, RFC 3339; at once if it is not set.
    #[serde(default)]
    at: Option<String>,
}

async fn list(
    State(desk): State<Shared>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Jobs>, Refusal> {
    let Query(Which { all }) = which?;
    let jobs = desk.office.store.jobs(all).await?;
    Ok(Json(Jobs { jobs: jobs.iter().map(Job::from).collect() }))
}

async fn schedule(
    State(desk): State<Shared>,
    asked: Result<Json<Schedule>, JsonRejection>,
) -> Result<(StatusCode, Json<Scheduled>), Refusal> {
    let Json(Schedule { kind, about, at }) = asked?;
    let Some(kind) = JobKind::parse(&kind) else {
        let known = JobKind::ALL.map(JobKind::word).join(", ");
        return Err(Refusal::bad(format!("field `kind`: there are {known}")));
    };
    let now = desk.office.clock.now();
    let at = match at.as_deref().map(str::parse::<Timestamp>) {
        None => now,
        Some(Ok(at)) => at,
        Some(Err(_)) => {
            return Err(Refusal::bad("field `at`: write it like 2026-06-18T18:00:00-05:00"));
        }
    };
    let id = desk.office.store.schedule_job((kind, &about), at, now).await?;
    Ok((StatusCode::CREATED, Json(Scheduled { id })))
}

async fn run(State(desk): State<Shared>, Path(id): Path<String>) -> Result<Json<Done>, Refusal> {
    run_job(&desk, &id).await.map(Json)
}

/// Does a job now.
pub(in super::super) async fn run_job(desk: &Shared, id: &str) -> Result<Done, Refusal> {
    let worker = std::sync::Arc::clone(&desk.office.worker);
    let id = id.to_owned();
    // Whoever asked may hang up; what was begun with the carrier is finished.
    let ran = tokio::spawn(async move { worker.run_job(&id).await }).await;
    let told =
        ran.map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "it broke down"))??;
    told.map(|told| Done { told }).ok_or_else(|| Refusal::none("job to be done"))
}
