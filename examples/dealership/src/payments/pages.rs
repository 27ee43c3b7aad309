use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use tracing::{info, warn};
use voiceagent_core::Error;

use super::StripeSignature;
use crate::{
    clock::Clock,
    metrics::{Metrics, Rejection},
    own_pages::OwnPage,
    store::{Fault, Refusal, Store},
};

/// Where the links in messages lead.
pub(super) const PAY: &str = "/pay";
/// Where Stripe tells what was paid.
const WEBHOOK: &str = "/stripe/webhook";
/// An event is a few kilobytes.
const LARGEST: usize = 256 * 1024;
const STRIPE: &str = "stripe";

/// What the pages of payments are made of.
#[derive(Debug)]
pub(crate) struct Till {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) house: String,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) signature: StripeSignature,
}

/// What happened, as Stripe tells it ("The Event object").
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

/// The Checkout session of an event. Other events have other objects, which nobody reads here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    id: String,
    payment_status: String,
    amount_total: Option<i64>,
}

/// The routes of payments.
pub(crate) fn routes(till: Till) -> Router {
    Router::new()
        .route(&format!("{PAY}/{{id}}"), get(lead))
        .route(WEBHOOK, post(note))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(Arc::new(till))
}

/// Leads to the page of a payment, or says that it is paid, or that it is too late.
async fn lead(State(till): State<Arc<Till>>, Path(id): Path<String>) -> Response {
    let now = till.clock.now();
    let payment = match till.store.payment(&id).await {
        Ok(payment) => payment,
        Err(fault) => return failed(fault),
    };
    let Some(payment) = payment else {
        let told = html! { p { "This link is none of ours." } };
        return (StatusCode::NOT_FOUND, page(&till.house, &told)).into_response();
    };
    if payment.paid_at.is_some() {
        return page(&till.house, &html! { p { "Thank you, it is paid." } });
    }
    match payment.url.filter(|_| payment.url_until.is_some_and(|until| now < until)) {
        // Who has just paid comes back before Stripe has told: the page there knows.
        Some(url) => {
            let head =
                [(header::REFERRER_POLICY, "no-referrer"), (header::CACHE_CONTROL, "no-store")];
            (head, Redirect::to(&url)).into_response()
        }
        None => {
            let told =
                html! { p { "This link is not good any more. Please call us for another." } };
            (StatusCode::GONE, page(&till.house, &told)).into_response()
        }
    }
}

/// Takes in what Stripe tells. It tells again until it is answered with success.
async fn note(State(till): State<Arc<Till>>, head: HeaderMap, body: Bytes) -> Response {
    let now = till.clock.now();
    let signature = head.get("stripe-signature").and_then(|value| value.to_str().ok());
    if !signature.is_some_and(|signature| till.signature.holds(signature, &body, now)) {
        till.metrics.rejected(Rejection::Signature);
        warn!(reason = Rejection::Signature.word(), path = WEBHOOK, "security.rejected");
        return StatusCode::BAD_REQUEST.into_response();
    }
    let Ok(Event { kind, data: Data { object } }) = serde_json::from_slice::<Event>(&body) else {
        warn!("an event of Stripe has another form");
        return StatusCode::BAD_REQUEST.into_response();
    };
    let is_paid = match kind.as_str() {
        // Some ways to pay take days: then the session is complete, and not paid yet.
        "checkout.session.completed" => object.payment_status == "paid",
        "checkout.session.async_payment_succeeded" => true,
        _ => false,
    };
    if !is_paid {
        return StatusCode::OK.into_response();
    }
    let cents = object.amount_total.unwrap_or_default();
    match till.store.note_paid((STRIPE, &object.id), cents, now).await {
        Ok(is_news) => info!(is_news, "payment.received"),
        Err(Fault::Refused(Refusal::NotFound)) => info!("a payment is of something else"),
        Err(Fault::Refused(refusal)) => {
            warn!(?refusal, "a payment is not what was asked for; look at it in the account");
        }
        Err(fault) => return failed(fault),
    }
    StatusCode::OK.into_response()
}

fn page(house: &str, told: &Markup) -> Response {
    let policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { "Payment · " (house) }
            }
            body { h1 { (house) } (told) }
        }
    };
    let mut response = Html(page.into_string()).into_response();
    OwnPage { policy, referrer: "no-referrer" }.keep(response.headers_mut());
    response
}

fn failed(fault: Fault) -> Response {
    warn!(error = %Error::from(fault), "a payment cannot be looked up or noted");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}
