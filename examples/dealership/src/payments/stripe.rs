use std::{fmt, time::Duration};

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use sha2::Sha256;
use voiceagent_core::{Error, ErrorKind, Result, Secret};

use super::{PaymentPage, PaymentProvider, PaymentRequest};
use crate::calendar::http;

/// Where the API is ("API reference").
const API: &str = "https://api.stripe.com/";
/// The caller waits on the phone for it.
const DEADLINE: Duration = Duration::from_millis(2_500);
/// How long a page is there: the longest that Stripe has, less what a clock may be ahead
/// ("Checkout Session", `expires_at`: 30 minutes to 24 hours).
const OPEN: SignedDuration = SignedDuration::from_mins(24 * 60 - 10);
/// By how much a signature may be older or younger ("Check the webhook signatures": five minutes).
const TOLERANCE: i64 = 300;
const OPERATION: &str = "make a payment page";

/// Payments by Stripe's hosted Checkout.
///
/// `POST /v1/checkout/sessions` with form fields, the secret key as a bearer token, and the payment's
/// identifier as `Idempotency-Key`, so that one that is asked for twice is made once
/// ("Idempotent requests").
#[derive(Clone)]
pub struct Stripe {
    client: Client,
    sessions: Url,
    key: Secret,
    currency: String,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    url: Option<String>,
    expires_at: i64,
}

impl Stripe {
    /// Takes payments in a currency (ISO 4217, small letters) for the account of this key. `api` is
    /// another address of the API.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) when there is no key, or a field is wrong.
    pub fn new(key: Secret, currency: &str, api: Option<&str>) -> Result<Self> {
        if key.is_empty() {
            return Err(Error::config(
                "field `payments.key` is missing; put it into DEALERSHIP_STRIPE_KEY",
            ));
        }
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(Error::config(
                "field `payments.currency` is no currency; write it like `usd`",
            ));
        }
        let sessions = http::below(
            &http::address("payments.url", api.unwrap_or(API))?,
            &["v1", "checkout", "sessions"],
        );
        Ok(Self { client: http::client()?, sessions, key, currency: currency.to_owned() })
    }
}

#[async_trait]
impl PaymentProvider for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    async fn page(&self, request: &PaymentRequest, now: Timestamp) -> Result<PaymentPage> {
        let until = now.saturating_add(OPEN).unwrap_or(now);
        let (amount, until) = (request.amount_cents.to_string(), until.as_second().to_string());
        let fields = [
            ("mode", "payment"),
            ("client_reference_id", &request.id),
            ("success_url", &request.back),
            ("cancel_url", &request.back),
            ("expires_at", &until),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", &self.currency),
            ("line_items[0][price_data][unit_amount]", &amount),
            ("line_items[0][price_data][product_data][name]", &request.what),
        ];
        let asked = self
            .client
            .post(self.sessions.clone())
            .timeout(DEADLINE)
            .bearer_auth(self.key.expose())
            .header("idempotency-key", &request.id)
            .form(&fields);
        let answer = http::ask(OPERATION, asked).await.map_err(by_stripe)?;
        if answer.status() != StatusCode::OK {
            // What it says may quote what was sent.
            return Err(by_stripe(http::refused(OPERATION, answer.status())));
        }
        let session: Session = http::json(OPERATION, answer).await.map_err(by_stripe)?;
        let strange = |what| by_stripe(Error::new(ErrorKind::Protocol, OPERATION, what));
        let url = session.url.ok_or_else(|| strange("the session has no page"))?;
        let until = Timestamp::from_second(session.expires_at);
        let until = until.map_err(|_| strange("the session ends in no year"))?;
        Ok(PaymentPage { reference: session.id, url, until })
    }
}

fn by_stripe(error: Error) -> Error {
    error.with_provider("stripe")
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("currency", &self.currency).finish_non_exhaustive()
    }
}

/// Knows by `Stripe-Signature` what Stripe has sent ("Verify webhook signatures manually").
///
/// The header has the moment of signing, `t`, and one or more signatures `v1`: HMAC-SHA256, under the
/// secret of the endpoint, of `t`, a full stop and the body as it came.
#[derive(Clone, Debug)]
pub struct StripeSignature(Secret);

impl StripeSignature {
    /// Signatures under the secret of an endpoint, which begins with `whsec_`.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Whether Stripe has signed this body, lately.
    #[must_use]
    pub fn holds(&self, header: &str, body: &[u8], now: Timestamp) -> bool {
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let mut moments = parts().filter(|(name, _)| *name == "t").map(|(_, value)| value);
        let (Some(signed), None) = (moments.next(), moments.next()) else { return false };
        let Ok(at) = signed.parse::<i64>() else { return false };
        let mac = self.mac(signed, body);
        let is_signed = parts()
            .filter(|(name, _)| *name == "v1")
            .any(|(_, tag)| unhex(tag).is_some_and(|tag| mac.clone().verify_slice(&tag).is_ok()));
        is_signed && (now.as_second() - at).abs() <= TOLERANCE
    }

    /// The header with which Stripe would send a body.
    #[must_use]
    pub fn sign(&self, body: &[u8], now: Timestamp) -> String {
        let at = now.as_second().to_string();
        let tag = self.mac(&at, body).finalize().into_bytes();
        let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={at},v1={tag}")
    }

    fn mac(&self, at: &str, body: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes());
        let mac = mac.expect("a key of any length will do").chain_update(at);
        mac.chain_update(b".").chain_update(body)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
