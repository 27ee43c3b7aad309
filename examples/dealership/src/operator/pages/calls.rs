use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Html,
};
use maud::{Markup, html};

use super::{
    super::{Shared, api::Which, refusal::Refusal},
    Trouble, call_link, millis, moment, shell,
};
use crate::store::{CallFilter, CallSummary};

pub(super) async fn page(
    State(desk): State<Shared>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Html<String>, Trouble> {
    let content = content(&desk, which).await;
    let content = content.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(shell(&desk, "Calls", &content))
}

async fn content(
    desk: &Shared,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Markup, Refusal> {
    let Query(which) = which?;
    let filter = which.filter()?;
    let calls = desk.office.store.calls(&filter).await?;
    Ok(html! {
        (form(&filter))
        (table(desk, &calls))
        @if let Some(last) = calls.last().filter(|_| calls.len() as u64 == u64::from(filter.most)) {
            @if let Some(before) = last.started_at {
                p { a href=(older(&filter, &before.to_string())) { "Older calls" } }
            }
        }
    })
}

/// The next page of what is looked for.
fn older(filter: &CallFilter, before: &str) -> String {
    let mut query = format!("before={before}");
    for (name, value) in [
        ("status", filter.status.as_deref()),
        ("disposition", filter.disposition.as_deref()),
        ("phone", filter.phone.as_ref().map(|phone| phone.as_str())),
    ] {
        if let Some(value) = value {
            query += &format!("&{name}={}", value.replace('+', "%2B"));
        }
    }
    format!("/dashboard/calls?{query}")
}

fn form(filter: &CallFilter) -> Markup {
    let chosen = |value: &str| filter.status.as_deref() == Some(value);
    html! {
        form.filter method="get" {
            label { "Status "
                select name="status" {
                    option value="" { "all" }
                    @for status in ["live", "completed", "failed"] {
                        option value=(status) selected[chosen(status)] { (status) }
                    }
                }
            }
            label { "Outcome "
                input name="disposition" placeholder="booked" size="14"
                    value=(filter.disposition.as_deref().unwrap_or_default());
            }
            label { "Number "
                input name="phone" type="tel" placeholder="+16305550111" size="14"
                    value=(filter.phone.as_ref().map_or("", |phone| phone.as_str()));
            }
            button type="submit" { "Show" }
        }
    }
}

pub(super) fn table(desk: &Shared, calls: &[CallSummary]) -> Markup {
    html! {
        @if calls.is_empty() {
            p.empty { "There are no such calls." }
        } @else {
            table #calls-table {
                thead {
                    tr {
                        th { "Began" } th { "Number" } th { "Way" } th { "Status" } th { "Outcome" }
                        th { "Took" } th { "First sound" } th { "Template" }
                    }
                }
                tbody {
                    @for call in calls {
                        tr {
                            td { (call_link(&call.call, &moment(desk, call.started_at))) }
                            td { (call.phone.as_ref().map_or("–", |phone| phone.as_str())) }
                            td { (call.direction) }
                            td class=(call.status) { (call.status) }
                            td { (call.disposition.as_deref().unwrap_or("–")) }
                            td { (length(call)) }
                            td { (millis(call.first_response_ms)) }
                            td {
                                @if let Some((slug, version)) = &call.template {
                                    (slug) ":" (version)
                                } @else { "–" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How long a call took, as minutes and seconds.
pub(super) fn length(call: &CallSummary) -> String {
    let Some((began, ended)) = call.started_at.zip(call.ended_at) else { return "–".to_owned() };
    let seconds = ended.duration_since(began).as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
