//! What the log says of requests that were refused, without a socket.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use tower_service::Service;
use voiceagent_core::Secret;
use voiceagent_telephony::{
    front_door::{FrontDoor, FrontDoorBuilder},
    signature::TwilioSignature,
};

use crate::log::Log;

const FORM: &str = "application/x-www-form-urlencoded";

fn door() -> FrontDoorBuilder {
    FrontDoor::twilio().auth_token(Secret::new("12345")).on_call(|_| async {})
}

async fn post(door: &Router, headers: &[(&str, &str)], body: String) -> (StatusCode, String) {
    let mut request = Request::post("/twilio/voice").header("host", "inner:3000");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = door.clone().call(request.body(Body::from(body)).unwrap()).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn ring(door: &Router, signed_for: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let signature = TwilioSignature::sign(&Secret::new("12345"), signed_for, &[("CallSid", "CA1")]);
    let mut all = vec![("content-type", FORM), ("x-twilio-signature", signature.as_str())];
    all.extend(headers);
    post(door, &all, "CallSid=CA1".to_owned()).await
}

#[tokio::test]
async fn a_password_in_the_public_url_is_signed_and_shown_to_nobody() {
    let (log, _guard) = Log::start();
    let builder = door().public_url("https://user:hunter2@agent.example");
    let shown = format!("{builder:?}");
    assert!(shown.contains("agent.example") && !shown.contains("hunter2"), "{shown}");
    let door = builder.build().unwrap();
    let (status, answer) =
        ring(&door, "https://user:hunter2@agent.example/twilio/voice", &[]).await;
    assert_eq!(status, 200);
    assert!(answer.contains("wss://user:hunter2@agent.example/twilio/media"), "{answer}");
    for signed_for in
        ["https://elsewhere.example/", "http://user:hunter2@agent.example/twilio/voice"]
    {
        assert_eq!(ring(&door, signed_for, &[]).await.0, 403);
    }
    let log = log.ours();
    let (checked, signed) =
        ("https://[secret]@agent.example/twilio/voice", "http://[secret]@agent.example");
    assert!(log.contains(checked) && log.contains(signed), "{log}");
    assert!(!log.contains("hunter2") && !log.contains("user:"), "{log}");
}

#[tokio::test]
async fn the_log_names_trusted_proxy_where_a_proxy_says_the_right_address() {
    let (log, _guard) = Log::start();
    let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-host", "agent.example")];
    let proxied = door().build().unwrap();
    assert_eq!(ring(&proxied, "https://agent.example/twilio/voice", &forwarded).await.0, 403);
    assert!(log.ours().contains("set trusted_proxy or public_url"), "{}", log.ours());
    let before = log.ours().len();
    assert_eq!(ring(&proxied, "https://inner:3000/twilio/voice", &forwarded).await.0, 403);
    let configured = door().public_url("https://other.example").build().unwrap();
    assert_eq!(ring(&configured, "https://agent.example/twilio/voice", &forwarded).await.0, 403);
    let log = log.ours()[before..].to_owned();
    assert_eq!(log.matches("is not: set public_url").count(), 2, "{log}");
    assert!(!log.contains("trusted_proxy"), "{log}");
}

#[tokio::test]
async fn what_is_set_up_wrong_and_refused_by_nobody_is_said() {
    let (log, _guard) = Log::start();
    let door = door().build().unwrap();
    let get = Request::get("/twilio/voice").body(Body::empty()).unwrap();
    assert_eq!(door.clone().call(get).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(log.ours().contains("must be set to POST"), "{}", log.ours());
    let plain = ring(&door, "http://inner:3000/twilio/voice", &[]).await;
    assert!(plain.0 == 200 && !log.ours().contains("speaks TLS"), "{}", log.ours());
    let behind = [("x-forwarded-proto", "https")];
    let answer = ring(&door, "http://inner:3000/twilio/voice", &behind).await;
    assert!(answer.1.contains("ws://inner:3000"), "{}", answer.1);
    assert!(log.ours().contains("speaks TLS"), "{}", log.ours());
}

#[tokio::test]
async fn each_request_that_is_refused_leaves_a_line() {
    let (log, _guard) = Log::start();
    let twilio = door().public_url("https://agent.example").build().unwrap();
    let json = "application/json";
    for (kind, body, refused) in [
        ("text/plain", "CallSid=CA1".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (json, "{".to_owned(), StatusCode::BAD_REQUEST),
        (FORM, "x".repeat(70_000), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let before = log.ours().len();
        assert_eq!(post(&twilio, &[("content-type", kind)], body).await.0, refused);
        let line = &log.ours()[before..];
        assert!(line.contains("WARN") && line.contains(refused.as_str()), "{refused}: {line}");
    }
    let none: [(&str, &str); 0] = [];
    let signature =
        TwilioSignature::sign(&Secret::new("12345"), "https://agent.example/twilio/voice", &none);
    let headers = [("content-type", FORM), ("x-twilio-signature", signature.as_str())];
    assert_eq!(post(&twilio, &headers, String::new()).await.0, 400);
    assert!(log.ours().contains("it does not name its call"), "{}", log.ours());
}
