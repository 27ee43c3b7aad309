use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request as HttpRequest, StatusCode, header},
};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tower_service::Service;
use voiceagent_core::Secret;

use super::*;
use crate::{
    phone::Phone,
    store::{
        AppointmentStatus, BookingRequest, ConsultRequest, CustomerId, VehicleId,
        tests::{customer, friday, request},
    },
};

const KEY: &str = "the key of the customers in tests";

struct House {
    router: Router,
    store: Store,
    links: Links,
}

/// What was answered.
struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Told {
    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("it is JSON")
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn at(moment: &str) -> Timestamp {
    format!("2026-11-23T{moment}:00-06:00").parse().unwrap()
}

impl House {
    async fn open() -> Self {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        Self::of(store, friday())
    }

    fn of(store: Store, now: Timestamp) -> Self {
        let links = Links::new(Secret::new(KEY), "https://agent.example.com/");
        let portal = Portal {
            store: store.clone(),
            clock: Clock::Fixed(now),
            shared: Shared::local(),
            metrics: Arc::default(),
            house: "Nair Motors".to_owned(),
            links: links.clone(),
        };
        Self { router: routes(portal), store, links }
    }

    async fn booked(&self, name: &str, start: Timestamp) -> Appointment {
        let who = customer(&self.store, name).await;
        self.store.book(&request(who, start, name), friday()).await.unwrap()
    }

    fn token(&self, visit: &Appointment) -> String {
        self.links.token(visit, friday())
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, String)>) -> Told {
        let request = HttpRequest::builder().method(method).uri(path);
        let request = match body {
            Some((kind, body)) => request.header(header::CONTENT_TYPE, kind).body(Body::from(body)),
            None => request.body(Body::empty()),
        };
        let response = self.router.clone().call(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1_000_000).await.unwrap().to_vec();
        Told { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Told {
        self.send(Method::GET, path, None).await
    }

    async fn press(&self, path: &str) -> Told {
        self.send(Method::POST, path, None).await
    }

    async fn choose(&self, token: &str, start: Timestamp) -> Told {
        let form = format!("start={}", start.to_string().replace(':', "%3A"));
        let form = Some(("application/x-www-form-urlencoded", form));
        self.send(Method::POST, &format!("/visit/{token}/move"), form).await
    }

    async fn ask_move(&self, token: &str, start: Timestamp) -> Told {
        let body = Some(("application/json", json!({ "start": start.to_string() }).to_string()));
        self.send(Method::POST, &format!("/api/visit/{token}/move"), body).await
    }

    async fn now_is(&self, visit: &Appointment) -> Appointment {
        self.store.appointment(visit.id).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_link_shows_its_visit_and_nothing_of_the_person() {
    let house = House::open().await;
    let visit = house.booked("Zoe", at("10:00")).await;
    let token = house.token(&visit);
    assert_eq!(token.len(), 48, "short enough for a message");
    let page = house.get(&format!("/visit/{token}")).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in ["brake inspection", "November 23rd at 10 AM", &*visit.confirmation_code, "booked"]
    {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }
    let told = house.get(&format!("/api/visit/{token}")).await;
    assert_eq!(told.json()["start"], "2026-11-23T10:00:00-06:00");
    assert_eq!(told.json()["may_change"], true);
    for answer in [&page, &told] {
        for hidden in ["Zoe", "Test", "5550199", &visit.id.to_string()] {
            assert!(!answer.text().contains(hidden), "{hidden}");
        }
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("script"),
            "{policy}"
        );
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
    }
    assert!(!page.text().contains("<script") && !page.text().contains("https://"));
}

#[tokio::test]
async fn a_visit_is_confirmed_moved_and_cancelled_by_its_link_and_again_changes_nothing() {
    let house = House::open().await;
    let visit = house.booked("Zoe", at("10:00")).await;
    let token = house.token(&visit);
    for _ in 0..2 {
        let told = house.press(&format!("/visit/{token}/confirm")).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER);
        assert!(told.header(header::LOCATION).ends_with("?done=confirmed"));
    }
    let confirmed = house.store.booking(visit.id).await.unwrap();
    assert_eq!((&*confirmed.status, confirmed.version), ("confirmed", 2));
    assert_eq!(confirmed.confirmation_method.as_deref(), Some("person"));

    let page = house.get(&format!("/visit/{token}/move?day=2026-11-23")).await;
    assert!(page.text().contains(&format!("value=\"{}\"", at("14:00"))), "{}", page.text());
    for _ in 0..2 {
        let told = house.choose(&token, at("14:00")).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER, "{}", told.text());
        let page = house.get(told.header(header::LOCATION)).await;
        assert!(page.text().contains("Your appointment is moved."));
        assert!(page.text().contains("at 2 PM"));
    }
    assert_eq!(house.store.booking(visit.id).await.unwrap().version, 3);

    let asked = house.get(&format!("/visit/{token}/cancel")).await;
    assert!(asked.text().contains("Cancel the appointment"));
    for _ in 0..2 {
        let told = house.press(&format!("/visit/{token}/cancel")).await;
        assert!(told.header(header::LOCATION).ends_with("?done=cancelled"));
    }
    assert_eq!(house.now_is(&visit).await.status, AppointmentStatus::Cancelled);
    let again = house.choose(&token, at("11:00")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text().contains("was cancelled"), "{}", again.text());
    let page = house.get(&format!("/visit/{token}")).await;
    assert!(!page.text().contains("/move"), "nothing is left to be done");
}

#[tokio::test]
async fn the_same_is_done_by_json_with_a_link_that_holds_for_the_new_time() {
    let house = House::open().await;
    let visit = house.booked("Zoe", at("10:00")).await;
    let token = house.token(&visit);
    let free = house.get(&format!("/api/visit/{token}/times?day=2026-11-23")).await.json();
    let free: Vec<Timestamp> = free["times"]
        .as_array()
        .unwrap()
        .iter()
        .map(|time| time.as_str().unwrap().parse().unwrap())
        .collect();
    assert!(free.contains(&at("14:00")) && !free.contains(&at("09:59")));
    let moved = house.ask_move(&token, at("14:00")).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text());
    assert_eq!(moved.json()["start"], "2026-11-23T14:00:00-06:00");
    let link = moved.json()["link"].as_str().unwrap().to_owned();
    let token = link.strip_prefix("https://agent.example.com/visit/").unwrap().to_owned();
    let confirmed = house.press(&format!("/api/visit/{token}/confirm")).await;
    assert_eq!(confirmed.json()["status"], "confirmed");
    let cancelled = house.press(&format!("/api/visit/{token}/cancel")).await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    assert_eq!(cancelled.json()["may_change"], false);
    for (path, status) in [
        (format!("/api/visit/{token}/times"), StatusCode::BAD_REQUEST),
        (format!("/api/visit/{token}/times?day=tomorrow"), StatusCode::BAD_REQUEST),
        (format!("/api/visit/{token}/times?day=2026-11-24"), StatusCode::CONFLICT),
    ] {
        let told = house.get(&path).await;
        assert_eq!(told.status, status, "{path}");
        assert!(told.json()["error"].is_string());
    }
}

#[tokio::test]
async fn only_times_that_are_free_are_taken_and_none_twice() {
    let house = House::open().await;
    let visit = house.booked("Zoe", at("10:00")).await;
    let token = house.token(&visit);
    // Off the grid, at night, in the past, and beyond the days on which bookings are taken.
    for wrong in [
        "2026-11-23T14:07:00-06:00",
        "2026-11-24T03:00:00-06:00",
        "2026-11-19T10:00:00-06:00",
        "2029-11-23T10:00:00-06:00",
    ] {
        for told in [
            house.choose(&token, wrong.parse().unwrap()).await,
            house.ask_move(&token, wrong.parse().unwrap()).await,
        ] {
            assert_eq!(told.status, StatusCode::CONFLICT, "{wrong}: {}", told.text());
        }
    }
    assert_eq!(house.now_is(&visit).await.start, visit.start);

    let mut tokens = vec![token];
    for (name, start) in [("Ann", "08:00"), ("Bob", "09:00"), ("Cid", "11:00"), ("Dan", "13:00")] {
        tokens.push(house.token(&house.booked(name, at(start)).await));
    }
    let wish = at("15:30");
    let told = join_all(tokens.iter().map(|token| house.ask_move(token, wish))).await;
    let done = told.iter().filter(|told| told.status == StatusCode::OK).count();
    let refused = told.iter().filter(|told| told.status == StatusCode::CONFLICT).count();
    assert!(done >= 1 && refused >= 1, "some are moved, and not all: {done}, {refused}");
    assert_eq!(done + refused, told.len());
    assert_eq!(claimed_twice(&house.store).await, 0, "nothing is promised twice");
}

/// Claims of one thing that overlap.
async fn claimed_twice(store: &Store) -> i64 {
    let rows = store
        .export(
            "SELECT count(*) AS n FROM claim AS one JOIN claim AS other
             ON one.claimable_no = other.claimable_no
                AND one.appointment_id < other.appointment_id
                AND one.starts_at < other.ends_at AND other.starts_at < one.ends_at
             WHERE one.active = 1 AND other.active = 1",
        )
        .await
        .unwrap();
    rows[0]["n"].as_i64().unwrap()
}

#[tokio::test]
async fn reading_changes_nothing_whatever_is_followed() {
    let house = House::open().await;
    let visit = house.booked("Zoe", at("10:00")).await;
    let token = house.token(&visit);
    for path in ["", "/confirm", "/move", "/cancel", "/app.webmanifest"] {
        let told = house.get(&format!("/visit/{token}{path}")).await;
        assert!(told.status.is_success() || told.status.is_redirection(), "{path}");
    }
    assert_eq!(house.store.booking(visit.id).await.unwrap().version, 1);
}

#[tokio::test]
async fn a_link_ends_and_what_is_not_ours_opens_nothing() {
    let house = House::open().await;
    let visit = house.booked("Zoe", at("10:00")).await;
    let token = house.token(&visit);
    let ends = visit.end.timestamp() + SignedDuration::from_hours(48);
    assert_eq!(
        house.links.read(&token, ends - SignedDuration::from_mins(1)),
        Sealed::Good(visit.id)
    );
    assert_eq!(house.links.read(&token, ends), Sealed::Over);
    let later = House::of(house.store.clone(), ends);
    for path in ["/visit", "/api/visit"] {
        let told = later.get(&format!("{path}/{token}")).await;
        assert_eq!(told.status, StatusCode::GONE);
        assert!(!told.text().contains(&visit.confirmation_code));
    }
    let mut seen = BTreeSet::new();
    for place in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        seen.insert(String::from_utf8(changed).unwrap());
    }
    seen.extend(["x".to_owned(), token[..47].to_owned(), format!("{token}AAAA")]);
    let other = Links::new(Secret::new("another key of the customers"), "https://other.example");
    seen.insert(other.token(&visit, friday()));
    for forged in &seen {
        assert_eq!(house.links.read(forged, friday()), Sealed::Foreign, "{forged}");
    }
    let told = house.get(&format!("/visit/{}", other.token(&visit, friday()))).await;
    assert_eq!(told.status, StatusCode::NOT_FOUND);
    assert!(!format!("{:?}", house.links).contains("key"), "the key is not told");
}

#[tokio::test]
async fn who_comes_too_often_is_told_to_wait_and_others_are_not() {
    let house = House::open().await;
    let (visit, other) =
        (house.booked("Zoe", at("10:00")).await, house.booked("Ann", at("13:00")).await);
    let token = house.token(&visit);
    for _ in 0..MOST_CHANGES {
        assert_eq!(
            house.press(&format!("/api/visit/{token}/confirm")).await.status,
            StatusCode::OK
        );
    }
    let told = house.press(&format!("/visit/{token}/cancel")).await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told.header(header::RETRY_AFTER), "60");
    assert_eq!(house.get(&format!("/visit/{token}")).await.status, StatusCode::OK);
    for _ in 0..MOST_REQUESTS {
        house.get(&format!("/api/visit/{token}")).await;
    }
    let told = house.get(&format!("/api/visit/{token}")).await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    let other = house.token(&other);
    assert_eq!(house.get(&format!("/visit/{other}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_consultation_is_moved_to_times_of_its_broker() {
    let house = House::open().await;
    let broker = house.store.broker_for(None, None, None).await.unwrap().broker;
    let phone = Phone::parse("+16305550188").unwrap();
    let (lead, _) = house.store.meet_lead(&phone, friday()).await.unwrap();
    let day = jiff::civil::date(2026, 11, 24);
    let times = house.store.broker_times(&broker, (day, day), friday()).await.unwrap();
    let ask = ConsultRequest {
        broker: broker.id,
        lead,
        start: times[0].timestamp(),
        notes: None,
        call: "CA1".to_owned(),
        key: "k".to_owned(),
    };
    let visit = house.store.book_broker(&ask, friday()).await.unwrap();
    let token = house.token(&visit);
    let told = house.get(&format!("/api/visit/{token}/times?day={day}")).await.json();
    assert_eq!(
        told["times"].as_array().unwrap().len(),
        times.len() - 1,
        "its own time is not free"
    );
    let moved = house.ask_move(&token, times[1].timestamp()).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text());
    assert_eq!(house.now_is(&visit).await.broker, Some(broker.name));
    let off = times[1].timestamp() + SignedDuration::from_mins(1);
    assert_eq!(house.ask_move(&token, off).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_pages_are_an_app_that_is_the_same_whatever_link_it_is_opened_by() {
    let house = House::open().await;
    let visit = house.booked("Zoe", at("10:00")).await;
    let token = house.token(&visit);
    let told = house.get(&format!("/visit/{token}/app.webmanifest")).await;
    assert_eq!(told.header(header::CONTENT_TYPE), "application/manifest+json");
    let app = told.json();
    assert_eq!((&app["display"], &app["scope"]), (&json!("standalone"), &json!("/visit/")));
    assert_eq!(app["start_url"], format!("/visit/{token}"));
    for icon in app["icons"].as_array().unwrap() {
        let told = house.get(icon["src"].as_str().unwrap()).await;
        assert_eq!(told.header(header::CONTENT_TYPE), icon["type"].as_str().unwrap());
        assert!(!told.body.is_empty());
    }
    let moved = house.ask_move(&token, at("14:00")).await.json();
    let token = moved["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let again = house.get(&format!("/visit/{token}/app.webmanifest")).await.json();
    assert_eq!(again["id"], app["id"]);
    assert_ne!(again["id"], again["start_url"], "what it is called opens nothing");
    let nothing = house.get(again["id"].as_str().unwrap()).await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_vehicle_that_is_with_the_house_at_that_time_is_told() {
    let house = House::open().await;
    let rows = house.store.export("SELECT id, customer_id FROM vehicle ORDER BY id").await.unwrap();
    let vehicle = VehicleId::parse(rows[0]["id"].as_str().unwrap());
    let owner = CustomerId::parse(rows[0]["customer_id"].as_str().unwrap()).unwrap();
    let book = |start, key: &str| BookingRequest { vehicle, ..request(owner, start, key) };
    let first = house.store.book(&book(at("10:00"), "a"), friday()).await.unwrap();
    house.store.book(&book(at("14:00"), "b"), friday()).await.unwrap();
    let told = house.ask_move(&house.token(&first), at("14:00")).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(told.text().contains("Your vehicle is with us"), "{}", told.text());
}
