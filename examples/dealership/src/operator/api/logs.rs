use axum::{
    Json,
    extract::rejection::JsonRejection,
    routing::{get, put},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    super::{answers::Logging, openapi, refusal::Refusal},
    Answer, Operation, anything, of,
};
use crate::logging;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            method: "put",
            path: "/api/log",
            about: "Changes how much this process logs, until it ends.",
            query: None,
            takes: Some(of::<SetFilter>),
            answers: (200, Answer::Json(of::<Logging>)),
            refuses: &[400, 415, 422],
            handler: || put(set),
        },
        Operation {
            method: "get",
            path: "/api/openapi.json",
            about: "Tells this description.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(anything)),
            refuses: &[],
            handler: || get(|| async { Json(openapi::description()) }),
        },
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetFilter {
    /// As in `RUST_LOG`, such as `warn,dealership=debug`.
    filter: String,
}

async fn set(asked: Result<Json<SetFilter>, JsonRejection>) -> Result<Json<Logging>, Refusal> {
    let Json(SetFilter { filter }) = asked?;
    logging::refilter(&filter).map_err(|error| Refusal::bad(error.message()))?;
    Ok(Json(Logging { filter }))
}
