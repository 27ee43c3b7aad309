use axum::{
    Form,
    extract::{Path, State},
    http::header,
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    super::{Shared, refusal::Refusal},
    Trouble, quoted, shell,
};
use crate::{
    eval,
    labels::{self, OUTCOMES},
    store::{CallSummary, Label},
};

/// The longest name of somebody who labels.
const LONGEST_NAME: usize = 64;

/// What is said of a call in the form.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    labeller: String,
    outcome: String,
    #[serde(default)]
    qualified: String,
}

/// What rules and people make of a call, and a form to say it.
pub(super) async fn of_call(desk: &Shared, call: &CallSummary) -> Result<Markup, Refusal> {
    let store = &desk.office.store;
    if call.status == "live" {
        return Ok(html! {});
    }
    let analysis = store.analysis(&call.call).await?;
    let given = store.labels(Some(&call.call)).await?;
    let path = format!("/dashboard/calls/{}", quoted(&call.call));
    Ok(html! {
        h2 { "What came of it" }
        @if let Some(analysis) = &analysis {
            p #analysis { "By the rules: " (analysis.outcome) " (" (analysis.because) ")" }
            @if let Some(part) = analysis.engagement {
                p #engagement { "Took part by " (part.percent) " of 100: " (part.turns) " turns, "
                    (part.words_percent) " % of the words, " (part.commitments) " commitments" }
            }
        }
        ul #labels {
            @for label in &given {
                li { (label.labeller) ": " (label.outcome)
                    @if let Some(qualified) = label.qualified {
                        (if qualified { ", qualified" } else { ", not qualified" })
                    } }
            }
        }
        form method="post" action=(format!("{path}/label")) {
            label { "You " input name="labeller" required maxlength=(LONGEST_NAME); }
            label { "Outcome " select name="outcome" {
                @for outcome in OUTCOMES { option { (outcome) } }
            } }
            label { "Qualified " select name="qualified" {
                option value="" { "unknown" } option { "yes" } option { "no" }
            } }
            button type="submit" { "Label" }
        }
        p { a href=(format!("{path}/scenario")) { "Make a scenario of it" } }
    })
}

/// Takes in what somebody makes of a call.
pub(super) async fn add(
    State(desk): State<Shared>,
    Path(call): Path<String>,
    Form(said): Form<Said>,
) -> Result<Redirect, Trouble> {
    let done = note(&desk, &call, said).await;
    done.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(Redirect::to(&format!("/dashboard/calls/{}", quoted(&call))))
}

async fn note(desk: &Shared, call: &str, said: Said) -> Result<(), Refusal> {
    let office = &desk.office;
    let found = office.store.call(call).await?.ok_or_else(|| Refusal::none("call"))?;
    if found.status == "live" {
        return Err(Refusal::bad("the call goes on"));
    }
    let labeller = said.labeller.trim().to_owned();
    if labeller.is_empty() || labeller.len() > LONGEST_NAME {
        return Err(Refusal::bad("say who you are"));
    }
    if !OUTCOMES.contains(&said.outcome.as_str()) {
        return Err(Refusal::bad(format!("an outcome is one of {}", OUTCOMES.join(", "))));
    }
    let qualified = match said.qualified.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let label = Label { call: call.to_owned(), labeller, outcome: said.outcome, qualified };
    Ok(office.store.label_call(&label, office.clock.now()).await?)
}

/// How far everybody agrees.
pub(super) async fn page(State(desk): State<Shared>) -> Result<Html<String>, Trouble> {
    let agreement = labels::agreement(&desk.office.store).await;
    let agreement = agreement.map_err(|error| Trouble(desk.clone(), error.into()))?;
    let tables = [
        ("people", "Two people", &agreement.people),
        ("rules", "People and the rules", &agreement.rules),
        ("agent", "People and what the agent noted", &agreement.agent),
        ("qualified", "Qualified: people and what is stored", &agreement.qualified),
    ];
    let content = html! {
        p { a href="/dashboard/labels.jsonl" { "All labels as lines of JSON" } }
        @for (id, title, confusion) in tables {
            h2 { (title) }
            @if confusion.total() == 0 {
                p.empty { "There is nothing to compare." }
            } @else {
                pre id=(id) { (confusion) }
            }
        }
    };
    Ok(shell(&desk, "Labels", &content))
}

/// All labels, as a file.
pub(super) async fn lines(State(desk): State<Shared>) -> Result<Response, Trouble> {
    let text = labels::lines(&desk.office.store).await;
    let text = text.map_err(|error| Trouble(desk.clone(), error.into()))?;
    Ok(file(("application/jsonl", "labels.jsonl"), text))
}

/// A call as a scenario, as a file.
pub(super) async fn scenario(
    State(desk): State<Shared>,
    Path(call): Path<String>,
) -> Result<Response, Trouble> {
    let text = eval::draft(&desk.office.store, &call).await;
    let text = text.map_err(|error| Trouble(desk.clone(), error.into()))?;
    Ok(file(("application/yaml", "scenario.yaml"), text))
}

fn file((kind, name): (&'static str, &str), text: String) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, text).into_response()
}
