use std::collections::BTreeMap;

use axum::{Form, Json, Router, http::StatusCode, routing::post};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use voiceagent_core::{ErrorKind, Secret};

use super::{super::*, server::serve};

type Words = BTreeMap<String, String>;

/// "Exchange authorization code for refresh and access tokens".
async fn exchange(Form(form): Form<Words>) -> Result<Json<Value>, StatusCode> {
    assert_eq!(form["grant_type"], "authorization_code");
    assert!(form["redirect_uri"].starts_with("http://127.0.0.1:"));
    let proof = Sha256::digest(&form["code_verifier"]);
    let proof = base64_simd::URL_SAFE_NO_PAD.encode_to_string(proof);
    // The code of a test is the challenge that it was given for.
    if form["client_secret"] != "hush" || form["code"] != proof {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(Json(json!({ "access_token": "t1", "refresh_token": "lasting", "expires_in": 3599 })))
}

/// A question on its way, and what the address asks.
async fn ask(secret: &str) -> (GoogleConsent, Words) {
    let url = serve(Router::new().route("/token", post(exchange))).await;
    let pages = ("https://accounts.example.com/auth", &*format!("{url}token"));
    let consent = GoogleConsent::open(("us", Secret::new(secret)), pages).await.unwrap();
    let asked = Url::parse(consent.url()).unwrap();
    let asked = asked.query_pairs().into_owned().collect();
    (consent, asked)
}

/// What the browser is told at the address to which it is sent back.
async fn come_back(asked: &Words, answer: &[(&str, &str)]) -> u16 {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse_with_params(&asked["redirect_uri"], answer).unwrap();
    reqwest::get(url).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn somebody_agrees_in_a_browser_and_no_other_page_can_do_it_for_them() {
    let (consent, asked) = ask("hush").await;
    assert_eq!((&*asked["client_id"], &*asked["access_type"]), ("us", "offline"));
    assert!(asked["scope"].contains("calendar.freebusy"), "{asked:?}");
    let finished = tokio::spawn(consent.finish());
    assert_eq!(come_back(&asked, &[("state", "guessed"), ("code", "theirs")]).await, 403);
    let answer = [("state", &*asked["state"]), ("code", &*asked["code_challenge"])];
    assert_eq!(come_back(&asked, &answer).await, 200);
    assert_eq!(finished.await.unwrap().unwrap().expose(), "lasting");
}

#[tokio::test]
async fn who_does_not_agree_and_a_program_that_is_unknown_get_nothing() {
    let (consent, asked) = ask("hush").await;
    let finished = tokio::spawn(consent.finish());
    come_back(&asked, &[("state", &asked["state"]), ("error", "access_denied")]).await;
    let error = finished.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unauthorized, "they did not agree"));

    let (consent, asked) = ask("wrong").await;
    assert!(!format!("{consent:?}").contains("wrong"));
    let finished = tokio::spawn(consent.finish());
    let answer = [("state", &*asked["state"]), ("code", &*asked["code_challenge"])];
    come_back(&asked, &answer).await;
    assert_eq!(finished.await.unwrap().unwrap_err().kind(), ErrorKind::Unauthorized);
}
