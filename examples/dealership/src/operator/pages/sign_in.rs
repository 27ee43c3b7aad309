use axum::{
    Form,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::{DOCTYPE, html};
use serde::Deserialize;

use super::{
    super::{
        Shared,
        access::{Access, is_own_page},
    },
    SIGN_IN, head,
};

#[derive(Deserialize)]
pub(super) struct Shown {
    key: String,
}

pub(super) async fn page(State(desk): State<Shared>) -> Html<String> {
    asked(&desk, None)
}

pub(super) async fn enter(
    State(desk): State<Shared>,
    headers: HeaderMap,
    Form(Shown { key }): Form<Shown>,
) -> Response {
    // A foreign page that signs somebody in has no use of it either.
    let cookie = is_own_page(&headers) && desk.access.is_operator(key.trim());
    let cookie = cookie.then(|| desk.access.sign_in(desk.office.clock.now())).flatten();
    match cookie {
        Some(cookie) => {
            ([(header::SET_COOKIE, cookie)], Redirect::to("/dashboard")).into_response()
        }
        None => {
            desk.reject(SIGN_IN);
            let again = asked(&desk, Some("This is not the operator's key."));
            (StatusCode::UNAUTHORIZED, again).into_response()
        }
    }
}

pub(super) async fn leave() -> Response {
    ([(header::SET_COOKIE, Access::sign_out())], Redirect::to(SIGN_IN)).into_response()
}

fn asked(desk: &Shared, trouble: Option<&str>) -> Html<String> {
    let house = &desk.office.house;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head("Sign in", house))
            body {
                main.sign-in {
                    h1 { (house) }
                    form method="post" action=(SIGN_IN) {
                        label for="key" { "The operator's key" }
                        input #key name="key" type="password" autocomplete="current-password"
                            required autofocus;
                        button type="submit" { "Sign in" }
                    }
                    @if let Some(trouble) = trouble { p role="alert" { (trouble) } }
                }
            }
        }
    };
    Html(page.into_string())
}
