use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode, header::CONTENT_TYPE},
};
use jiff::Timestamp;
use serde_json::json;
use tower_service::Service;
use voiceagent_core::Secret;
use voiceagent_telephony::{
    control::{CallControl, Directory},
    signature::VapiSignature,
    vapi::{VapiConfig, VapiRest},
};
use voiceagent_testkit::vendor::CarrierApi;

use super::{
    action::{ACTION, TOOLS},
    vapi::VAPI,
    *,
};
use crate::{
    clock::Clock,
    config::{DealershipConfig, VapiTable},
    departments::{Department, Departments},
    errand::AllowList,
    jobs::Worker,
    phone::Phone,
    store::Store,
};

const SECRET: &str = "what Vapi signs with";
const KEY: &str = "the key of the operator in tests";
const GREG: &str = "+16305550112";

/// A Friday noon in Chicago.
fn now() -> Timestamp {
    "2026-11-20T18:00:00Z".parse().unwrap()
}

struct House {
    store: Store,
    routes: axum::Router,
}

impl House {
    async fn open() -> Self {
        let store = Store::fresh().await;
        store.seed(now()).await.unwrap();
        let clock = Clock::Fixed(now());
        let config = DealershipConfig::default();
        let reception = Reception::open(store.clone(), clock, &config).await.unwrap();
        let reception = Arc::new(reception);
        let hosted = Hosted::new(Arc::clone(&reception));
        let (assistant, secret) = ("a-1".to_owned(), Secret::new(SECRET));
        let table = VapiTable { assistant, secret, ..VapiTable::default() };
        let door = VapiDoor::new(&table, Arc::clone(&hosted), (clock, reception.metrics()));
        let routes = door.unwrap().router().merge(tool_calls(hosted, Secret::new(KEY)));
        Self { store, routes: routes.clone().merge(dispatching(routes)) }
    }

    async fn send(&self, path: &str, headers: HeaderMap, body: &str) -> (StatusCode, Value) {
        let mut request = Request::post(path).body(Body::from(body.to_owned())).unwrap();
        *request.headers_mut() = headers;
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
        let response = self.routes.clone().call(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1_000_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Tells an event as Vapi does that signs.
    async fn tell(&self, message: Value) -> Value {
        let (status, answer) = self.tell_at(VAPI, &message).await;
        assert_eq!(status, 200, "{message}: {answer}");
        answer
    }

    async fn tell_at(&self, path: &str, message: &Value) -> (StatusCode, Value) {
        let body = json!({ "message": message }).to_string();
        let at = now().as_second().to_string();
        let signature = VapiSignature::sign(&Secret::new(SECRET), &at, body.as_bytes());
        self.send(path, headers(&[("x-timestamp", &at), ("x-signature", &signature)]), &body).await
    }

    /// Uses a tool as the model of the assistant does.
    async fn ask(&self, call: &Value, id: &str, tool: &str, arguments: Value) -> Value {
        let list = json!([{ "id": id, "name": tool, "arguments": arguments }]);
        let told = json!({ "type": "tool-calls", "call": call, "toolCallList": list });
        let answer = self.tell(told).await;
        assert_eq!(answer["results"][0]["toolCallId"], id);
        match answer["results"][0]["result"].as_str() {
            Some(result) => serde_json::from_str(result).unwrap(),
            None => answer["results"][0]["error"].clone(),
        }
    }

    async fn count(&self, sql: &'static str) -> Value {
        self.store.export(sql).await.unwrap()[0]["n"].clone()
    }
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| ((*name).try_into().unwrap(), value.parse().unwrap()))
        .collect()
}

fn inbound(id: &str, number: &str) -> Value {
    json!({ "id": id, "type": "inboundPhoneCall", "customer": { "number": number } })
}

#[tokio::test]
async fn a_call_that_vapi_hosts_is_greeted_books_by_the_tools_and_is_on_record() {
    let house = House::open().await;
    let call = inbound("v-1", "+16305550111");
    let taken = house.tell(json!({ "type": "assistant-request", "call": call })).await;
    assert_eq!(taken["assistantId"], "a-1");
    let overrides = &taken["assistantOverrides"];
    assert_eq!(
        overrides["firstMessage"],
        "Thank you for calling Bart's Automotive. How can I help you?"
    );
    let instructions = overrides["variableValues"]["instructions"].as_str().unwrap();
    assert!(instructions.contains("The caller's phone number is +16305550111."));

    let who =
        house.ask(&call, "t-1", "lookup_customer", json!({ "phone": null, "name": null })).await;
    assert_eq!(who["data"]["first_name"], "Ana");
    let dates = json!({ "service_type": "oil_change", "date_from": "2026-11-24",
        "date_to": "2026-11-24" });
    let slots = house.ask(&call, "t-2", "get_available_slots", dates).await;
    let slot = &slots["data"]["slots"][0]["slot_id"];
    let book = json!({ "kind": "service", "customer_id": who["data"]["customer_id"],
        "slot_id": slot, "service_type": "oil_change",
        "vehicle_id": who["data"]["vehicles"][0]["vehicle_id"], "confirmed": true });
    let before = house.count("SELECT count(*) AS n FROM appointment").await;
    let booked = house.ask(&call, "t-3", "book_appointment", book.clone()).await;
    assert_eq!(booked["ok"], true, "{booked}");
    // Vapi asks again where an answer got lost.
    let again = house.ask(&call, "t-3", "book_appointment", book).await;
    assert_eq!(again["data"]["appointment_id"], booked["data"]["appointment_id"]);
    let after = house.count("SELECT count(*) AS n FROM appointment").await;
    assert_eq!(after.as_i64(), before.as_i64().map(|before| before + 1));
    // What one call was handed is good in no other.
    let other = inbound("v-2", "+16305550188");
    let foreign = json!({ "appointment_id": booked["data"]["appointment_id"], "reason": null,
        "confirmed": true });
    let refused = house.ask(&other, "t-4", "cancel_appointment", foreign).await;
    assert_ne!(refused["ok"], true, "{refused}");
    assert_eq!(
        house.ask(&call, "t-5", "sell_everything", json!({})).await,
        "there is no such tool"
    );

    let report = json!({ "type": "end-of-call-report", "call": call,
        "endedReason": "customer-ended-call",
        "artifact": { "transcript": "AI: How can I help you?\nUser: An oil change.\nhm\n" } });
    for _ in 0..2 {
        house.tell(report.clone()).await;
    }
    let turns = house.store.turns("v-1").await.unwrap();
    let said: Vec<_> = turns.iter().map(|turn| (turn.by_agent, turn.words.as_str())).collect();
    assert_eq!(said, [(true, "How can I help you?"), (false, "An oil change.")]);
    let noted = house.store.call("v-1").await.unwrap().unwrap();
    assert_eq!(noted.disposition.as_deref(), Some("booked"));
}

#[tokio::test]
async fn who_is_not_vapi_gets_no_further() {
    let house = House::open().await;
    let body = json!({ "message": { "type": "assistant-request", "call": inbound("v-1", GREG) } });
    let body = body.to_string();
    let at = now().as_second().to_string();
    let late = (now().as_second() - 301).to_string();
    let sign = |key: &str, at: &str| VapiSignature::sign(&Secret::new(key), at, body.as_bytes());
    let (good, forged, stale) = (sign(SECRET, &at), sign("guess", &at), sign(SECRET, &late));
    for (fields, status) in [
        (headers(&[]), 403),
        (headers(&[("x-timestamp", &at), ("x-signature", &forged)]), 403),
        (headers(&[("x-timestamp", &late), ("x-signature", &stale)]), 403),
        // Who signs wrongly is not let in for the secret beside it.
        (headers(&[("x-signature", &forged), ("x-vapi-secret", SECRET)]), 403),
        (headers(&[("x-vapi-secret", "guess")]), 403),
        (headers(&[("authorization", "Bearer guess")]), 403),
        (headers(&[("x-timestamp", &at), ("x-signature", &good)]), 200),
        (headers(&[("x-vapi-secret", SECRET)]), 200),
        (headers(&[("authorization", &format!("Bearer {SECRET}"))]), 200),
    ] {
        for path in [VAPI, ACTION] {
            assert_eq!(house.send(path, fields.clone(), &body).await.0, status, "{fields:?}");
        }
    }
}

#[tokio::test]
async fn somebody_is_called_back_through_vapi_once_and_it_ends_as_vapi_says() {
    let house = House::open().await;
    let api = CarrierApi::vapi().await;
    let directory = Directory::default().with_prefix("+");
    let settings = VapiConfig::new(Secret::new(CarrierApi::SECRET), "a-1", "p-1");
    let settings = settings.with_base_url(api.url()).with_directory(directory);
    let line: Arc<dyn CallControl> = Arc::new(VapiRest::new(settings).unwrap());
    let greg = Phone::parse(GREG).unwrap();
    house.store.run("DELETE FROM job").await;
    house.store.note_callback(("c1", &greg), ("service", "x"), None, now()).await.unwrap();
    let job = house.store.jobs(false).await.unwrap()[0].id.clone();
    let departments = [(Department::Service, "+16305550102".to_owned())].into();
    let worker = Worker::new(house.store.clone(), Clock::Fixed(now()), "Bart's Automotive")
        .with_allowed(AllowList::read(&["*".to_owned()]).unwrap())
        .with_departments(Departments::read(&departments).unwrap())
        .with_line(line);
    assert_eq!(worker.run_job(&job).await.unwrap().as_deref(), Some("done"));
    let request = api.requests().pop().unwrap();
    assert_eq!(request.field("customer"), Some(r#"{"number":"+16305550112"}"#));
    let made = house.store.export("SELECT provider_id AS n FROM contact_attempt").await.unwrap();
    let id = made[0]["n"].as_str().unwrap().to_owned();
    let call = json!({ "id": id, "type": "outboundPhoneCall", "customer": { "number": GREG } });
    house.tell(json!({ "type": "status-update", "status": "ringing", "call": call })).await;
    let state = "SELECT state AS n FROM contact_attempt";
    assert_eq!(house.count(state).await, "placed");
    house.tell(json!({ "type": "status-update", "status": "in-progress", "call": call })).await;
    assert_eq!(house.count(state).await, "answered");
    house
        .tell(json!({ "type": "end-of-call-report", "call": call,
            "endedReason": "customer-ended-call", "artifact": { "transcript": "User: Thanks" } }))
        .await;
    let outcome = house.store.export("SELECT state, outcome FROM contact_attempt").await.unwrap();
    assert_eq!(
        (&outcome[0]["state"], &outcome[0]["outcome"]),
        (&json!("completed"), &json!("answered"))
    );
    assert_eq!(api.requests().len(), 1, "nobody is called twice");
}

#[tokio::test]
async fn programs_with_the_operators_key_use_tools_at_one_address_with_everything_else() {
    let house = House::open().await;
    let ask = |tool: &str, arguments: Value| {
        json!({ "tool": tool, "arguments": arguments, "call_id": "c-1",
            "phone_number": "(630) 555-0111" })
        .to_string()
    };
    let key = headers(&[("authorization", &format!("Bearer {KEY}"))]);
    for path in [ACTION, TOOLS] {
        let who = ask("lookup_customer", json!({ "phone": null, "name": null }));
        assert_eq!(house.send(path, headers(&[]), &who).await.0, 401);
        let (status, told) = house.send(path, key.clone(), &who).await;
        assert_eq!((status.as_u16(), &told["data"]["first_name"]), (200, &json!("Ana")), "{told}");
    }
    for (body, status) in [
        (ask("sell_everything", json!({})), 404),
        (ask("lookup_customer", json!({ "telephone": 7 })), 422),
        (json!({ "tool": "get_time" }).to_string(), 422),
        (json!({ "tool": "get_time", "call_id": " " }).to_string(), 422),
    ] {
        let (refused, told) = house.send(ACTION, key.clone(), &body).await;
        assert_eq!(refused.as_u16(), status, "{body}: {told}");
        assert!(told["error"].is_string(), "{told}");
    }
}
