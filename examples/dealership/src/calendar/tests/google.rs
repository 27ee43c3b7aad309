use axum::{
    Form, Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use voiceagent_core::{ErrorKind, Secret};

use super::{
    super::*,
    conforms,
    server::{Service, moment, serve},
};

type Answer = Result<Json<Value>, StatusCode>;

/// As the discovery document of `calendar.v3` has it; "Using OAuth 2.0 for Web Server Applications".
fn routes(service: Service) -> Router {
    let one = get(look).put(update).delete(delete);
    Router::new()
        .route("/token", post(token))
        .route("/calendar/v3/calendars/{calendar}/events", post(insert))
        .route("/calendar/v3/calendars/{calendar}/events/{event}", one)
        .route("/calendar/v3/freeBusy", post(busy))
        .with_state(service)
}

async fn token(State(service): State<Service>, Form(form): Form<Value>) -> Answer {
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!((&form["client_id"], &form["refresh_token"]), (&json!("us"), &json!("theirs")));
    // Others that ask meanwhile are on their way by now.
    tokio::task::yield_now().await;
    let mut held = service.held();
    if held.is_revoked || form["client_secret"] != "hush" {
        return Err(StatusCode::BAD_REQUEST);
    }
    held.tokens += 1;
    let token = format!("t{}", held.tokens);
    Ok(Json(json!({ "access_token": token, "expires_in": held.lasts, "token_type": "Bearer" })))
}

fn enter(service: &Service, head: &HeaderMap) -> Result<(), StatusCode> {
    let held = service.held();
    let token = head["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let is_last = token == format!("t{}", held.tokens);
    let is_good = is_last && held.refused.as_deref() != Some(token);
    if is_good { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
}

fn shown((event, number): (Value, i64)) -> Json<Value> {
    let mut event = event;
    event["etag"] = format!("\"{number}\"").into();
    Json(event)
}

async fn insert(
    State(service): State<Service>,
    Path(calendar): Path<String>,
    head: HeaderMap,
    Json(event): Json<Value>,
) -> Answer {
    enter(&service, &head)?;
    assert_eq!(calendar, "kim@example.com", "an address is one name in a path");
    let name = event["id"].as_str().unwrap().to_owned();
    // Those of base32hex, RFC 4648.
    assert!(name.len() >= 5 && name.chars().all(|c| matches!(c, 'a'..='v' | '0'..='9')), "{name}");
    if service.find(&name).is_some() {
        return Err(StatusCode::CONFLICT);
    }
    let number = service.keep(&name, event.clone());
    Ok(shown((event, number)))
}

async fn update(
    State(service): State<Service>,
    Path((_, name)): Path<(String, String)>,
    head: HeaderMap,
    Json(event): Json<Value>,
) -> Answer {
    enter(&service, &head)?;
    let (_, number) = service.find(&name).ok_or(StatusCode::NOT_FOUND)?;
    if head.get("if-match").is_some_and(|tag| *tag != format!("\"{number}\"")) {
        return Err(StatusCode::PRECONDITION_FAILED);
    }
    let is_gone = service.find(&name).is_some_and(|(event, _)| event["status"] == "cancelled");
    if is_gone && head.contains_key("if-match") {
        return Err(StatusCode::PRECONDITION_FAILED);
    }
    let number = service.keep(&name, event.clone());
    Ok(shown((event, number)))
}

async fn look(
    State(service): State<Service>,
    Path((_, name)): Path<(String, String)>,
    head: HeaderMap,
) -> Answer {
    enter(&service, &head)?;
    service.find(&name).map(shown).ok_or(StatusCode::NOT_FOUND)
}

/// What is deleted stays, and is cancelled.
async fn delete(
    State(service): State<Service>,
    Path((_, name)): Path<(String, String)>,
    head: HeaderMap,
) -> Result<StatusCode, StatusCode> {
    enter(&service, &head)?;
    let (mut event, _) = service.find(&name).ok_or(StatusCode::NOT_FOUND)?;
    if event["status"] == "cancelled" {
        return Err(StatusCode::GONE);
    }
    event["status"] = "cancelled".into();
    service.keep(&name, event);
    Ok(StatusCode::NO_CONTENT)
}

async fn busy(State(service): State<Service>, head: HeaderMap, Json(query): Json<Value>) -> Answer {
    enter(&service, &head)?;
    assert!(moment(&query["timeMin"]) < moment(&query["timeMax"]));
    let name = query["items"][0]["id"].as_str().unwrap();
    if name != "kim@example.com" {
        let errors = json!([{ "domain": "global", "reason": "notFound" }]);
        return Ok(Json(json!({ "calendars": { name: { "errors": errors, "busy": [] } } })));
    }
    let held = service.held();
    let events = held.events.values().map(|(event, _)| event);
    let busy: Vec<Value> = events
        .filter(|event| event["status"] == "confirmed" && event["transparency"] != "transparent")
        .map(
            |event| json!({ "start": event["start"]["dateTime"], "end": event["end"]["dateTime"] }),
        )
        .collect();
    Ok(Json(json!({ "calendars": { name: { "busy": busy } } })))
}

/// A service that gives out tokens for so many seconds, and who is let in there.
async fn service(lasts: u64, secret: &str) -> (Service, String, GoogleAccess) {
    let service = Service::default();
    service.held().lasts = lasts;
    let url = serve(routes(service.clone())).await;
    let keys = GoogleKeys {
        client_id: "us".to_owned(),
        client_secret: Secret::new(secret),
        refresh_token: Secret::new("theirs"),
    };
    let access = GoogleAccess::new(keys, &format!("{url}token")).unwrap();
    (service, format!("{url}calendar/v3"), access)
}

#[tokio::test]
async fn calendars_of_google_conform() {
    let (service, url, access) = service(3_600, "hush").await;
    let calendar = GoogleCalendar::new(&url, access).unwrap();
    let meddle = async |written: &Written| service.meddle(&written.name);
    conforms(&calendar, "kim@example.com", meddle).await.unwrap();
    assert_eq!(service.held().tokens, 1, "one token is good for all of it");
}

#[tokio::test]
async fn a_token_is_asked_for_once_however_many_want_it_and_kept_while_it_is_good() {
    let (service, _, access) = service(3_600, "hush").await;
    let wants = (0..8).map(|_| access.token());
    for token in futures_util::future::join_all(wants).await {
        assert_eq!(token.unwrap().expose(), "t1");
    }
    assert_eq!(access.token().await.unwrap().expose(), "t1");
    assert_eq!(service.held().tokens, 1);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_until_then_nobody_misses_the_next() {
    let (service, _, access) = service(200, "hush").await;
    assert_eq!(access.token().await.unwrap().expose(), "t1");
    assert_eq!(access.token().await.unwrap().expose(), "t2", "200 s is less than five minutes");
    service.held().is_revoked = true;
    assert_eq!(access.token().await.unwrap().expose(), "t2", "it is good for three minutes yet");
}

#[tokio::test]
async fn a_token_that_is_refused_before_its_time_is_replaced_once() {
    let (service, url, access) = service(3_600, "hush").await;
    let calendar = GoogleCalendar::new(&url, access).unwrap();
    let ask = || calendar.tag("kim@example.com", "nothing");
    assert_eq!(ask().await.unwrap(), None);
    service.held().refused = Some("t1".to_owned());
    assert_eq!(ask().await.unwrap(), None);
    assert_eq!(service.held().tokens, 2);
    // Whoever is refused with a new token too is not let in.
    service.held().refused = Some("t2".to_owned());
    service.held().is_revoked = true;
    let error = ask().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.message().contains("connect the calendar again"), "{error}");
}

#[tokio::test]
async fn keys_that_are_not_good_any_more_are_told_and_never_shown() {
    let (_, _, access) = service(3_600, "wrong").await;
    let error = access.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    for told in [format!("{error:?}"), format!("{access:?}")] {
        assert!(!told.contains("theirs") && !told.contains("wrong"), "{told}");
    }
}
