use axum::{
    extract::{Path, State},
    response::Html,
};
use maud::{Markup, html};

use super::{
    super::{Shared, refusal::Refusal, waterfall},
    Trouble, calls, labels, millis, moment, recording, shell,
};
use crate::store::{CallStep, CallSummary, CallTurn, ToolRun};

pub(super) async fn page(
    State(desk): State<Shared>,
    Path(call): Path<String>,
) -> Result<Html<String>, Trouble> {
    let content = content(&desk, &call).await;
    let content = content.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(shell(&desk, "Call", &content))
}

async fn content(desk: &Shared, call: &str) -> Result<Markup, Refusal> {
    let store = &desk.office.store;
    let found = store.call(call).await?.ok_or_else(|| Refusal::none("call"))?;
    let turns = store.turns(call).await?;
    let tools = store.tool_runs(call).await?;
    let steps = store.steps(call).await?;
    Ok(html! {
        (about(desk, &found))
        (recording::players(desk, call).await?)
        (transcript(&turns))
        (labels::of_call(desk, &found).await?)
        (used(desk, &tools))
        (path(&steps))
    })
}

fn about(desk: &Shared, call: &CallSummary) -> Markup {
    let number = call.phone.as_ref().map(|phone| phone.as_str());
    html! {
        dl.about {
            div { dt { "Call" } dd { code { (call.call) } } }
            div { dt { "Number" } dd {
                @if let Some(number) = number {
                    a href=(format!("/dashboard/people?phone={}", number.replace('+', "%2B"))) {
                        (number)
                    }
                } @else { "withheld" }
            } }
            div { dt { "Began" } dd { (moment(desk, call.started_at)) ", " (call.direction) } }
            div { dt { "Took" } dd { (calls::length(call)) } }
            div { dt { "Status" } dd { (call.status)
                @if let Some(reason) = &call.end_reason { " (" (reason) ")" } } }
            div { dt { "Outcome" } dd #outcome { (call.disposition.as_deref().unwrap_or("–")) } }
            div { dt { "First sound" } dd { (millis(call.first_response_ms)) } }
            div { dt { "Trace" } dd {
                @if let Some(trace) = &call.trace_id { code #trace { (trace) } } @else { "–" }
            } }
        }
        @if let Some(summary) = call.summary.as_deref().filter(|summary| !summary.is_empty()) {
            p.summary { (summary) }
        }
    }
}

/// What was said, with the way of each answer beside it.
fn transcript(turns: &[CallTurn]) -> Markup {
    let whole =
        |turn: &CallTurn| -> i64 { waterfall::parts(turn.stages).iter().map(|part| part.ms).sum() };
    let scale = turns.iter().map(whole).max().unwrap_or_default();
    html! {
        h2 { "What was said" }
        @if turns.is_empty() {
            p.empty { "Nothing is on record." }
        } @else {
            (waterfall::legend())
            ol #transcript {
                @for turn in turns {
                    li class=(if turn.by_agent { "agent" } else { "caller" }) {
                        span.at { (clock(turn.from_ms)) }
                        p { (turn.words)
                            @if turn.interrupted { " " span.cut { "(interrupted)" } } }
                        @if whole(turn) > 0 { (answer(turn, scale)) }
                    }
                }
            }
        }
    }
}

fn answer(turn: &CallTurn, scale: i64) -> Markup {
    html! {
        div.answer {
            (waterfall::drawn(turn.stages, scale))
            p {
                "Answer after " (millis(turn.stages.response))
                @if let Some(slowest) = waterfall::slowest(turn.stages) {
                    "; longest: " span.slowest { (slowest) }
                }
            }
        }
    }
}

fn used(desk: &Shared, tools: &[ToolRun]) -> Markup {
    html! {
        @if !tools.is_empty() {
            h2 { "Tools" }
            table #tools {
                thead { tr { th { "When" } th { "Tool" } th { "Result" } th { "Took" } th { "Where" } } }
                tbody {
                    @for tool in tools {
                        tr {
                            td { (moment(desk, Some(tool.at))) }
                            td { code { (tool.name) } }
                            td class=(if tool.code == "OK" { "completed" } else { "failed" }) {
                                (tool.code)
                            }
                            td { (millis(tool.took_ms)) }
                            td { (tool.node) }
                        }
                    }
                }
            }
        }
    }
}

fn path(steps: &[CallStep]) -> Markup {
    html! {
        @if !steps.is_empty() {
            h2 { "Way through the talk" }
            ol.path {
                @for step in steps {
                    li title=(step.cause) {
                        (step.node)
                        @if let Some(intent) = &step.intent { " (" (intent) ")" }
                    }
                }
            }
        }
    }
}

/// A moment of the call, as minutes and seconds.
fn clock(ms: i64) -> String {
    format!("{}:{:02}", ms / 60_000, ms / 1_000 % 60)
}
