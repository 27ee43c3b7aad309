use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    routing::post,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    super::{Shared, answers::LeadsTaken, refusal::Refusal},
    Answer, Operation, of,
};
use crate::{dms, leads::Imported};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        method: "post",
        path: "/api/leads",
        about: "Takes in leads of another system, each once; of who is known nothing is changed.",
        query: None,
        takes: Some(of::<Handed>),
        answers: (201, Answer::Json(of::<LeadsTaken>)),
        refuses: &[409, 415, 422],
        handler: || post(take_in),
    }]
}

/// Leads, as another system hands them on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Handed {
    /// `adf` or `csv`.
    form: String,
    /// The system that hands them on, as it is noted with each of them.
    source: String,
    /// The leads in this form.
    content: String,
}

async fn take_in(
    State(desk): State<Shared>,
    handed: Result<Json<Handed>, JsonRejection>,
) -> Result<(StatusCode, Json<LeadsTaken>), Refusal> {
    let Json(Handed { form, source, content }) = handed?;
    let form = dms::connector(&form)?;
    let office = &desk.office;
    let taken = dms::import(&office.store, (form, &content), &source, office.clock.now()).await?;
    let count = |many: usize| u64::try_from(many).unwrap_or(u64::MAX);
    let Imported { new, known, unreadable } = taken;
    let (new, known, unreadable) = (count(new), count(known), count(unreadable));
    Ok((StatusCode::CREATED, Json(LeadsTaken { new, known, unreadable })))
}
