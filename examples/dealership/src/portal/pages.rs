use std::sync::Arc;

use axum::{
    Form, Json, Router,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::header,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use jiff::{Timestamp, ToSpan, civil::Date};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{Links, PAGES, Portal, Trouble, Wish, act::Day};
use crate::{
    errand::written,
    spoken,
    store::{Appointment, AppointmentStatus},
};

type Shared = State<Arc<Portal>>;

#[derive(Default, Deserialize)]
struct Told {
    done: Option<Done>,
}

/// What a page says that is shown after something was done.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    Cancelled,
    Confirmed,
    Moved,
}

#[derive(Default, Deserialize)]
struct Asked {
    day: Option<Date>,
}

#[derive(Deserialize)]
struct Wanted {
    start: Timestamp,
}

pub(super) fn routes() -> Router<Arc<Portal>> {
    Router::new()
        .route(&format!("{PAGES}/{{token}}"), get(show))
        .route(&format!("{PAGES}/{{token}}/confirm"), get(back).post(confirm))
        .route(&format!("{PAGES}/{{token}}/move"), get(choose).post(shift))
        .route(&format!("{PAGES}/{{token}}/cancel"), get(ask).post(cancel))
        .route(&format!("{PAGES}/{{token}}/app.webmanifest"), get(manifest))
        .route(
            &format!("{PAGES}/-/style.css"),
            get(|| async { ([(header::CONTENT_TYPE, "text/css")], include_str!("style.css")) }),
        )
        .route(
            &format!("{PAGES}/-/icon.svg"),
            get(|| async { ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("icon.svg")) }),
        )
        .route(
            &format!("{PAGES}/-/icon.png"),
            get(|| async {
                ([(header::CONTENT_TYPE, "image/png")], include_bytes!("icon.png").as_slice())
            }),
        )
}

async fn show(
    State(portal): Shared,
    Path(token): Path<String>,
    told: Result<Query<Told>, QueryRejection>,
) -> Response {
    // A message that is none is not said.
    let done = told.ok().and_then(|Query(told)| told.done);
    let page = async {
        let visit = portal.visit(&token, Wish::See).await?;
        let content = overview(&portal, &visit, &token, done).await?;
        Ok(shell(&portal, Some(&token), "Your appointment", &content))
    };
    page.await.unwrap_or_else(|trouble| portal.troubled(&trouble))
}

/// Who loads the address of a button anew sees the visit.
async fn back(Path(token): Path<String>) -> Redirect {
    Redirect::to(&place(&token, ""))
}

async fn confirm(State(portal): Shared, Path(token): Path<String>) -> Response {
    let act = async {
        let visit = portal.visit(&token, Wish::Change).await?;
        portal.confirm(&visit).await
    };
    portal.told(act.await, "confirmed")
}

async fn choose(
    State(portal): Shared,
    Path(token): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let page = async {
        let visit = portal.visit(&token, Wish::See).await?;
        let Query(asked) = asked.map_err(|_| Trouble::Unclear("This is no day."))?;
        if !portal.may_change(&visit) {
            return Err(portal.over(&visit));
        }
        let day = asked.day.unwrap_or_else(|| visit.start.date());
        let content = calendar(&portal, &visit, (&token, day)).await?;
        Ok(shell(&portal, Some(&token), "Another time", &content))
    };
    page.await.unwrap_or_else(|trouble| portal.troubled(&trouble))
}

async fn shift(
    State(portal): Shared,
    Path(token): Path<String>,
    wanted: Result<Form<Wanted>, FormRejection>,
) -> Response {
    let act = async {
        let visit = portal.visit(&token, Wish::Change).await?;
        let Form(wanted) = wanted.map_err(|_| Trouble::Unclear("This is no time."))?;
        portal.shift(&visit, wanted.start).await
    };
    portal.told(act.await, "moved")
}

async fn ask(State(portal): Shared, Path(token): Path<String>) -> Response {
    let page = async {
        let visit = portal.visit(&token, Wish::See).await?;
        if !portal.may_change(&visit) {
            return Err(portal.over(&visit));
        }
        let content = html! {
            p { "Your " (visit.service_name) " on " (spoken::moment(&visit.start)) "." }
            form method="post" {
                button.grave type="submit" { "Cancel the appointment" }
            }
            p { a href=(place(&token, "")) { "Keep it" } }
        };
        Ok(shell(&portal, Some(&token), "Cancel?", &content))
    };
    page.await.unwrap_or_else(|trouble| portal.troubled(&trouble))
}

async fn cancel(State(portal): Shared, Path(token): Path<String>) -> Response {
    let act = async {
        let visit = portal.visit(&token, Wish::Change).await?;
        portal.cancel(&visit).await
    };
    portal.told(act.await, "cancelled")
}

/// What makes an app of the pages (W3C, Web Application Manifest).
async fn manifest(State(portal): Shared, Path(token): Path<String>) -> Result<Response, Trouble> {
    let visit = portal.visit(&token, Wish::See).await?;
    let manifest = json!({
        "id": format!("{PAGES}/{}", Links::name(&visit)),
        "name": format!("{}: appointment", portal.house),
        "short_name": portal.house,
        "start_url": place(&token, ""),
        "scope": format!("{PAGES}/"),
        "display": "standalone",
        "background_color": "#fbfaf8",
        "theme_color": "#0b5c94",
        "icons": [
            { "src": format!("{PAGES}/-/icon.svg"), "sizes": "any", "type": "image/svg+xml" },
            { "src": format!("{PAGES}/-/icon.png"), "sizes": "512x512", "type": "image/png" },
        ],
    });
    Ok(([(header::CONTENT_TYPE, "application/manifest+json")], Json(manifest).0.to_string())
        .into_response())
}

impl Portal {
    /// The page of a visit after it was changed, by a link that holds for it as it is now.
    fn told(&self, done: Result<Appointment, Trouble>, what: &str) -> Response {
        match done {
            Ok(visit) => {
                let token = self.links.token(&visit, self.clock.now());
                Redirect::to(&place(&token, &format!("?done={what}"))).into_response()
            }
            Err(trouble) => self.troubled(&trouble),
        }
    }

    /// A page that says why there is no other.
    fn troubled(&self, trouble: &Trouble) -> Response {
        let content = html! { p role="alert" { (trouble.words()) } };
        let page = shell(self, None, "Not possible", &content);
        trouble.with_wait((trouble.status(), page).into_response())
    }
}

fn place(token: &str, rest: &str) -> String {
    format!("{PAGES}/{token}{rest}")
}

async fn overview(
    portal: &Portal,
    visit: &Appointment,
    token: &str,
    done: Option<Done>,
) -> Result<Markup, Trouble> {
    let house = portal.store.location_at(Some(visit.location_id)).await?;
    let is_past = visit.start.timestamp() <= portal.clock.now();
    let state = match visit.status {
        AppointmentStatus::Cancelled => "cancelled",
        _ if is_past => "over",
        AppointmentStatus::Confirmed => "confirmed",
        AppointmentStatus::Booked => "booked",
    };
    let told = done.map(|done| match done {
        Done::Cancelled => "Your appointment is cancelled.",
        Done::Confirmed => "Thank you. We expect you.",
        Done::Moved => "Your appointment is moved.",
    });
    Ok(html! {
        @if let Some(told) = told { p role="status" { (told) } }
        dl {
            div { dt { "What" } dd #service { (visit.service_name) } }
            div {
                dt { "When" }
                dd { time #start datetime=(visit.start.timestamp()) { (spoken::moment(&visit.start)) } }
            }
            div { dt { "Where" } dd { (visit.location) } }
            div { dt { "Code" } dd #code { (visit.confirmation_code) } }
            div { dt { "State" } dd #state { (state) } }
        }
        @if portal.may_change(visit) {
            @if visit.status == AppointmentStatus::Booked {
                form method="post" action=(place(token, "/confirm")) {
                    button.main type="submit" { "I will be there" }
                }
            }
            p.ways {
                a #move href=(place(token, "/move")) { "Another time" }
                a #cancel href=(place(token, "/cancel")) { "Cancel it" }
            }
        }
        p.soft { "Questions? Call us: " a href=(format!("tel:{}", house.phone)) { (written(&house.phone)) } }
    })
}

async fn calendar(
    portal: &Portal,
    visit: &Appointment,
    (token, day): (&str, Date),
) -> Result<Markup, Trouble> {
    let (first, last) = portal.days(visit).await?;
    let Day { times, closed, next } = portal.times(visit, day).await?;
    let to = |day: Date| place(token, &format!("/move?day={day}"));
    let before = day.saturating_sub(1.day());
    let after = day.saturating_add(1.day());
    Ok(html! {
        p { "Your " (visit.service_name) " is on " (spoken::moment(&visit.start)) "." }
        h2 #day { (spoken::weekday(day.weekday())) ", " (spoken::date(day)) }
        @if times.is_empty() {
            p {
                @match &closed {
                    Some(why) => { "We are " (why) "." }
                    None => "Nothing is free on this day.",
                }
                @if let Some(next) = &next {
                    " " a href=(to(next.date())) { "The next free time is " (spoken::moment(next)) }
                }
            }
        } @else {
            form #times method="post" action=(place(token, "/move")) {
                @for time in &times {
                    button type="submit" name="start" value=(time.timestamp()) {
                        (spoken::time(time.time()))
                    }
                }
            }
        }
        p.ways {
            @if before >= first { a #before href=(to(before)) { "Day before" } }
            @if after <= last { a #after href=(to(after)) { "Next day" } }
        }
        form.day method="get" action=(place(token, "/move")) {
            label for="of" { "Another day" }
            input #of type="date" name="day" value=(day) min=(first) max=(last) required;
            button type="submit" { "Show" }
        }
        p { a href=(place(token, "")) { "Keep it as it is" } }
    })
}

fn shell(portal: &Portal, token: Option<&str>, title: &str, content: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="theme-color" content="#0b5c94";
                meta name="format-detection" content="telephone=no";
                title { (title) " · " (portal.house) }
                link rel="icon" href=(format!("{PAGES}/-/icon.svg"));
                link rel="apple-touch-icon" href=(format!("{PAGES}/-/icon.png"));
                @if let Some(token) = token {
                    link rel="manifest" href=(place(token, "/app.webmanifest"));
                }
                link rel="stylesheet" href=(format!("{PAGES}/-/style.css"));
            }
            body {
                header { (portal.house) }
                main {
                    h1 { (title) }
                    (content)
                }
            }
        }
    };
    Html(page.into_string()).into_response()
}
