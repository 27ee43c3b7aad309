use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    routing::{delete, get},
};
use serde_json::Value;
use tracing::info;

use super::{
    super::{
        Shared,
        answers::{Erased, Person},
        refusal::Refusal,
    },
    Answer, Operation, of,
};
use crate::{call_files::CallFiles, events::masked, phone::Phone, store::Erasure};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            method: "get",
            path: "/api/people/{phone}",
            about: "Tells everything that is stored of the person with a number.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<Person>)),
            refuses: &[400, 404],
            handler: || get(export),
        },
        Operation {
            method: "delete",
            path: "/api/people/{phone}",
            about: "Erases what is stored of the person with a number, but for that they do not \
                    want to be contacted. Visits to come stand against it, and so does a number \
                    that several people share.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<Erased>)),
            refuses: &[400, 404, 409],
            handler: || delete(erase),
        },
    ]
}

async fn export(
    State(desk): State<Shared>,
    Path(phone): Path<String>,
) -> Result<Json<Person>, Refusal> {
    let phone = number(&phone)?;
    let tables = desk.office.store.person(&phone).await?;
    if tables.values().all(Vec::is_empty) {
        return Err(Refusal::none("person"));
    }
    let recordings = match &desk.office.recordings {
        Some(recordings) => recordings.names(&calls_of(&tables)).await?,
        None => Vec::new(),
    };
    info!(phone = masked(Some(&phone)), "person.exported");
    Ok(Json(Person { phone: phone.as_str().to_owned(), tables, recordings }))
}

async fn erase(
    State(desk): State<Shared>,
    Path(phone): Path<String>,
) -> Result<Json<Erased>, Refusal> {
    let phone = number(&phone)?;
    let office = &desk.office;
    // What is erased here is found there no more, so a bucket that does not answer stands against it.
    if let Some(recordings) = &office.recordings {
        recordings.names(&calls_of(&office.store.person(&phone).await?)).await?;
    }
    let conflict = |why: String| Err(Refusal::new(StatusCode::CONFLICT, why));
    match office.store.erase_person(&phone, office.clock.now()).await? {
        Erasure::Done { rows, calls } => {
            let journals = match &office.journals {
                Some(folder) => CallFiles::journals(folder).remove(&calls).await,
                None => 0,
            };
            let recordings = match &office.recordings {
                Some(recordings) => recordings.remove(&calls).await?,
                None => 0,
            };
            info!(phone = masked(Some(&phone)), journals, recordings, "person.erased");
            Ok(Json(Erased { rows, journals, recordings }))
        }
        Erasure::InCall => conflict("a call with this number goes on".to_owned()),
        Erasure::Shared(people) => {
            conflict(format!("{people} people share this number; correct the records first"))
        }
        Erasure::Unknown => Err(Refusal::none("person")),
        Erasure::Visits(visits) => {
            conflict(format!("{visits} visits are to come; cancel them first"))
        }
    }
}

/// The calls among the rows of a person.
fn calls_of(tables: &BTreeMap<String, Vec<Value>>) -> Vec<String> {
    let rows = tables.get("call_record").into_iter().flatten();
    rows.filter_map(|row| Some(row["call"].as_str()?.to_owned())).collect()
}

fn number(written: &str) -> Result<Phone, Refusal> {
    Phone::parse(written).ok_or_else(|| Refusal::bad("write the number like +16305550111"))
}
