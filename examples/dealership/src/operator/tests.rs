mod editor;
mod judgement;

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request as HttpRequest, StatusCode, header},
};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower_service::Service;
use voiceagent_core::{tool::Schema, transport::Direction};

use super::*;
use crate::{
    config::DealershipConfig,
    phone::Phone,
    store::{CallTurn, Ending, Interaction, JobKind, Stages, ToolUse},
    templates::Vendors,
};

const KEY: &str = "the key of the operator in tests";

struct House {
    router: Router,
    store: Store,
    reception: Arc<Reception>,
}

/// What was answered.
struct Told {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("it is JSON")
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn now() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

async fn house() -> House {
    let keys = OfficeKeys { operator: Some(Secret::new(KEY)), metrics: None, is_https: true };
    house_with(keys).await
}

async fn house_with(keys: OfficeKeys) -> House {
    house_of(keys, None).await
}

async fn house_of(keys: OfficeKeys, recordings: Option<Recordings>) -> House {
    let store = Store::fresh().await;
    store.seed(now()).await.unwrap();
    let clock = Clock::Fixed(now());
    let config = DealershipConfig::default();
    let reception = Reception::open(store.clone(), clock, &config).await.unwrap();
    let mut registry = voiceagent_core::registry::Registry::default();
    voiceagent_providers::register(&mut registry);
    let vendors = Vendors::new(registry, |name| name.ends_with("_API_KEY").then(|| "k".to_owned()));
    let reception = Arc::new(reception.with_vendors(vendors));
    let office = Office {
        store: store.clone(),
        clock,
        zone: TimeZone::get("America/Chicago").unwrap(),
        house: config.name.clone(),
        worker: Arc::new(Worker::new(store.clone(), clock, config.name)),
        reception: Arc::clone(&reception),
        lobby: Lobby::new(),
        journals: None,
        recordings,
    };
    House { router: routes(office, keys), store, reception }
}

impl House {
    async fn send(&self, request: HttpRequest<Body>) -> Told {
        let response = self.router.clone().call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000_000).await.unwrap().to_vec();
        Told { status: parts.status, headers: parts.headers, body }
    }

    /// Asks as an operator's program does.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Told {
        let request = HttpRequest::builder().method(method).uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {KEY}"));
        let request = match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    async fn get(&self, path: &str) -> Told {
        self.ask(Method::GET, path, None).await
    }

    /// Asks as a browser does in which somebody is signed in.
    async fn browse(&self, method: Method, path: &str, origin: Option<&str>) -> Told {
        let cookie = self.sign_in(KEY).await.header(header::SET_COOKIE).to_owned();
        let mut request = HttpRequest::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "agent.example.com")
            .header(header::COOKIE, cookie.split(';').next().unwrap());
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn sign_in(&self, key: &str) -> Told {
        let request = HttpRequest::builder()
            .method(Method::POST)
            .uri("/dashboard/sign-in")
            .header(header::HOST, "agent.example.com")
            .header(header::ORIGIN, "https://agent.example.com")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("key={}", key.replace(' ', "+"))));
        self.send(request.unwrap()).await
    }

    /// A call with two turns, of which the answer took its time.
    async fn call(&self, call: &str, is_over: bool) {
        let phone = Phone::parse("+16305550111");
        self.store.begin_call(call, phone.as_ref(), Direction::Inbound, now()).await.unwrap();
        let said = |by_agent, from_ms, words: &str, stages| CallTurn {
            by_agent,
            from_ms,
            to_ms: from_ms + 900,
            words: words.to_owned(),
            interrupted: by_agent,
            stages,
        };
        let stages = Stages {
            end_of_turn: Some(400),
            first_token: Some(700),
            first_sentence: Some(720),
            first_audio: Some(90),
            response: Some(1_250),
            ..Stages::default()
        };
        let turns = [
            (0, said(true, 200, "How can I help <you>?", Stages::default())),
            (1, said(false, 2_000, "I need an oil change", stages)),
        ];
        self.store.note_turns(call, &turns).await.unwrap();
        let tool = ToolUse { name: "get_time".to_owned(), code: "OK".to_owned() };
        let took = std::time::Duration::from_millis(12);
        self.store.note_tool(call, (&tool, "answer", took), now()).await.unwrap();
        if is_over {
            let interaction = Interaction {
                disposition: "booked".to_owned(),
                summary: "An oil change was booked.".to_owned(),
                topics: Vec::new(),
                commitments: Vec::new(),
                sentiment: None,
                follow_up: None,
            };
            let whose = (call, phone.as_ref());
            self.store.note_interaction(whose, &interaction, now()).await.unwrap();
            self.store.note_ending(call, (Some(210), Some("caller_hung_up"))).await.unwrap();
            self.store.conclude(call, Ending::default(), now()).await.unwrap();
        }
    }
}

fn described(path: &str, method: &str) -> Value {
    description()["paths"][path][method].clone()
}

/// Holds an answer against what the description says of it.
fn fits(told: &Told, path: &str, method: &str) {
    let description = description();
    let status = told.status.as_u16().to_string();
    let written = &description["paths"][path][method]["responses"][&status];
    assert!(written.is_object(), "{method} {path} answers {status}: {}", told.text());
    let schema = &written["content"]["application/json"]["schema"];
    if *schema == Value::Bool(true) {
        return;
    }
    let fits = checker(schema).validate(&told.json());
    fits.unwrap_or_else(|wrong| panic!("{method} {path}: {wrong}"));
}

/// A schema of the description, that stands by itself.
fn checker(schema: &Value) -> Schema {
    let mut whole = schema.clone();
    whole["$defs"] = description()["components"]["schemas"].clone();
    let whole = whole.to_string().replace("#/components/schemas/", "#/$defs/");
    Schema::compile(&serde_json::from_str(&whole).unwrap()).unwrap()
}

#[test]
fn the_description_in_the_tree_is_that_of_the_routes() {
    let written: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    assert!(
        written == description(),
        "write it anew: cargo run -p dealership -- openapi > examples/dealership/openapi.json"
    );
}

#[tokio::test]
async fn every_route_of_the_description_answers_as_it_says() {
    let house = house().await;
    house.call("CA1", true).await;
    let job = house.store.jobs(false).await.unwrap()[0].id.clone();
    let template = json!({ "config": { "greeting": "Hello" }, "note": "shorter" });
    let schedule = json!({ "kind": "recovery_text", "about": "CA1" });
    let handed = json!({ "form": "csv", "source": "crm", "content": "phone\n+16305550160\n" });
    let asked: Vec<(&str, &str, String, Option<Value>)> = vec![
        ("post", "/api/leads", "/api/leads".into(), Some(handed)),
        (
            "post",
            "/api/leads",
            "/api/leads".into(),
            Some(json!({ "form": "fax", "source": "crm", "content": "" })),
        ),
        ("get", "/api/calls", "/api/calls?disposition=booked&limit=5".into(), None),
        ("get", "/api/calls", "/api/calls?before=yesterday".into(), None),
        ("get", "/api/calls/{call}", "/api/calls/CA1".into(), None),
        ("get", "/api/calls/{call}", "/api/calls/CA2".into(), None),
        ("get", "/api/statistics", "/api/statistics".into(), None),
        ("get", "/api/jobs", "/api/jobs?all=true".into(), None),
        ("get", "/api/jobs", "/api/jobs?al=true".into(), None),
        ("post", "/api/jobs", "/api/jobs".into(), Some(schedule)),
        ("post", "/api/jobs", "/api/jobs".into(), Some(json!({ "kind": "x", "about": "y" }))),
        ("post", "/api/jobs", "/api/jobs".into(), Some(json!({ "kind": "callback" }))),
        ("post", "/api/jobs", "/api/jobs".into(), None),
        ("post", "/api/jobs/{id}/run", format!("/api/jobs/{job}/run"), None),
        ("post", "/api/jobs/{id}/run", "/api/jobs/none/run".into(), None),
        ("post", "/api/templates/{slug}", "/api/templates/inbound".into(), Some(template)),
        (
            "post",
            "/api/templates/{slug}",
            "/api/templates/inbound".into(),
            Some(json!({ "config": { "greting": "Hello" } })),
        ),
        (
            "put",
            "/api/templates/{slug}/active",
            "/api/templates/inbound/active".into(),
            Some(json!({ "arms": [{ "version": 1, "weight": 1 }] })),
        ),
        (
            "put",
            "/api/templates/{slug}/active",
            "/api/templates/inbound/active".into(),
            Some(json!({ "arms": [{ "version": 9, "weight": 1 }] })),
        ),
        ("get", "/api/templates", "/api/templates".into(), None),
        ("get", "/api/templates/{slug}/{version}", "/api/templates/inbound/1".into(), None),
        ("get", "/api/templates/{slug}/{version}", "/api/templates/nightly/1".into(), None),
        ("post", "/api/templates/{slug}/rollback", "/api/templates/inbound/rollback".into(), None),
        ("get", "/api/people/{phone}", "/api/people/+16305550111".into(), None),
        ("get", "/api/people/{phone}", "/api/people/anonymous".into(), None),
        ("delete", "/api/people/{phone}", "/api/people/+16305550111".into(), None),
        ("put", "/api/log", "/api/log".into(), Some(json!({ "filter": "loud" }))),
        ("get", "/api/openapi.json", "/api/openapi.json".into(), None),
    ];
    let mut seen = BTreeSet::new();
    for (method, path, place, body) in asked {
        let verb: Method = method.to_uppercase().parse().unwrap();
        let told = house.ask(verb, &place, body).await;
        fits(&told, path, method);
        seen.insert((path, method));
    }
    // Its answer has no end, and is looked at by itself.
    seen.insert(("/api/live", "get"));
    let description = description();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            assert!(seen.contains(&(path.as_str(), method.as_str())), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn without_the_key_no_route_tells_or_does_anything() {
    let house = house().await;
    let description = description();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let place = path.replace(['{', '}'], "");
            for key in ["", "Bearer the key of the operator in testing"] {
                let request = HttpRequest::builder().method(&method).uri(&place);
                let request = request.header(header::AUTHORIZATION, key).body(Body::empty());
                let told = house.send(request.unwrap()).await;
                assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                assert!(!told.text().contains(KEY));
            }
        }
    }
    let metrics = house.send(HttpRequest::get("/metrics").body(Body::empty()).unwrap()).await;
    assert_eq!(metrics.status, StatusCode::UNAUTHORIZED);
    let counted = house.get("/metrics").await;
    let rejected = counted.text().lines().find(|line| line.contains("reason=\"key\"")).unwrap();
    let count: u32 = rejected.rsplit(' ').next().unwrap().parse().unwrap();
    let routes = description["paths"].as_object().unwrap().values();
    let routes: usize = routes.map(|methods| methods.as_object().unwrap().len()).sum();
    assert_eq!(usize::try_from(count).unwrap(), 2 * routes + 1, "{rejected}");
}

#[tokio::test]
async fn without_a_key_in_the_environment_nothing_of_it_is_there() {
    let house = house_with(OfficeKeys::default()).await;
    for path in ["/api/calls", "/dashboard", "/dashboard/sign-in", "/metrics"] {
        assert_eq!(house.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let keys = OfficeKeys { metrics: Some(Secret::new(KEY)), ..OfficeKeys::default() };
    let house = house_with(keys).await;
    assert_eq!(house.get("/metrics").await.status, StatusCode::OK);
    assert_eq!(house.get("/api/calls").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_call_is_told_with_its_words_its_times_and_its_tools() {
    let house = house().await;
    house.call("CA1", true).await;
    let told = house.get("/api/calls/CA1").await.json();
    assert_eq!(told["call"]["disposition"], "booked");
    assert_eq!(told["call"]["end_reason"], "caller_hung_up");
    assert_eq!(told["call"]["first_response_ms"], 210);
    assert_eq!(told["call"]["trace_id"].as_str().map(str::len), Some(32));
    assert_eq!(told["turns"][0]["words"], "How can I help <you>?");
    assert_eq!(told["turns"][1]["latency"]["slowest"], "language model");
    assert_eq!(
        told["tools"][0],
        json!({
            "name": "get_time", "code": "OK", "node": "answer", "at": now().to_string(), "took_ms": 12,
        })
    );
    let statistics = house.get("/api/statistics").await.json();
    assert_eq!(statistics["outcomes"], json!({ "booked": 1 }));
    assert_eq!(statistics["success_rate"], 1.0);
    assert_eq!(statistics["response_p95_ms"], 1_250);
    assert_eq!(house.get("/api/calls?status=live").await.json(), json!({ "calls": [] }));
}

#[tokio::test]
async fn jobs_are_listed_made_and_run_over_http() {
    let house = house().await;
    let visit = house.get("/api/jobs").await.json()["jobs"][0]["about"].clone();
    let at = "2026-11-21T18:00:00-06:00";
    let made = json!({ "kind": "reminder", "about": visit, "at": at });
    let told = house.ask(Method::POST, "/api/jobs", Some(made)).await;
    assert_eq!(told.status, StatusCode::CREATED);
    let id = told.json()["id"].as_str().unwrap().to_owned();
    let listed = house.get("/api/jobs").await.json();
    let job = listed["jobs"].as_array().unwrap().iter().find(|job| job["id"] == id).unwrap();
    assert_eq!(
        (&job["kind"], &job["run_at"]),
        (&json!("reminder"), &json!("2026-11-22T00:00:00Z"))
    );
    let ran = house.ask(Method::POST, &format!("/api/jobs/{id}/run"), None).await;
    assert_eq!(ran.json(), json!({ "told": "nothing here sends texts" }));
    let again = house.ask(Method::POST, &format!("/api/jobs/{id}/run"), None).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "what is done is not done again");
    let kept = house.store.jobs(true).await.unwrap();
    assert!(kept.iter().any(|job| job.id == id && job.kind == JobKind::Reminder));
}

#[tokio::test]
async fn whoever_watches_is_told_of_live_calls_as_they_change() {
    let house = house().await;
    house.call("CA1", false).await;
    let request = HttpRequest::get("/api/live")
        .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
        .body(Body::empty());
    let response = house.router.clone().call(request.unwrap()).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut events = response.into_body().into_data_stream();
    let first = event(&mut events).await;
    assert_eq!(first["calls"][0]["call"]["call"], "CA1");
    assert_eq!(first["calls"][0]["caller"], "I need an oil change");
    assert_eq!(first["calls"][0]["agent"], "How can I help <you>?");
    let schema = &described("/api/live", "get")["responses"]["200"]["content"]["text/event-stream"];
    checker(&schema["schema"]).validate(&first).unwrap();
    house.store.conclude("CA1", Ending::default(), now()).await.unwrap();
    // It watches the reception, and sees what others have written at the latest with the next look.
    house.reception.conclude(&voiceagent_core::CallId::new("CA1")).await;
    assert_eq!(event(&mut events).await, json!({ "calls": [] }));
}

async fn event(events: &mut axum::body::BodyDataStream) -> Value {
    let mut text = String::new();
    while !text.contains("\n\n") {
        text += str::from_utf8(&events.next().await.unwrap().unwrap()).unwrap();
    }
    assert!(text.starts_with("event: calls\n"), "{text}");
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    serde_json::from_str(data).unwrap()
}

#[tokio::test]
async fn who_shows_the_key_sees_the_dashboard_and_who_does_not_is_asked_for_it() {
    let house = house().await;
    let stranger = house.send(HttpRequest::get("/dashboard").body(Body::empty()).unwrap()).await;
    assert_eq!(stranger.status, StatusCode::SEE_OTHER);
    assert_eq!(stranger.header(header::LOCATION), "/dashboard/sign-in");
    assert_eq!(house.sign_in("not the key").await.status, StatusCode::UNAUTHORIZED);
    house.call("CA 1/ü", false).await;
    house.call("CA2", true).await;
    let live = house.browse(Method::GET, "/dashboard", None).await;
    assert_eq!(live.status, StatusCode::OK);
    assert!(live.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"));
    assert!(live.text().contains("I need an oil change"), "{}", live.text());
    assert!(live.text().contains("How can I help &lt;you&gt;?"), "words are no markup");
    assert!(live.text().contains("/dashboard/calls/CA%201%2F%C3%BC"), "{}", live.text());
    let call = house.browse(Method::GET, "/dashboard/calls/CA%201%2F%C3%BC", None).await;
    assert!(call.text().contains("language model 700 ms"), "{}", call.text());
    for path in [
        "/dashboard/calls?status=completed&disposition=&phone=",
        "/dashboard/calls/CA2",
        "/dashboard/jobs?all=1",
        "/dashboard/people?phone=%2B16305550111",
    ] {
        let page = house.browse(Method::GET, path, None).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for foreign in ["http://", "https://", " style=", "onclick"] {
            assert!(!page.text().contains(foreign), "{path} holds {foreign}");
        }
    }
    let none = house.browse(Method::GET, "/dashboard/calls/CA9", None).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_job_is_run_from_the_dashboard_and_from_no_foreign_page() {
    let house = house().await;
    let job = house.store.jobs(false).await.unwrap()[0].id.clone();
    let run = format!("/dashboard/jobs/{job}/run");
    for origin in [None, Some("https://evil.example")] {
        let refused = house.browse(Method::POST, &run, origin).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    let own = Some("https://agent.example.com");
    let done = house.browse(Method::POST, &run, own).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let place = done.header(header::LOCATION).to_owned();
    let page = house.browse(Method::GET, &place, None).await;
    assert!(page.text().contains("nothing here sends texts"), "{}", page.text());
    // A session reads the API, and changes nothing by it.
    let read = house.browse(Method::GET, "/api/jobs", None).await;
    assert_eq!(read.status, StatusCode::OK);
    let changed = house.browse(Method::POST, &format!("/api/jobs/{job}/run"), own).await;
    assert_eq!(changed.status, StatusCode::UNAUTHORIZED);
}
