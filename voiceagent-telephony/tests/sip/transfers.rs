//! Calls that are handed on, and end meanwhile.

use std::time::Duration;

use voiceagent_core::{
    ErrorKind,
    transport::{Inbound, Outbound, Transport as _},
};
use voiceagent_telephony::sip::SipConfig;

use crate::{
    phone::{Phone, Request},
    server::{Server, told},
    within::Begun,
};

fn config() -> SipConfig {
    let mut config = Server::config();
    config.directory =
        config.directory.with_target("sales", "sip:sales@192.0.2.4".parse().unwrap());
    config
}

/// A call whose other side has been asked to hand it on, and what it was asked.
async fn asked() -> (Begun, Request) {
    let mut begun = Begun::with(config(), "").await;
    begun.link.try_send(Outbound::Transfer("sales".into())).unwrap();
    let refer = begun.phone.request("REFER").await;
    (begun, refer)
}

#[tokio::test]
async fn whoever_agrees_to_hand_a_call_on_and_hangs_up_has_done_so() {
    let (mut begun, refer) = asked().await;
    begun.phone.answer(&refer, "202 Accepted", "", "").await;
    // The answer has been read when the next request is answered.
    begun.phone.ask(&begun.answer, "OPTIONS", 2, "", "").await;
    begun.phone.answer_to("OPTIONS", 2).await;
    begun.phone.ask(&begun.answer, "BYE", 3, "", "").await;
    assert_eq!(told(&mut begun.link).await, Some(Inbound::Transferred));
    assert_eq!(told(&mut begun.link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn a_goodbye_that_overtakes_the_answer_to_a_transfer_does_not_hide_it() {
    for (status, expected) in [
        ("202 Accepted", Inbound::Transferred),
        ("603 Decline", Inbound::NotTransferred(ErrorKind::Rejected)),
    ] {
        let (mut begun, refer) = asked().await;
        begun.phone.ask(&begun.answer, "BYE", 2, "", "").await;
        begun.phone.answer_to("BYE", 2).await;
        begun.phone.answer(&refer, status, "", "").await;
        assert_eq!(told(&mut begun.link).await, Some(expected));
        assert_eq!(told(&mut begun.link).await, Some(Inbound::HungUp));
    }
}

#[tokio::test]
async fn whoever_hangs_up_without_an_answer_to_a_transfer_has_not_agreed() {
    let (mut begun, _) = asked().await;
    begun.phone.ask(&begun.answer, "BYE", 2, "", "").await;
    assert_eq!(told(&mut begun.link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn an_agent_is_told_to_wait_for_a_phone_that_rings_for_as_long_as_we_do() {
    let mut server = Server::start(config()).await;
    let phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    let can = server.call().await.capabilities();
    // 32 s for the answer to the request, and 90 s for what is told of it then.
    assert!(can.transfer && can.longest_transfer > Some(Duration::from_secs(32 + 90)), "{can:?}");
}
