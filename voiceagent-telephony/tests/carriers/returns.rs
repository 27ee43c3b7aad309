//! Calls that are brought to the voice webhook again when their stream has ended.

use voiceagent_testkit::phone::Closed;

use crate::{
    front_door::{Twilio, call},
    server::{SOON, eventually},
};

/// Who was handed on and not taken comes back so.
const BACK: [(&str, &str); 5] = [
    ("CallSid", "CA1"),
    ("From", "+14155550100"),
    ("To", "+14155550199"),
    ("Direction", "inbound"),
    ("DialCallStatus", "no-answer"),
];

#[tokio::test]
async fn a_caller_who_was_handed_on_and_not_taken_comes_back_to_an_agent() {
    let (twilio, mut calls) = Twilio::start(|door| door.max_calls(1));
    let first = twilio.post("/twilio/voice", &call("CA1")).await.text().await.unwrap();
    let phone = twilio.line(&first).connect().await.unwrap();
    drop(calls.answer().await);
    let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::ByServer(1000));
    // The socket is closed a moment before its task is over.
    let second = eventually(async || {
        let answer = twilio.post("/twilio/voice", &BACK).await.text().await.unwrap();
        (answer != first).then_some(answer)
    })
    .await;
    let again = twilio.post("/twilio/voice", &BACK).await.text().await.unwrap();
    assert_eq!(again, second, "from here on a repetition is a repetition");
    let _phone = twilio.line(&second).connect().await.unwrap();
    let info = calls.answer().await.info;
    assert_eq!(info.from.unwrap().expose(), "+14155550100");
}

#[tokio::test]
async fn a_webhook_that_was_recorded_opens_nothing_once_its_call_is_over() {
    let (twilio, mut calls) = Twilio::start(|door| door.max_calls(1));
    let first = twilio.post("/twilio/voice", &call("CA1")).await.text().await.unwrap();
    let phone = twilio.line(&first).connect().await.unwrap();
    drop(calls.answer().await);
    phone.wait_until_closed(SOON).await.unwrap();
    eventually(async || {
        let other = twilio.post("/twilio/voice", &call("CA2")).await.text().await.unwrap();
        other.contains("<Stream").then_some(())
    })
    .await;
    let over = [("CallSid", "CA1"), ("CallStatus", "completed")];
    assert_eq!(twilio.post("/twilio/status", &over).await.status(), 204);
    let again = twilio.post("/twilio/voice", &call("CA1")).await.text().await.unwrap();
    assert_eq!(again, first);
    let phone = twilio.line(&again).connect().await.unwrap();
    let (_, closed) = phone.wait_until_closed(SOON).await.unwrap();
    assert_eq!(closed, Closed::ByServer(1008), "the token was used");
    assert!(calls.none());
}
