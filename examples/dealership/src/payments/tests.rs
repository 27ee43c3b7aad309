use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use axum::{
    Form, Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, StatusCode, header},
    response::Response,
    routing::post,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_service::Service;
use voiceagent_core::{
    Secret,
    tool::{Tool, ToolContext},
};

use super::*;
use crate::{
    clock::Clock,
    messages::Messenger,
    metrics::Metrics,
    phone::Phone,
    store::{AppointmentId, Channel, Store, tests::friday},
    tools::{self, Desk},
};

const KEY: &str = "sk_test_scripted";
const WEBHOOK: &str = "whsec_scripted";

/// What the service has made, by the key that makes a repeat known.
#[derive(Clone, Debug, Default)]
struct Vendor(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    sessions: BTreeMap<String, BTreeMap<String, String>>,
    asked: usize,
    /// What it answers instead.
    refuses: Option<u16>,
}

impl Vendor {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    /// As the API reference has it: "Create a Checkout Session", "Idempotent requests".
    async fn serve(&self) -> String {
        let routes =
            Router::new().route("/v1/checkout/sessions", post(create)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }
}

async fn create(
    State(service): State<Vendor>,
    head: HeaderMap,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    if head["authorization"] != format!("Bearer {KEY}") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let mut held = service.held();
    held.asked += 1;
    if let Some(status) = held.refuses {
        return Err(StatusCode::from_u16(status).unwrap());
    }
    let key = head["idempotency-key"].to_str().unwrap().to_owned();
    let ends: i64 = fields["expires_at"].parse().unwrap();
    let first = held.sessions.entry(key).or_insert_with(|| fields.clone());
    if *first != fields {
        // "The idempotency layer compares incoming parameters".
        return Err(StatusCode::BAD_REQUEST);
    }
    let id = format!("cs_test_{}", fields["client_reference_id"]);
    let url = format!("https://checkout.stripe.com/c/pay/{id}");
    Ok(Json(json!({ "id": id, "object": "checkout.session", "url": url, "expires_at": ends,
                    "payment_status": "unpaid" })))
}

#[derive(Debug, Default)]
struct Outbox(Mutex<Vec<String>>);

#[async_trait]
impl Messenger for Outbox {
    async fn send(&self, _: &Phone, _: Channel, text: &str) -> Result<String> {
        self.0.lock().unwrap().push(text.to_owned());
        Ok("SM1".to_owned())
    }

    async fn sent(&self, _: &Phone, _: Channel, _: Timestamp) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// A house with a customer who has a visit and has agreed to texts, and a scripted Stripe.
struct House {
    store: Store,
    service: Vendor,
    outbox: Arc<Outbox>,
    tool: Arc<dyn Tool>,
    visit: String,
}

impl House {
    async fn open() -> Self {
        let store = Store::fresh().await;
        store.seed(friday()).await.unwrap();
        let phone = Phone::parse("+16305550111").unwrap();
        let how = (true, "a form");
        store.note_consent(&phone, ("sms", "transactional"), how, friday()).await.unwrap();
        let service = Vendor::default();
        let url = service.serve().await;
        let stripe = Stripe::new(Secret::new(KEY), "usd", Some(&url)).unwrap();
        let payments = Payments::new(Arc::new(stripe), "Nair Motors", "https://agent.example.com/");
        let outbox = Arc::new(Outbox::default());
        let clock = Clock::Fixed(friday());
        let desk = Desk::new(store.clone(), clock, Some(phone.clone()), Secret::new("call"))
            .with_messenger(outbox.clone())
            .with_payments(payments);
        let ledger = desk.ledger();
        let tool =
            tools::all(desk).into_iter().find(|one| &*one.spec().name == "send_payment_link");
        let owner = store.customers_by_phone(&phone).await.unwrap()[0].id;
        let visit = store.upcoming(owner, friday()).await.unwrap()[0].id.to_string();
        // As if a lookup had told it.
        ledger.hand_out(visit.as_str());
        Self { store, service, outbox, tool: tool.unwrap(), visit }
    }

    async fn send(&self) -> Value {
        let asks = json!({
            "appointment_id": self.visit, "amount_cents": 5_000, "purpose": "deposit",
        });
        self.tool.call(asks, ToolContext::detached("1")).await.unwrap()
    }

    fn texts(&self) -> Vec<String> {
        self.outbox.0.lock().unwrap().clone()
    }

    async fn ask(&self, request: Request<Body>, now: Timestamp) -> Response {
        let till = Till {
            store: self.store.clone(),
            clock: Clock::Fixed(now),
            house: "Nair Motors".to_owned(),
            metrics: Arc::new(Metrics::default()),
            signature: StripeSignature::new(Secret::new(WEBHOOK)),
        };
        routes(till).call(request).await.unwrap()
    }

    async fn follow(&self, link: &str, now: Timestamp) -> (StatusCode, String, String) {
        let path = link.strip_prefix("https://agent.example.com").unwrap();
        let answer = self.ask(Request::get(path).body(Body::empty()).unwrap(), now).await;
        let status = answer.status();
        let to = answer.headers().get(header::LOCATION).map_or("", |to| to.to_str().unwrap());
        let to = to.to_owned();
        let body = axum::body::to_bytes(answer.into_body(), 100_000).await.unwrap();
        (status, to, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn tell(&self, event: &Value, signature: &str) -> StatusCode {
        let request = Request::post("/stripe/webhook")
            .header("stripe-signature", signature)
            .body(Body::from(event.to_string()));
        self.ask(request.unwrap(), friday()).await.status()
    }
}

fn paid(reference: &str, cents: i64, status: &str) -> Value {
    json!({
        "id": "evt_1", "object": "event", "type": "checkout.session.completed",
        "data": { "object": {
            "id": reference, "object": "checkout.session", "payment_status": status,
            "amount_total": cents, "currency": "usd",
        } },
    })
}

fn signed(event: &Value) -> String {
    StripeSignature::new(Secret::new(WEBHOOK)).sign(event.to_string().as_bytes(), friday())
}

#[tokio::test]
async fn a_link_is_texted_that_leads_to_the_page_and_tells_when_it_is_paid() {
    let house = House::open().await;
    let sent = house.send().await;
    assert_eq!(sent["ok"], true, "{sent}");
    let texts = house.texts();
    let id = sent["data"]["link_id"].as_str().unwrap();
    let link = format!("https://agent.example.com/pay/{id}");
    assert_eq!(texts, std::slice::from_ref(&link));
    let fields = house.service.held().sessions[id].clone();
    for (name, value) in [
        ("mode", "payment"),
        ("line_items[0][price_data][unit_amount]", "5000"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][quantity]", "1"),
        ("client_reference_id", id),
        ("success_url", &link),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }
    let told = serde_json::to_string(&fields).unwrap();
    assert!(!told.contains("5550111") && !told.contains("Ana"), "nobody is named: {told}");

    let reference = format!("cs_test_{id}");
    let (status, to, _) = house.follow(&link, friday()).await;
    assert_eq!(
        (status, &*to),
        (StatusCode::SEE_OTHER, &*format!("https://checkout.stripe.com/c/pay/{reference}"))
    );
    let late = friday() + SignedDuration::from_hours(24);
    assert_eq!(house.follow(&link, late).await.0, StatusCode::GONE);

    let unpaid = paid(&reference, 5_000, "unpaid");
    assert_eq!(house.tell(&unpaid, &signed(&unpaid)).await, StatusCode::OK);
    assert_eq!(house.store.payment(id).await.unwrap().unwrap().paid_at, None);
    let event = paid(&reference, 5_000, "paid");
    for _ in 0..2 {
        assert_eq!(house.tell(&event, &signed(&event)).await, StatusCode::OK);
    }
    assert_eq!(house.store.payment(id).await.unwrap().unwrap().paid_at, Some(friday()));
    let (status, _, page) = house.follow(&link, late).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("it is paid"), "{page}");
}

#[tokio::test]
async fn what_stripe_has_not_signed_pays_for_nothing() {
    let house = House::open().await;
    let id = house.send().await["data"]["link_id"].as_str().unwrap().to_owned();
    let event = paid(&format!("cs_test_{id}"), 5_000, "paid");
    let body = event.to_string();
    let good = StripeSignature::new(Secret::new(WEBHOOK));
    let other = StripeSignature::new(Secret::new("whsec_other"));
    let minutes = SignedDuration::from_mins;
    for wrong in [
        String::new(),
        "t=1,v1=00".to_owned(),
        other.sign(body.as_bytes(), friday()),
        good.sign(b"{}", friday()),
        good.sign(body.as_bytes(), friday() - minutes(6)),
        good.sign(body.as_bytes(), friday() + minutes(6)),
        good.sign(body.as_bytes(), friday()).replace("v1=", "v0="),
        format!("t={},{}", friday().as_second() - 1, good.sign(body.as_bytes(), friday())),
    ] {
        assert_eq!(house.tell(&event, &wrong).await, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(house.store.payment(&id).await.unwrap().unwrap().paid_at, None);
    // While a secret is rolled, each of two has signed.
    let at = friday() - minutes(4);
    let (old, new) = (other.sign(body.as_bytes(), at), good.sign(body.as_bytes(), at));
    let both = format!("{old},{}", new.split_once(',').unwrap().1);
    assert_eq!(house.tell(&event, &both).await, StatusCode::OK);
    assert!(house.store.payment(&id).await.unwrap().unwrap().paid_at.is_some());
}

#[test]
fn a_signature_is_that_of_the_reference() {
    // HMAC-SHA256 of "1492774577.{}" under "whsec_test", by `openssl dgst -sha256 -hmac`.
    let at = Timestamp::from_second(1_492_774_577).unwrap();
    let signature = StripeSignature::new(Secret::new("whsec_test"));
    let header = "t=1492774577,v1=0d0602f6611bd2252dd4b74b58a4528355a7380639a15e6cc21e3059d56d5b8b,v0=6ffbb59b";
    assert!(signature.holds(header, b"{}", at));
    assert!(!signature.holds(header, b"{ }", at));
}

#[tokio::test]
async fn another_amount_or_another_session_is_no_payment_of_ours() {
    let house = House::open().await;
    let id = house.send().await["data"]["link_id"].as_str().unwrap().to_owned();
    for event in [
        paid(&format!("cs_test_{id}"), 50, "paid"),
        paid("cs_test_other", 5_000, "paid"),
        json!({ "type": "customer.created", "data": { "object": { "id": "cus_1" } } }),
    ] {
        assert_eq!(
            house.tell(&event, &signed(&event)).await,
            StatusCode::OK,
            "it is not told again"
        );
    }
    assert_eq!(house.store.payment(&id).await.unwrap().unwrap().paid_at, None);
    let none = house.follow("https://agent.example.com/pay/none", friday()).await;
    assert_eq!(none.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn when_nobody_takes_the_payment_nothing_is_texted() {
    let house = House::open().await;
    for status in [402, 500] {
        house.service.held().refuses = Some(status);
        let sent = house.send().await;
        assert_eq!((&sent["ok"], &sent["code"]), (&json!(false), &json!("UPSTREAM_UNAVAILABLE")));
    }
    assert!(house.texts().is_empty());
    assert_eq!(house.service.held().asked, 2);
}

#[tokio::test]
async fn the_same_payment_is_made_once_however_often_it_is_asked_for() {
    let service = Vendor::default();
    let url = service.serve().await;
    let stripe = Stripe::new(Secret::new(KEY), "usd", Some(&url)).unwrap();
    let request = PaymentRequest {
        id: "p1".to_owned(),
        amount_cents: 5_000,
        what: "Nair Motors: oil change".to_owned(),
        back: "https://agent.example.com/pay/p1".to_owned(),
    };
    let first = stripe.page(&request, friday()).await.unwrap();
    assert_eq!(stripe.page(&request, friday()).await.unwrap(), first);
    let made = {
        let held = service.held();
        (held.asked, held.sessions.len())
    };
    assert_eq!(made, (2, 1));
    let refused = Stripe::new(Secret::new("sk_other"), "usd", Some(&url)).unwrap();
    let error = refused.page(&request, friday()).await.unwrap_err();
    assert_eq!(error.provider(), Some("stripe"));
    for told in [format!("{error:?}"), format!("{refused:?}")] {
        assert!(!told.contains("sk_other"), "{told}");
    }
}

#[tokio::test]
async fn a_payment_is_told_among_what_is_known_of_a_person() {
    let house = House::open().await;
    house.send().await;
    let phone = Phone::parse("+16305550111").unwrap();
    let known = house.store.person(&phone).await.unwrap();
    assert_eq!(known["payment_link"].len(), 1);
    assert!(
        AppointmentId::parse(known["payment_link"][0]["appointment_id"].as_str().unwrap())
            .is_some()
    );
}
