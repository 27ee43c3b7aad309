use std::time::Duration;

use tokio::time::{sleep, timeout};
use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound},
};
use voiceagent_testkit::{conformance::transport::FarEnd as _, phone::SipPhone};

use crate::{
    phone::Phone,
    server::{SOON, Server, told},
};

/// The name of a call that was answered so, for whoever is to take its place.
pub(crate) fn named(call: &str, answer: &str, more: &str) -> String {
    let tag = answer.lines().find(|line| line.starts_with("To:")).unwrap();
    let tag = tag.split_once(";tag=").unwrap().1;
    format!("Replaces: {call};to-tag={tag};from-tag=phone{more}\r\nRequire: replaces\r\n")
}

fn frame(byte: u8) -> Outbound {
    let payload = vec![byte; 160].into();
    Outbound::Audio(AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), payload))
}

#[tokio::test]
async fn somebody_else_takes_the_callers_place_and_the_conversation_goes_on() {
    let mut server = Server::start(Server::config()).await;
    let mut colleague = SipPhone::call(server.address, "colleague", "").await;
    let mut link = server.open().await;
    let answer = colleague.message("SIP/2.0 200").await;
    colleague.speak(vec![0x31; 160].into()).await;
    let mut last = MediaTime(0);
    let mut hears = async |link: &mut voiceagent_core::Link<Outbound, Inbound>, byte: u8| loop {
        if let Some(Ok(Inbound::Audio(frame))) = link.recv().await {
            assert!(frame.at >= last, "time goes on");
            last = frame.at;
            if frame.payload[0] == byte {
                return;
            }
        }
    };
    hears(&mut link, 0x31).await;
    let mut customer =
        SipPhone::call(server.address, "customer", &named("colleague", &answer, "")).await;
    customer.message("SIP/2.0 200").await;
    assert!(colleague.closes().await, "whoever was there before hears a goodbye");
    link.try_send(frame(0x11)).unwrap();
    let seen = customer.sees(|seen| !seen.audio.is_empty()).await;
    assert_eq!(seen.audio[..160], [0x11; 160]);
    customer.speak(vec![0x32; 480].into()).await;
    hears(&mut link, 0x32).await;
    // It is a call like any other: others can take its place, and it ends like one.
    let answer = customer.message("SIP/2.0 200").await;
    let mut next = SipPhone::call(server.address, "next", &named("customer", &answer, "")).await;
    next.message("SIP/2.0 200").await;
    assert!(customer.closes().await);
    next.hang_up().await;
    assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn a_place_that_is_not_there_or_not_to_be_had_is_refused_and_the_call_goes_on() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = SipPhone::call(server.address, "place", "").await;
    let link = server.open().await;
    let answer = phone.message("SIP/2.0 200").await;
    for (number, (headers, status)) in [
        (named("nobody", &answer, ""), "SIP/2.0 481"),
        (named("place", &answer, ";early-only"), "SIP/2.0 486"),
        ("Replaces: place;to-tag=x\r\n".to_owned(), "SIP/2.0 400"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut other = SipPhone::call(server.address, &format!("no{number}"), &headers).await;
        other.message(status).await;
    }
    link.try_send(frame(0x11)).unwrap();
    phone.sees(|seen| !seen.audio.is_empty()).await;
}

#[tokio::test]
async fn whoever_takes_a_callers_place_is_heard_from_behind_a_translator_of_their_own() {
    let mut server = Server::start(Server::config()).await;
    let mut first = Phone::start().await;
    first.call_with(server.address, "first", &first.description()).await;
    let mut link = server.open().await;
    let answer = first.answer_to("INVITE", 1).await;
    first.ask(&answer, "ACK", 1, "", "").await;
    // Its description says where it is on its own side of that, from where nothing comes.
    let mut second = Phone::start_at("127.0.0.2").await;
    let body = second.description().replace("127.0.0.1", "127.0.0.3");
    let at = (server.address, server.address);
    second.invite(at, "second", &named("first", &answer.text, ""), &body).await;
    let taken = second.answer_to("INVITE", 1).await;
    second.ask(&taken, "ACK", 1, "", "").await;
    let speaking = async {
        loop {
            second.say(&taken, 0, &[0x32; 160]).await;
            sleep(Duration::from_millis(20)).await;
        }
    };
    let hearing = async {
        while let Some(Ok(told)) = link.recv().await {
            if matches!(told, Inbound::Audio(frame) if frame.payload[0] == 0x32) {
                return;
            }
        }
        panic!("the call is over");
    };
    tokio::select! {
        _ = speaking => {}
        heard = timeout(SOON, hearing) => heard.expect("nothing of it is heard"),
    }
    second.hears_silence().await;
}
