mod call;
mod calls;
mod jobs;
mod labels;
mod live;
mod person;
mod recording;
mod sign_in;
mod templates;
mod trends;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::{Shared, access::is_own_page, refusal::Refusal};
use crate::own_pages::OwnPage;

/// Where people sign in.
const SIGN_IN: &str = "/dashboard/sign-in";

/// Nothing of others, and no script or style but the files of the dashboard.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
                      media-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

pub(super) fn routes(desk: &Shared) -> Router<Shared> {
    let guarded = Router::new()
        .route("/dashboard", get(live::page))
        .route("/dashboard/live", get(live::events))
        .route("/dashboard/calls", get(calls::page))
        .route("/dashboard/calls/{call}", get(call::page))
        .route("/dashboard/calls/{call}/recordings/{name}", get(recording::sound))
        .route("/dashboard/calls/{call}/label", post(labels::add))
        .route("/dashboard/calls/{call}/scenario", get(labels::scenario))
        .route("/dashboard/labels", get(labels::page))
        .route("/dashboard/labels.jsonl", get(labels::lines))
        .route("/dashboard/jobs", get(jobs::page))
        .route("/dashboard/jobs/{id}/run", post(jobs::run))
        .route("/dashboard/people", get(person::page))
        .route("/dashboard/trends", get(trends::page))
        .route("/dashboard/templates", get(templates::first))
        .route("/dashboard/templates/{slug}", get(templates::page).post(templates::save))
        .route("/dashboard/templates/{slug}/activate", post(templates::activate))
        .route("/dashboard/templates/{slug}/rollback", post(templates::roll_back))
        .layer(middleware::from_fn_with_state(
            std::sync::Arc::clone(desk),
            let_signed_in_people_in,
        ));
    Router::new()
        .merge(guarded)
        .route(SIGN_IN, get(sign_in::page).post(sign_in::enter))
        .route("/dashboard/sign-out", post(sign_in::leave))
        .route(
            "/dashboard/style.css",
            get(|| async { file("text/css", include_str!("pages/style.css")) }),
        )
        .route(
            "/dashboard/live.js",
            get(|| async { file("text/javascript", include_str!("pages/live.js")) }),
        )
        .layer(middleware::from_fn(keep_to_ourselves))
}

fn file(kind: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], content).into_response()
}

/// Lets in who is signed in; what changes something only from a page of ours.
async fn let_signed_in_people_in(
    State(desk): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    if !desk.access.is_signed_in(request.headers(), desk.office.clock.now()) {
        return match *request.method() {
            Method::GET => Redirect::to(SIGN_IN).into_response(),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        };
    }
    if !may_change(request.method(), request.headers()) {
        desk.reject(request.uri().path());
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

fn may_change(method: &Method, headers: &HeaderMap) -> bool {
    method.is_safe() || is_own_page(headers)
}

/// No foreign page shows these pages, and no cache keeps them.
async fn keep_to_ourselves(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    OwnPage { policy: POLICY, referrer: "same-origin" }.keep(response.headers_mut());
    response
}

/// A page of the dashboard.
fn shell(desk: &Shared, title: &str, content: &Markup) -> Html<String> {
    let house = &desk.office.house;
    let places = [
        ("/dashboard", "Live"),
        ("/dashboard/calls", "Calls"),
        ("/dashboard/trends", "Trends"),
        ("/dashboard/templates", "Templates"),
        ("/dashboard/labels", "Labels"),
        ("/dashboard/jobs", "Jobs"),
        ("/dashboard/people", "People"),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, house))
            body {
                header {
                    p.house { (house) }
                    nav aria-label="Pages" {
                        @for (place, name) in places {
                            a href=(place) aria-current=[(name == title).then_some("page")] { (name) }
                        }
                    }
                    form method="post" action="/dashboard/sign-out" {
                        button type="submit" { "Sign out" }
                    }
                }
                main {
                    h1 { (title) }
                    (content)
                }
            }
        }
    };
    Html(page.into_string())
}

fn head(title: &str, house: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · " (house) }
            link rel="icon" href="data:,";
            link rel="stylesheet" href="/dashboard/style.css";
            script src="/dashboard/live.js" defer {}
        }
    }
}

/// A page that says why there is no other.
struct Trouble(Shared, Refusal);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Self(desk, refusal) = self;
        let content = html! { p role="alert" { "This did not work: " (refusal.why()) "." } };
        (refusal.status(), shell(&desk, "Not possible", &content)).into_response()
    }
}

/// A moment by the clocks of the house.
fn moment(desk: &Shared, at: Option<Timestamp>) -> Markup {
    let Some(at) = at else { return html! { "–" } };
    let local = at.to_zoned(desk.office.zone.clone());
    html! { time datetime=(at) { (local.strftime("%b %-d, %H:%M:%S")) } }
}

/// A link to a call.
fn call_link(call: &str, shown: &Markup) -> Markup {
    html! { a href=(format!("/dashboard/calls/{}", quoted(call))) { (shown) } }
}

/// A name as a part of a path.
fn quoted(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn millis(ms: Option<i64>) -> Markup {
    html! { @if let Some(ms) = ms { (ms) " ms" } @else { "–" } }
}
