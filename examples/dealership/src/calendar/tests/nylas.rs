use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use voiceagent_core::Secret;

use super::{
    super::*,
    conforms,
    server::{Service, serve},
};

type Answer = Result<Json<Value>, StatusCode>;
type Words = std::collections::BTreeMap<String, String>;

/// As the v3 API reference has it: "Events", "Calendars".
fn routes(service: Service) -> Router {
    let one = get(look).put(update).delete(delete);
    Router::new()
        .route("/v3/grants/g/events", get(list).post(create))
        .route("/v3/grants/g/events/{event}", one)
        .route("/v3/grants/g/calendars/free-busy", post(busy))
        .with_state(service)
}

fn enter(head: &HeaderMap, query: Option<&Words>) -> Result<(), StatusCode> {
    if head["authorization"] != "Bearer hush" {
        return Err(StatusCode::UNAUTHORIZED);
    }
    match query {
        Some(query) if query["calendar_id"] != "kim@example.com" => Err(StatusCode::NOT_FOUND),
        Some(_) | None => Ok(()),
    }
}

fn shown(name: &str, (event, number): (Value, i64)) -> Value {
    let mut event = event;
    event["id"] = name.into();
    event["updated_at"] = number.into();
    event
}

fn answer(data: Value) -> Json<Value> {
    Json(json!({ "request_id": "1", "data": data }))
}

async fn list(
    State(service): State<Service>,
    Query(query): Query<Words>,
    head: HeaderMap,
) -> Answer {
    enter(&head, Some(&query))?;
    let pair = query["metadata_pair"].strip_prefix("key1:").unwrap();
    let held = service.held();
    let found = held.events.iter().filter(|(_, (event, _))| event["metadata"]["key1"] == pair);
    Ok(answer(found.map(|(name, event)| shown(name, event.clone())).collect()))
}

async fn create(
    State(service): State<Service>,
    Query(query): Query<Words>,
    head: HeaderMap,
    Json(event): Json<Value>,
) -> Answer {
    enter(&head, Some(&query))?;
    let name = format!("event-{}", service.held().changes);
    let number = service.keep(&name, event.clone());
    Ok(answer(shown(&name, (event, number))))
}

async fn update(
    State(service): State<Service>,
    Path(name): Path<String>,
    Query(query): Query<Words>,
    head: HeaderMap,
    Json(event): Json<Value>,
) -> Answer {
    enter(&head, Some(&query))?;
    service.find(&name).ok_or(StatusCode::NOT_FOUND)?;
    let number = service.keep(&name, event.clone());
    Ok(answer(shown(&name, (event, number))))
}

async fn look(
    State(service): State<Service>,
    Path(name): Path<String>,
    Query(query): Query<Words>,
    head: HeaderMap,
) -> Answer {
    enter(&head, Some(&query))?;
    let found = service.find(&name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(answer(shown(&name, found)))
}

async fn delete(
    State(service): State<Service>,
    Path(name): Path<String>,
    Query(query): Query<Words>,
    head: HeaderMap,
) -> Answer {
    enter(&head, Some(&query))?;
    service.held().events.remove(&name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "request_id": "1" })))
}

async fn busy(State(service): State<Service>, head: HeaderMap, Json(query): Json<Value>) -> Answer {
    enter(&head, None)?;
    assert!(query["start_time"].as_i64() < query["end_time"].as_i64());
    let email = &query["emails"][0];
    if email != "kim@example.com" {
        let error = "unable to resolve e-mail address";
        return Ok(answer(json!([{ "email": email, "error": error, "object": "error" }])));
    }
    let held = service.held();
    let events = held.events.values().map(|(event, _)| event);
    let slots: Vec<Value> = events
        .filter(|event| event["busy"] == true)
        .map(|event| {
            let when = &event["when"];
            let (start, end) = (&when["start_time"], &when["end_time"]);
            json!({ "start_time": start, "end_time": end, "status": "busy", "object": "time_slot" })
        })
        .collect();
    Ok(answer(json!([{ "email": email, "time_slots": slots, "object": "free_busy" }])))
}

#[tokio::test(start_paused = true)]
async fn a_calendar_that_does_not_answer_is_given_up_after_ten_seconds() {
    // It takes connections, and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calendar = Nylas::new(&url, "g", Secret::new("hush")).unwrap();
    let begun = tokio::time::Instant::now();
    let error = calendar.tag("kim@example.com", "event-0").await.unwrap_err();
    assert_eq!(error.kind(), voiceagent_core::ErrorKind::Timeout);
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn calendars_behind_nylas_conform() {
    let service = Service::default();
    let url = serve(routes(service.clone())).await;
    let calendar = Nylas::new(&url, "g", Secret::new("hush")).unwrap();
    let meddle = async |written: &Written| service.meddle(&written.name);
    conforms(&calendar, "kim@example.com", meddle).await.unwrap();
    assert!(service.held().events.is_empty());
}
