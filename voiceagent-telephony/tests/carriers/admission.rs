//! Who is let in when there is little room.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use voiceagent_core::transport::{Direction, Transport};
use voiceagent_telephony::{
    control::{Callee, NewCall},
    document::{Say, Verb},
};
use voiceagent_testkit::phone::Carrier;

use crate::{
    control::{Bench, directory},
    front_door::{Twilio, call},
    front_doors::{House, TABLE},
    server::pass,
};

async fn ask(twilio: &Twilio, name: &str) -> String {
    twilio.post("/twilio/voice", &call(name)).await.text().await.unwrap()
}

#[tokio::test]
async fn a_place_is_kept_from_the_webhook_on_so_that_nobody_is_let_in_and_sent_away() {
    for row in &TABLE {
        let (house, mut calls) = House::start(row, |door| door.max_calls(1));
        let first = house.post("voice", row.body).await.text().await.unwrap();
        let other = row.of_other(row.body);
        let second = house.post("voice", &other).await.text().await.unwrap();
        assert!(!second.contains("token"), "{:?}: {second}", row.carrier);
        let phone = house.dial(&first).await.unwrap();
        let call = calls.answer().await;
        let third = house.post("voice", &other).await.text().await.unwrap();
        assert!(!third.contains("token"), "{:?}: the place is taken once: {third}", row.carrier);
        phone.hang_up().await.unwrap();
        drop(call);
    }
}

#[tokio::test]
async fn who_comes_while_the_last_place_is_kept_hears_why_nobody_answers() {
    let full = [Verb::from(Say::new("We are full.")), Verb::Hangup];
    let (twilio, _calls) = Twilio::start(|door| door.max_calls(1).when_full(full));
    assert!(ask(&twilio, "CA1").await.contains("<Stream"));
    assert!(ask(&twilio, "CA2").await.contains("We are full."));
}

#[tokio::test]
async fn while_the_application_has_no_room_nobody_is_let_in_and_then_the_same_caller_is() {
    let is_full = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&is_full);
    let full = [Verb::from(Say::new("We are full.")), Verb::Hangup];
    let (twilio, _calls) = Twilio::start(|door| {
        door.with_room(move || !asked.load(Ordering::Relaxed)).when_full(full)
    });
    assert!(ask(&twilio, "CA1").await.contains("We are full."));
    is_full.store(false, Ordering::Relaxed);
    assert!(ask(&twilio, "CA1").await.contains("<Stream"));
}

#[tokio::test]
async fn the_place_of_a_call_that_never_comes_is_free_again_after_a_minute() {
    let (twilio, mut calls) = Twilio::start(|door| door.max_calls(1));
    let answer = ask(&twilio, "CA1").await;
    pass(Duration::from_secs(59)).await;
    assert!(!ask(&twilio, "CA2").await.contains("<Stream"));
    pass(Duration::from_secs(2)).await;
    let answer_of_other = ask(&twilio, "CA2").await;
    assert!(answer_of_other.contains("<Stream"), "{answer_of_other}");
    assert_eq!(ask(&twilio, "CA1").await, answer, "and it gets no other token");
    let _phone = twilio.line(&answer_of_other).call_id("CA2").connect().await.unwrap();
    calls.answer().await;
}

#[tokio::test]
async fn the_place_of_a_call_that_ends_before_its_stream_is_free_at_once() {
    let (twilio, _calls) = Twilio::start(|door| door.max_calls(1));
    assert!(ask(&twilio, "CA1").await.contains("<Stream"));
    for (status, is_over) in [("in-progress", false), ("completed", true)] {
        let report = [("CallSid", "CA1"), ("CallStatus", status)];
        assert_eq!(twilio.post("/twilio/status", &report).await.status(), 204);
        assert_eq!(ask(&twilio, "CA2").await.contains("<Stream"), is_over, "{status}");
    }
}

#[tokio::test]
async fn calls_that_we_make_through_vonage_are_ours_and_not_those_of_one_number() {
    let row = TABLE.iter().find(|row| row.carrier == Carrier::Vonage).unwrap();
    let (house, mut calls) = House::start(row, |door| {
        door.machine_detection(true).caller_limit(1, Duration::from_secs(3_600))
    });
    let directory = directory().with_front_door(house.url("voice"), house.url("status"));
    let vonage = Bench::with(Carrier::Vonage, directory).await;
    let callee = Callee::Target("front desk".to_owned());
    vonage.control.dial(&NewCall::to(callee)).await.unwrap();
    let request = vonage.last();
    let urls: Vec<String> = serde_json::from_str(request.field("answer_url").unwrap()).unwrap();
    let ask = async |url: &str, body: &str| {
        let headers = (row.sign)(row, url, body);
        house.send(url, body, &headers).await.text().await.unwrap()
    };
    // Vonage names our own number as the one that calls.
    let first = ask(&urls[0], row.body).await;
    let second = ask(&urls[0], &row.of_other(row.body)).await;
    assert!(first.contains("token") && second.contains("token"), "{second}");
    let _phone = house.dial(&first).await.unwrap();
    let stream = calls.stream().await;
    assert_eq!(stream.call().direction, Direction::Outbound);
    assert!(stream.capabilities().answerer);
    for (call, is_let_in) in [("u-8", true), ("u-9", false)] {
        let answer = ask(&house.url("voice"), &row.body.replace("u-1", call)).await;
        assert_eq!(answer.contains("token"), is_let_in, "{call}: {answer}");
    }
}
