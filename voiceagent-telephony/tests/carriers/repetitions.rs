//! Webhooks that come more than once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;
use voiceagent_core::Secret;
use voiceagent_telephony::{
    front_door::VoiceWebhook,
    signature::{PlivoSignature, TwilioSignature},
};
use voiceagent_testkit::phone::{Carrier, Closed};

use crate::{
    front_door::{Gate, Twilio, call},
    front_doors::{House, TABLE},
    server::SOON,
};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_retry_gets_the_answer_of_the_first_attempt() {
    for row in &TABLE {
        let (house, mut calls) = House::start(row, |door| door.max_calls(1).caller_limit(1, HOUR));
        let ask = async || house.post("voice", row.body).await.text().await.unwrap();
        let first = ask().await;
        assert_eq!(ask().await, first, "{:?}: before its stream", row.carrier);
        let _phone = house.dial(&first).await.unwrap();
        let _call = calls.answer().await;
        assert_eq!(ask().await, first, "{:?}: while it holds the last place", row.carrier);
        let again = house.dial(&first).await.unwrap();
        let (_, closed) = again.wait_until_closed(SOON).await.unwrap();
        assert_eq!(closed, Closed::ByServer(1008), "{:?}: the token was used", row.carrier);
        assert!(calls.none(), "{:?}: one call, one agent", row.carrier);
        let other = house.post("voice", &row.of_other(row.body)).await.text().await.unwrap();
        assert_ne!(other, first, "{:?}", row.carrier);
    }
}

#[tokio::test]
async fn a_plivo_webhook_with_a_new_nonce_is_the_same_webhook() {
    let row = TABLE.iter().find(|row| row.carrier == Carrier::Plivo).unwrap();
    let (house, _calls) = House::start(row, |door| door);
    let first = house.post("voice", row.body).await.text().await.unwrap();
    let fields: Vec<_> = row.body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let url = house.url("voice");
    let signature = PlivoSignature::sign(&Secret::new("MA_token"), &url, &fields, "7");
    let headers =
        [("X-Plivo-Signature-V3", signature), ("X-Plivo-Signature-V3-Nonce", "7".to_owned())];
    let again = house.send(&url, row.body, &headers).await.text().await.unwrap();
    assert_eq!(again, first);
}

/// An application that takes its time over the first call, and how often it was asked.
struct Slow {
    gate: Gate,
    asked: Arc<AtomicUsize>,
    begun: mpsc::UnboundedReceiver<()>,
}

impl Slow {
    fn start() -> (Self, Twilio) {
        let gate = Gate::default();
        let hold = gate.hold();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let (tell, begun) = mpsc::unbounded_channel();
        let parameters = move |_: &VoiceWebhook| {
            count.fetch_add(1, Ordering::Relaxed);
            tell.send(()).unwrap();
            hold();
            BTreeMap::new()
        };
        let (twilio, _) = Twilio::start(|door| door.parameters(parameters).caller_limit(1, HOUR));
        (Self { gate, asked, begun }, twilio)
    }
}

#[tokio::test]
async fn a_retry_that_overtakes_the_look_up_waits_for_the_first_answer() {
    let (mut slow, twilio) = Slow::start();
    let ask = async || twilio.post("/twilio/voice", &call("CA1")).await.text().await.unwrap();
    let (first, second) = tokio::join!(ask(), async {
        slow.begun.recv().await.unwrap();
        ask().await
    });
    assert!(first.contains("<Stream"), "{first}");
    assert_eq!(second, first);
    assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_carrier_that_hung_up_on_us_finds_its_answer_when_it_comes_again() {
    let (mut slow, twilio) = Slow::start();
    let url = twilio.server.url("http", "/twilio/voice");
    let signature = TwilioSignature::sign(&Secret::new("12345"), &url, &call("CA1"));
    let fields = call("CA1");
    let given_up = twilio.post_signed("/twilio/voice", &fields, &signature, "");
    tokio::select! {
        _ = given_up => panic!("answered before it was looked up"),
        _ = slow.begun.recv() => {}
    }
    let answer = twilio.post("/twilio/voice", &fields).await.text().await.unwrap();
    assert!(answer.contains("<Stream"), "{answer}");
    assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
    drop(slow.gate);
}
