use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{Html, Redirect},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    super::{Shared, api, refusal::Refusal},
    Trouble, moment, shell,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    all: Option<String>,
    told: Option<String>,
}

pub(super) async fn page(
    State(desk): State<Shared>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Result<Html<String>, Trouble> {
    let content = content(&desk, shown).await;
    let content = content.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(shell(&desk, "Jobs", &content))
}

async fn content(
    desk: &Shared,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Result<Markup, Refusal> {
    let Query(Shown { all, told }) = shown?;
    let jobs = desk.office.store.jobs(all.is_some()).await?;
    Ok(html! {
        @if let Some(told) = told { p role="status" #told { (told) } }
        p {
            @if all.is_some() { a href="/dashboard/jobs" { "Only what is to be done" } }
            @else { a href="/dashboard/jobs?all=1" { "What is over too" } }
        }
        @if jobs.is_empty() {
            p.empty { "There is nothing to be done." }
        } @else {
            table #jobs-table {
                thead {
                    tr { th { "When" } th { "What" } th { "State" } th { "Faults" } th { "Last" } th {} }
                }
                tbody {
                    @for job in &jobs {
                        tr {
                            td { (moment(desk, Some(job.run_at))) }
                            td { (job.kind.word()) }
                            td class=(if job.state == "dead" { "failed" } else { "" }) { (job.state) }
                            td { (job.faults) }
                            td { (job.note.as_deref().unwrap_or("–")) }
                            td {
                                @if job.state == "ready" {
                                    form method="post"
                                        action=(format!("/dashboard/jobs/{}/run", job.id)) {
                                        button type="submit" { "Run now" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

pub(super) async fn run(
    State(desk): State<Shared>,
    Path(id): Path<String>,
) -> Result<Redirect, Trouble> {
    let done = api::run_job(&desk, &id).await;
    let done = done.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    let told: String = done
        .told
        .bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect();
    Ok(Redirect::to(&format!("/dashboard/jobs?all=1&told={told}")))
}
