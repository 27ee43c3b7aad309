use axum::{
    Form,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{Shared, api, refusal::Refusal},
    Trouble, moment, quoted, shell,
};
use crate::{
    store::{Arm, StoredTemplate},
    templates::{INBOUND, SLUGS, difference},
};

/// A provider that is left to the configuration, in the lists of the form.
const LEFT: &str = "-";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The version with which editing begins.
    from: Option<i64>,
    told: Option<String>,
}

/// What is sent by the editor.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    config: String,
    note: String,
    /// Who hears, answers and speaks; empty as the text says.
    stt: String,
    llm: String,
    tts: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    version: i64,
}

pub(super) async fn first() -> Redirect {
    Redirect::to(&place(INBOUND, ""))
}

pub(super) async fn page(
    State(desk): State<Shared>,
    Path(slug): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Html<String>, Trouble> {
    let content = async {
        let Query(Asked { from, told }) = asked?;
        let slug = api::known(&slug)?;
        let history = History::of(&desk, slug).await?;
        let base = history.base(from)?;
        let config = base.map_or_else(|| "{}".to_owned(), |base| pretty(&base.config));
        let draft = Draft { config, ..Draft::default() };
        let said = Said { told: told.as_deref(), wrong: None };
        Ok(content(&desk, &history, (&draft, base), said))
    };
    let content = content.await.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(shell(&desk, "Templates", &content))
}

/// Writes a draft as a new version, or says which field is wrong and keeps the text.
pub(super) async fn save(
    State(desk): State<Shared>,
    Path(slug): Path<String>,
    draft: Result<Form<Draft>, FormRejection>,
) -> Response {
    let done = async {
        let slug = api::known(&slug)?;
        let Form(draft) = draft.map_err(|wrong| Refusal::bad(wrong.body_text()))?;
        let written = match draft.settled() {
            Ok(config) => api::write(&desk, slug, (&config, draft.note.trim())).await,
            Err(wrong) => Err(wrong),
        };
        let wrong = match written {
            Ok(version) => {
                let told = format!("Version {version} is written. It answers nothing yet.");
                let rest = format!("?from={version}&told={}", quoted(&told));
                return Ok(Redirect::to(&place(slug, &rest)).into_response());
            }
            Err(wrong) => wrong,
        };
        let history = History::of(&desk, slug).await?;
        let said = Said { told: None, wrong: Some(wrong.why()) };
        let base = history.base(None)?;
        let page = content(&desk, &history, (&draft, base), said);
        let status = match wrong.status() {
            StatusCode::BAD_REQUEST => StatusCode::UNPROCESSABLE_ENTITY,
            status => status,
        };
        Ok((status, shell(&desk, "Templates", &page)).into_response())
    };
    let done: Result<Response, Refusal> = done.await;
    done.unwrap_or_else(|refusal| Trouble(desk.clone(), refusal).into_response())
}

pub(super) async fn activate(
    State(desk): State<Shared>,
    Path(slug): Path<String>,
    wanted: Result<Form<Wanted>, FormRejection>,
) -> Result<Redirect, Trouble> {
    let done = async {
        let slug = api::known(&slug)?;
        let Form(Wanted { version }) = wanted.map_err(|wrong| Refusal::bad(wrong.body_text()))?;
        api::let_answer(&desk, slug, &[Arm { version, weight: 1 }]).await
    };
    let told = done.await.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(Redirect::to(&place(&slug, &format!("?told={}", quoted(&told)))))
}

pub(super) async fn roll_back(
    State(desk): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Redirect, Trouble> {
    let done = async { api::go_back(&desk, api::known(&slug)?).await };
    let told = done.await.map_err(|refusal| Trouble(desk.clone(), refusal))?;
    Ok(Redirect::to(&place(&slug, &format!("?told={}", quoted(&told)))))
}

impl Draft {
    /// The text with the providers that were chosen. Settings of another provider are not kept: a
    /// name of a model means nothing to the next one.
    fn settled(&self) -> Result<Value, Refusal> {
        let mut config: Value = serde_json::from_str(&self.config)
            .map_err(|wrong| Refusal::bad(format!("the text is no JSON: {wrong}")))?;
        let chosen = [("stt", &self.stt), ("llm", &self.llm), ("tts", &self.tts)];
        for (field, provider) in chosen {
            let Some(fields) = config.as_object_mut() else { break };
            match provider.as_str() {
                "" => {}
                LEFT => drop(fields.remove(field)),
                provider if fields.get(field).is_some_and(|of| of["provider"] == provider) => {}
                provider => {
                    fields.insert(field.to_owned(), json!({ "provider": provider }));
                }
            }
        }
        Ok(config)
    }
}

/// What a page says beside what it shows.
#[derive(Clone, Copy)]
struct Said<'a> {
    told: Option<&'a str>,
    wrong: Option<&'a str>,
}

/// A template with its versions.
struct History {
    slug: &'static str,
    versions: Vec<StoredTemplate>,
    active: Vec<Arm>,
    /// Calls and bookings of each version.
    results: Vec<(i64, i64, i64)>,
}

impl History {
    async fn of(desk: &Shared, slug: &str) -> Result<Self, Refusal> {
        let store = &desk.office.store;
        let slug = SLUGS.into_iter().find(|known| *known == slug);
        let slug = slug.ok_or_else(|| Refusal::none("template"))?;
        let results = store.template_results(slug).await?;
        Ok(Self {
            slug,
            versions: store.templates(slug).await?,
            active: store.active_template(slug).await?,
            results: results.iter().map(|one| (one.version, one.calls, one.booked)).collect(),
        })
    }

    /// The version that is asked for, else the one that answers most, else the newest.
    fn base(&self, asked: Option<i64>) -> Result<Option<&StoredTemplate>, Refusal> {
        let version = |version: i64| self.versions.iter().find(|one| one.version == version);
        if let Some(asked) = asked {
            return version(asked).map(Some).ok_or_else(|| Refusal::none("version"));
        }
        let active = self.active.iter().max_by_key(|arm| arm.weight);
        Ok(active.and_then(|arm| version(arm.version)).or(self.versions.first()))
    }

    fn weight(&self, version: i64) -> u32 {
        self.active.iter().find(|arm| arm.version == version).map_or(0, |arm| arm.weight)
    }
}

fn content(
    desk: &Shared,
    history: &History,
    (draft, base): (&Draft, Option<&StoredTemplate>),
    said: Said<'_>,
) -> Markup {
    html! {
        @if let Some(told) = said.told { p role="status" #told { (told) } }
        @if let Some(wrong) = said.wrong { p role="alert" #wrong { "Not written: " (wrong) "." } }
        nav aria-label="Templates" {
            @for slug in SLUGS {
                a href=(place(slug, "")) aria-current=[(slug == history.slug).then_some("true")] { (slug) }
            }
        }
        p #answers {
            @match history.active.as_slice() {
                [] => "The configuration answers: no version is active.",
                [only] => { "New calls are answered by version " (only.version) "." }
                arms => {
                    "New calls are answered by versions "
                    (arms.iter().map(|arm| arm.version.to_string()).collect::<Vec<_>>().join(" and "))
                    "."
                }
            }
        }
        (editor(desk, history.slug, draft, base))
        @if !history.versions.is_empty() { (versions(desk, history)) }
    }
}

fn editor(desk: &Shared, slug: &str, draft: &Draft, base: Option<&StoredTemplate>) -> Markup {
    let vendors = desk.office.reception.vendors().map(|vendors| vendors.names());
    let chosen = |field: &str| match field {
        "stt" => draft.stt.as_str(),
        "llm" => draft.llm.as_str(),
        _ => draft.tts.as_str(),
    };
    html! {
        h2 {
            @match base {
                Some(base) => { "A new version from " (base.version) }
                None => "A first version",
            }
        }
        form.editor #editor method="post" action=(place(slug, "")) {
            label for="config" { "Settings, as JSON; what is left out is as in the configuration" }
            textarea #config name="config" spellcheck="false" required { (draft.config) }
            @if let Some(vendors) = vendors {
                div.row {
                    @for (field, names) in &vendors {
                        label {
                            (match *field { "stt" => "Who hears ", "llm" => "Who answers ", _ => "Who speaks " })
                            select #(field) name=(field) {
                                option value="" { "as in the text" }
                                option value=(LEFT) selected[chosen(field) == LEFT] { "as in the configuration" }
                                @for name in names {
                                    option value=(name) selected[chosen(field) == *name] { (name) }
                                }
                            }
                        }
                    }
                }
            }
            div.row {
                label { "What it is for " input name="note" maxlength="200" value=(draft.note); }
                button type="submit" { "Save as a new version" }
            }
        }
    }
}

fn versions(desk: &Shared, history: &History) -> Markup {
    let slug = history.slug;
    let before = |at: usize| history.versions.get(at + 1);
    html! {
        h2 { "Versions" }
        @if !history.active.is_empty() {
            form method="post" action=(place(slug, "/rollback")) {
                button #rollback type="submit" { "Go back to what answered before" }
            }
        }
        table #versions {
            thead {
                tr { th { "Version" } th { "Written" } th { "For" } th { "Calls" } th { "Booked" }
                    th { "Against the one before" } th {} }
            }
            tbody {
                @for (at, one) in history.versions.iter().enumerate() {
                    @let weight = history.weight(one.version);
                    @let result = history.results.iter().find(|(version, ..)| *version == one.version);
                    tr {
                        td { (one.version) @if weight > 0 { " " span.active { "answers" } } }
                        td { (moment(desk, Some(one.created_at))) }
                        td { (one.note) }
                        td { (result.map_or(0, |(_, calls, _)| *calls)) }
                        td { (result.map_or(0, |(.., booked)| *booked)) }
                        td {
                            @if let Some(before) = before(at) {
                                details { summary { "What differs" } pre { (changes(before, one)) } }
                            }
                        }
                        td {
                            a href=(place(slug, &format!("?from={}", one.version))) { "Edit" } " "
                            form method="post" action=(place(slug, "/activate")) {
                                input type="hidden" name="version" value=(one.version);
                                button type="submit" { "Let it answer" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn changes(before: &StoredTemplate, one: &StoredTemplate) -> String {
    let read = |config: &str| serde_json::from_str::<Value>(config).unwrap_or_default();
    let lines = difference::between(&read(&before.config), &read(&one.config));
    if lines.is_empty() { "nothing".to_owned() } else { lines }
}

fn pretty(config: &str) -> String {
    let read = serde_json::from_str::<Value>(config);
    read.and_then(|read| serde_json::to_string_pretty(&read)).unwrap_or_else(|_| config.to_owned())
}

fn place(slug: &str, rest: &str) -> String {
    format!("/dashboard/templates/{}{rest}", quoted(slug))
}
