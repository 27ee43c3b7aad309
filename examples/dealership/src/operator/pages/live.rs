use axum::{
    extract::State,
    response::{Html, Response},
};
use maud::{Markup, html};

use super::{
    super::{Shared, answers::LiveCall, api, events, refusal::Refusal},
    Trouble, call_link, millis, shell,
};
use crate::store::CallStatistics;

pub(super) async fn page(State(desk): State<Shared>) -> Result<Html<String>, Trouble> {
    let content = content(&desk).await.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    let content = html! {
        section #live aria-live="polite" data-events="/dashboard/live" { (content) }
        p #connection role="status" {}
    };
    Ok(shell(&desk, "Live", &content))
}

/// What the page shows, each time that something changes.
pub(super) async fn events(State(desk): State<Shared>) -> Result<Response, Refusal> {
    events::stream(desk, |desk| Box::pin(async move { Ok(content(&desk).await?.into_string()) }))
}

async fn content(desk: &Shared) -> Result<Markup, Refusal> {
    let calls = api::going_on(desk).await?;
    let (_, statistics) = api::of_today(desk).await?;
    Ok(html! { (figures(&statistics)) (table(&calls)) })
}

/// How the last day went.
fn figures(of: &CallStatistics) -> Markup {
    let over: i64 = of.outcomes.values().sum();
    let rate = of.success_rate().map_or("–".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    let count = |outcome: &str| of.outcomes.get(outcome).copied().unwrap_or_default();
    html! {
        dl.figures {
            div { dt { "Calls in 24 h" } dd #calls { (over + of.live) } }
            div { dt { "Success" } dd #success { (rate) } }
            div { dt { "Booked" } dd #booked { (count("booked")) } }
            div { dt { "Failed" } dd #failed { (count("failed")) } }
            div { dt { "Answer, median" } dd #median { (millis(of.response(50))) } }
            div { dt { "Answer, 95 of 100" } dd { (millis(of.response(95))) } }
            @if let Some(stars) = of.rating() {
                div { dt { "Rating, of 5" } dd #rating { (format!("{stars:.1}")) } }
            }
        }
    }
}

fn table(calls: &[LiveCall]) -> Markup {
    html! {
        @if calls.is_empty() {
            p.empty { "Nobody is on the phone." }
        } @else {
            table {
                caption { (calls.len()) " on the phone" }
                thead {
                    tr { th { "Call" } th { "Where" } th { "Last words" } th { "Last answer" } }
                }
                tbody {
                    @for one in calls {
                        tr {
                            td { (call_link(one.call.name(), &html! { (one.call.other_side()) })) }
                            td { (one.call.node().unwrap_or("–")) }
                            td {
                                @if let Some(words) = &one.caller { p.caller { (words) } }
                                @if let Some(words) = &one.agent { p.agent { (words) } }
                            }
                            td { (millis(one.response_ms)) }
                        }
                    }
                }
            }
        }
    }
}
