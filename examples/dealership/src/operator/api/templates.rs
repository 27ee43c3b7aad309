use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    routing::{get, post, put},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use voiceagent_core::{Error, ErrorKind};

use super::{
    super::{
        Shared,
        answers::{Done, Pushed, TemplateText, TemplateVersion, Templates},
        refusal::Refusal,
    },
    Answer, Operation, of,
};
use crate::{
    store::{Arm, Fault, Refusal as Rule},
    templates::{SLUGS, Template},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            method: "get",
            path: "/api/templates",
            about: "Lists the versions of all templates, which of them answer, and what came of it.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<Templates>)),
            refuses: &[],
            handler: || get(list),
        },
        Operation {
            method: "post",
            path: "/api/templates/{slug}",
            about: "Checks a template and writes it as a new version, which answers nothing yet.",
            query: None,
            takes: Some(of::<Push>),
            answers: (201, Answer::Json(of::<Pushed>)),
            refuses: &[400, 404, 415, 422],
            handler: || post(push),
        },
        Operation {
            method: "get",
            path: "/api/templates/{slug}/{version}",
            about: "Tells what a version says.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<TemplateText>)),
            refuses: &[400, 404],
            handler: || get(show),
        },
        Operation {
            method: "put",
            path: "/api/templates/{slug}/active",
            about: "Lets versions answer the calls that begin from now on, by weight.",
            query: None,
            takes: Some(of::<Activate>),
            answers: (200, Answer::Json(of::<Done>)),
            refuses: &[400, 404, 415, 422],
            handler: || put(activate),
        },
        Operation {
            method: "post",
            path: "/api/templates/{slug}/rollback",
            about: "Goes back to what answered before; again goes back further.",
            query: None,
            takes: None,
            answers: (200, Answer::Json(of::<Done>)),
            refuses: &[404],
            handler: || post(roll_back),
        },
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Push {
    /// As it is imported.
    config: Value,
    /// What the version is for.
    #[serde(default)]
    note: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Activate {
    arms: Vec<Weighted>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Weighted {
    version: i64,
    /// Its share, in relation to the weights of the other versions.
    weight: u32,
}

async fn list(State(desk): State<Shared>) -> Result<Json<Templates>, Refusal> {
    let store = &desk.office.store;
    let mut templates = Vec::new();
    for slug in SLUGS {
        let active = store.active_template(slug).await?;
        let results = store.template_results(slug).await?;
        for version in store.templates(slug).await? {
            let arm = active.iter().find(|arm| arm.version == version.version);
            let result = results.iter().find(|result| result.version == version.version);
            let weight = arm.map_or(0, |arm| arm.weight);
            templates.push(TemplateVersion::new(slug, &version, weight, result));
        }
    }
    Ok(Json(Templates { templates }))
}

async fn push(
    State(desk): State<Shared>,
    Path(slug): Path<String>,
    asked: Result<Json<Push>, JsonRejection>,
) -> Result<(StatusCode, Json<Pushed>), Refusal> {
    let Json(Push { config, note }) = asked?;
    let version = write(&desk, known(&slug)?, (&config, &note)).await?;
    Ok((StatusCode::CREATED, Json(Pushed { version })))
}

/// Checks a template and writes it as a new version.
pub(in super::super) async fn write(
    desk: &Shared,
    slug: &str,
    (config, note): (&Value, &str),
) -> Result<i64, Refusal> {
    let text = config.to_string();
    let office = &desk.office;
    let wrong = |error: Error| Refusal::bad(error.message());
    let template = Template::read(&text).map_err(wrong)?;
    office.reception.check(&template).map_err(wrong)?;
    Ok(office.store.push_template(slug, (&text, note), office.clock.now()).await?)
}

async fn show(
    State(desk): State<Shared>,
    Path((slug, version)): Path<(String, String)>,
) -> Result<Json<TemplateText>, Refusal> {
    let version: i64 =
        version.parse().map_err(|_| Refusal::bad("a version is a whole number, from 1"))?;
    let stored = desk.office.store.templates(known(&slug)?).await?;
    let found = stored.into_iter().find(|one| one.version == version);
    let found = found.ok_or_else(|| Refusal::none("version"))?;
    let config = serde_json::from_str(&found.config).map_err(|cause| {
        Error::new(ErrorKind::Protocol, "templates", "the version is no JSON").with_source(cause)
    })?;
    Ok(Json(TemplateText { slug, version, config }))
}

async fn activate(
    State(desk): State<Shared>,
    Path(slug): Path<String>,
    asked: Result<Json<Activate>, JsonRejection>,
) -> Result<Json<Done>, Refusal> {
    let Json(Activate { arms }) = asked?;
    let arms: Vec<Arm> =
        arms.iter().map(|one| Arm { version: one.version, weight: one.weight }).collect();
    let told = let_answer(&desk, known(&slug)?, &arms).await?;
    Ok(Json(Done { told }))
}

/// Lets versions answer, and tells so.
pub(in super::super) async fn let_answer(
    desk: &Shared,
    slug: &str,
    arms: &[Arm],
) -> Result<String, Refusal> {
    let office = &desk.office;
    let done = office.store.activate_template(slug, arms, office.clock.now()).await;
    done.map_err(no_version)?;
    Ok(answers(arms))
}

async fn roll_back(
    State(desk): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Json<Done>, Refusal> {
    let told = go_back(&desk, known(&slug)?).await?;
    Ok(Json(Done { told }))
}

/// Goes back to what answered before, and tells so.
pub(in super::super) async fn go_back(desk: &Shared, slug: &str) -> Result<String, Refusal> {
    let office = &desk.office;
    let arms = office.store.roll_back_template(slug, office.clock.now()).await;
    Ok(answers(&arms.map_err(no_version)?))
}

fn answers(arms: &[Arm]) -> String {
    let versions: Vec<String> = arms.iter().map(|arm| arm.version.to_string()).collect();
    format!("New calls are answered by version {}.", versions.join(" or "))
}

fn no_version(fault: Fault) -> Refusal {
    match fault {
        Fault::Refused(Rule::NotFound) => Refusal::none("version"),
        fault => fault.into(),
    }
}

/// One of the templates that there may be.
pub(in super::super) fn known(slug: &str) -> Result<&str, Refusal> {
    SLUGS.contains(&slug).then_some(slug).ok_or_else(|| Refusal::none("template"))
}
