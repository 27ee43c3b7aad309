use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
};
use voiceagent_core::{
    CallId, ErrorKind, Secret,
    transport::{Inbound, Outbound, Transport},
};
use voiceagent_telephony::{
    compatible::{CompatibleApi, CompatibleConfig, CompatibleRest},
    control::{CallControl, Directory},
    media_stream::{MediaSocket, TokenCheck},
};
use voiceagent_testkit::phone::Dial;

use crate::server::{Calls, SOON, Server};

/// Twilio's API, with answers that the test wrote.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn start(answers: &[(u16, &'static str)]) -> (Server, Self) {
        let script = Self::default();
        script.answers.lock().unwrap().extend(answers);
        let router = Router::new().fallback(answer).with_state(script.clone());
        (Server::start(Server::listen(), router), script)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(State(script): State<Script>, request: Request) -> (StatusCode, &'static str) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    let key = parts.headers[AUTHORIZATION].to_str().unwrap();
    let noted = format!("{} {} {key} {}", parts.method, parts.uri, str::from_utf8(&body).unwrap());
    script.requests.lock().unwrap().push(noted);
    let (status, body) = script.answers.lock().unwrap().pop_front().expect("a scripted answer");
    (StatusCode::from_u16(status).unwrap(), body)
}

fn config(server: &Server) -> CompatibleConfig {
    let desk = "+14155550100".parse().unwrap();
    CompatibleConfig::new(CompatibleApi::Twilio, "AC1", Secret::new("s3cret"))
        .with_base_url(server.url("http", ""))
        .with_directory(Directory::default().with_target("front desk", desk))
}

fn client(server: &Server) -> CompatibleRest {
    CompatibleRest::new(config(server)).unwrap()
}

fn call() -> CallId {
    CallId::new("CA1")
}

#[tokio::test]
async fn hanging_up_completes_the_call() {
    let (server, script) = Script::start(&[(200, "{}")]);
    client(&server).hang_up(&call()).await.unwrap();
    // "AC1:s3cret" in base64.
    let expected =
        "POST /2010-04-01/Accounts/AC1/Calls/CA1.json Basic QUMxOnMzY3JldA== Status=completed";
    assert_eq!(script.requests(), [expected]);
}

#[tokio::test]
async fn a_call_that_has_ended_already_is_hung_up() {
    for ended in [
        (404, ""),
        (404, r#"{"code":20404,"message":"not found","status":404}"#),
        (400, r#"{"code":21220,"message":"Call is not in-progress.","status":400}"#),
    ] {
        let (server, script) = Script::start(&[ended]);
        client(&server).hang_up(&call()).await.unwrap();
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test]
async fn hanging_up_is_tried_again_and_not_for_ever() {
    let (server, script) = Script::start(&[(503, ""), (429, "busy"), (200, "{}")]);
    client(&server).hang_up(&call()).await.unwrap();
    assert_eq!(script.requests().len(), 3);
    let (server, script) = Script::start(&[(500, "{"), (500, "{"), (500, "{")]);
    let error = client(&server).hang_up(&call()).await.unwrap_err();
    assert_eq!((error.kind(), script.requests().len()), (ErrorKind::Overloaded, 3));
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_and_not_shown() {
    let told = r#"{"code":20003,"message":"Authenticate +14155550100"}"#;
    let (server, script) = Script::start(&[(401, told)]);
    let client = client(&server);
    let error = client.hang_up(&call()).await.unwrap_err();
    assert_eq!((error.kind(), script.requests().len()), (ErrorKind::Unauthorized, 1));
    let shown = format!("{error} {error:?} {client:?}");
    assert!(shown.contains("20003"), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("5550100"), "{shown}");
}

#[tokio::test]
async fn x21_a_transfer_goes_to_a_configured_target_only() {
    let (server, script) = Script::start(&[(200, "{}")]);
    let client = client(&server);
    assert!(client.can_transfer());
    for stranger in ["+19005550123", "", "Front Desk"] {
        let error = client.transfer(&call(), stranger).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.message().contains("front desk") && !error.message().contains("900"));
    }
    assert!(script.requests().is_empty());
    client.transfer(&call(), "front desk").await.unwrap();
    let request = script.requests().pop().unwrap();
    assert!(request.contains("Twiml=%3C%3Fxml"), "{request}");
    assert!(request.contains("%3CDial%3E%3CNumber%3E%2B14155550100%3C%2FNumber%3E"), "{request}");
}

#[tokio::test]
async fn a_transfer_that_may_have_happened_is_not_repeated() {
    let (server, script) = Script::start(&[(503, "")]);
    let error = client(&server).transfer(&call(), "front desk").await.unwrap_err();
    assert_eq!((error.kind(), script.requests().len()), (ErrorKind::Overloaded, 1));
    let (server, script) = Script::start(&[(429, ""), (200, "{}")]);
    client(&server).transfer(&call(), "front desk").await.unwrap();
    assert_eq!(script.requests().len(), 2);
    let (server, _script) = Script::start(&[(404, "")]);
    let error = client(&server).transfer(&call(), "front desk").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn the_name_of_a_call_cannot_reach_another_resource() {
    let (server, script) = Script::start(&[]);
    for name in ["", "../Messages", "CA1.json?x=", "CA1/Recordings", &"C".repeat(129)] {
        let error = client(&server).hang_up(&CallId::new(name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{name}");
    }
    assert!(script.requests().is_empty());
}

#[test]
fn wrong_settings_are_named() {
    let with = |account, secret| {
        CompatibleConfig::new(CompatibleApi::Twilio, account, Secret::new(secret))
    };
    let good = || with("AC1", "s");
    let space = CompatibleConfig::new(CompatibleApi::SignalWire, "AC1", Secret::new("s"));
    for (field, config) in [
        ("account", with("AC1/..", "s")),
        ("secret", with("AC1", "")),
        ("base_url", space),
        ("base_url", good().with_base_url("http://api.twilio.com")),
        ("base_url", good().with_base_url("http://127.0.0.1.evil.example:80")),
    ] {
        let error = CompatibleRest::new(config).unwrap_err();
        assert!(error.message().contains(field), "{error}");
    }
    assert!(!CompatibleRest::new(good()).unwrap().can_transfer());
    let unknown = r#"{"api":"twilio","account":"AC1","secret":"s","tragets":{}}"#;
    assert!(serde_json::from_str::<CompatibleConfig>(unknown).is_err());
    let target = r#"{"api":"twilio","account":"AC1","secret":"s",
        "directory":{"targets":{"desk":"911"}}}"#;
    assert!(serde_json::from_str::<CompatibleConfig>(target).is_err());
}

#[tokio::test]
async fn hanging_up_ends_the_call_at_the_carrier_and_then_the_socket() {
    let (api, script) = Script::start(&[(200, "{}")]);
    let (sender, mut calls) = Calls::channel();
    let socket = MediaSocket::twilio(TokenCheck::Off).control(Arc::new(client(&api))).on_call(
        move |stream| {
            let sender = sender.clone();
            async move { sender.send(stream).await.unwrap() }
        },
    );
    let server = Server::start(Server::listen(), socket.build().unwrap().route("/media"));
    let phone = Dial::to(server.url("ws", "/media")).call_id("CA77").connect().await.unwrap();
    let stream = calls.stream().await;
    assert!(stream.capabilities().transfer);
    let mut link = Box::new(stream).open().await.unwrap();
    link.try_send(Outbound::HangUp).unwrap();
    let ended = async {
        while let Some(said) = link.recv().await {
            if said.unwrap() == Inbound::HungUp {
                return;
            }
        }
        panic!("the link ended without a word");
    };
    tokio::time::timeout(SOON, ended).await.unwrap();
    phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(script.requests().len(), 1);
    assert!(script.requests()[0].contains("/Calls/CA77.json"));
}
