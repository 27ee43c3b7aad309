//! Calls and probes that find no room.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};
use std::time::Duration;

use tokio::sync::mpsc;
use voiceagent_telephony::sip::SipServer;

use crate::{
    phone::{Phone, Request},
    server::Server,
};

/// What a phone hears first but 100 to a new call, or to a probe.
async fn first_answer(server: std::net::SocketAddr, method: &str) -> Request {
    let mut phone = Phone::start().await;
    if method == "INVITE" {
        phone.call(server, server, "").await;
    } else {
        phone.probe(server).await;
    }
    loop {
        let answer = phone.request("SIP/2.0").await;
        if !answer.text.starts_with("SIP/2.0 100") {
            return answer;
        }
    }
}

async fn finds_no_room(server: std::net::SocketAddr) {
    for method in ["INVITE", "OPTIONS"] {
        let answer = first_answer(server, method).await;
        assert!(answer.text.starts_with("SIP/2.0 503"), "{method}: {}", answer.text);
        assert_eq!(answer.header("Retry-After"), "5");
    }
}

#[tokio::test]
async fn without_room_of_the_application_nothing_rings_and_probes_say_so() {
    let server = SipServer::bind(Server::config()).await.unwrap();
    let (address, has_room) = (server.local_addr(), Arc::new(AtomicBool::new(false)));
    let asked = Arc::clone(&has_room);
    let server = server.with_room(move || asked.load(SeqCst));
    let (told, mut calls) = mpsc::channel(4);
    let serving = tokio::spawn(server.serve(move |call| {
        let told = told.clone();
        async move { drop(told.send(call).await) }
    }));
    finds_no_room(address).await;
    has_room.store(true, SeqCst);
    assert!(first_answer(address, "OPTIONS").await.text.starts_with("SIP/2.0 200"));
    assert!(first_answer(address, "INVITE").await.text.starts_with("SIP/2.0 180"));
    let call = calls.recv().await.unwrap();
    // Whoever takes calls no more is drained: the call that is there keeps the server.
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    finds_no_room(address).await;
    drop(call);
}

#[tokio::test]
async fn a_full_server_tells_probes_too() {
    let mut config = Server::config();
    config.max_calls = 0;
    let server = Server::start(config).await;
    finds_no_room(server.address).await;
}

#[tokio::test]
async fn a_call_is_refused_as_the_application_says() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    server.call().await.refuse(600).unwrap();
    let answer = phone.answer_to("INVITE", 1).await;
    assert!(answer.text.starts_with("SIP/2.0 600"), "{}", answer.text);
    assert_eq!(answer.headers("Retry-After").next(), None);
    let mut other = Phone::start().await;
    other.call(server.address, server.address, "").await;
    assert!(server.call().await.refuse(200).is_err());
    assert!(other.answer_to("INVITE", 1).await.text.starts_with("SIP/2.0 480"));
}

#[tokio::test]
async fn a_call_that_has_rung_is_told_when_to_try_again() {
    let mut server = Server::start(Server::config()).await;
    for (status, wait, said) in [
        (503, None, "5"),
        (486, Some(Duration::from_millis(60_500)), "61"),
        (503, Some(Duration::ZERO), "0"),
    ] {
        let mut phone = Phone::start().await;
        phone.call(server.address, server.address, "").await;
        let rings = phone.request("SIP/2.0 180").await;
        let call = server.call().await;
        match wait {
            None => call.refuse(status).unwrap(),
            Some(wait) => call.refuse_for(status, wait).unwrap(),
        }
        let answer = phone.answer_to("INVITE", 1).await;
        assert!(answer.text.starts_with(&format!("SIP/2.0 {status}")), "{}", answer.text);
        assert_eq!(answer.header("Retry-After"), said);
        assert_eq!(answer.header("To"), rings.header("To"), "it is of the same dialog");
        // It is the only one: what is news next is of another request.
        phone.probe(server.address).await;
        assert_eq!(phone.request("SIP/2.0").await.header("CSeq"), "1 OPTIONS");
    }
}

#[tokio::test]
async fn calls_for_which_nobody_has_time_are_told_when_to_try_again() {
    let mut config = Server::config();
    config.calls_per_second = 1_000;
    let server = SipServer::bind(config).await.unwrap();
    let mut phone = Phone::start().await;
    let body = phone.description();
    // As many as wait for the application to look at them, which it never does.
    for number in 0..64 {
        phone.call_with(server.local_addr(), &format!("waits{number}"), &body).await;
        phone.request("SIP/2.0 180").await;
    }
    phone.call_with(server.local_addr(), "one-more", &body).await;
    let answer = phone.answer_to("INVITE", 1).await;
    assert!(answer.text.starts_with("SIP/2.0 503"), "{}", answer.text);
    assert_eq!((answer.header("Call-ID"), answer.header("Retry-After")), ("one-more", "5"));
}
