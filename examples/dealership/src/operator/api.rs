mod calls;
mod jobs;
mod leads;
mod logs;
mod people;
mod templates;

use axum::{Router, routing::MethodRouter};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{Shared, answers::Refused};

pub(super) use self::{
    calls::{Which, going_on, of_today},
    jobs::run_job,
    templates::{go_back, known, let_answer, write},
};

/// What the API does at one path, and what is written of it in the description.
pub(super) struct Operation {
    /// In small letters.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    /// What may stand behind the path.
    pub(super) query: Option<Described>,
    /// What is sent with it.
    pub(super) takes: Option<Described>,
    /// The status of success, and what is sent back.
    pub(super) answers: (u16, Answer),
    /// What else may be answered, beside 401 and 503.
    pub(super) refuses: &'static [u16],
    handler: fn() -> MethodRouter<Shared>,
}

/// Writes the schema of a type.
pub(super) type Described = fn(&mut SchemaGenerator) -> Schema;

/// What is sent back.
pub(super) enum Answer {
    /// JSON, of this schema.
    Json(Described),
    /// Events whose data is JSON of this schema, until whoever asked hangs up.
    Stream(Described),
}

/// The schema of a type.
pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn anything(_: &mut SchemaGenerator) -> Schema {
    true.into()
}

/// Everything that the API does.
pub(super) fn operations() -> Vec<Operation> {
    let mut all = calls::operations();
    all.extend(jobs::operations());
    all.extend(templates::operations());
    all.extend(people::operations());
    all.extend(leads::operations());
    all.extend(logs::operations());
    all
}

/// The schema of what is sent back when something is refused.
pub(super) fn refusal(generator: &mut SchemaGenerator) -> Schema {
    of::<Refused>(generator)
}

pub(super) fn routes() -> Router<Shared> {
    operations().into_iter().fold(Router::new(), |router, operation| {
        router.route(operation.path, (operation.handler)())
    })
}
