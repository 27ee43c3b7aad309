//! Requests of the other side within a call that goes on.

use std::time::Duration;

use tokio::time::pause;
use voiceagent_core::{
    Link,
    transport::{Inbound, Outbound},
};
use voiceagent_telephony::sip::SipConfig;

use crate::{
    phone::{Phone, Request},
    server::{Server, told},
};

const SDP: &str = "Content-Type: application/sdp\r\n";

/// A call of a phone that has begun.
pub(crate) struct Begun {
    pub(crate) phone: Phone,
    /// Our answer to the phone's `INVITE`.
    pub(crate) answer: Request,
    pub(crate) link: Link<Outbound, Inbound>,
    _server: Server,
}

impl Begun {
    /// Calls with such headers, and waits until we speak.
    pub(crate) async fn with(config: SipConfig, headers: &str) -> Self {
        let mut server = Server::start(config).await;
        let mut phone = Phone::start().await;
        phone.call(server.address, server.address, headers).await;
        let link = server.open().await;
        let answer = phone.answer_to("INVITE", 1).await;
        phone.ask(&answer, "ACK", 1, "", "").await;
        phone.hears_silence().await;
        Self { phone, answer, link, _server: server }
    }
}

#[tokio::test]
async fn requests_of_ours_go_to_where_the_other_side_said_last_that_it_is() {
    let Begun { mut phone, answer, link, .. } = Begun::with(Server::config(), "").await;
    let contact = format!("sip:moved@{}", phone.address());
    let described = phone.description();
    phone.ask_from(&answer, ("INVITE", 2), &contact, SDP, &described).await;
    phone.answer_to("INVITE", 2).await;
    phone.ask(&answer, "ACK", 2, "", "").await;
    drop(link);
    assert_eq!(phone.request("BYE").await.uri(), contact);
}

#[tokio::test]
async fn a_caller_who_knows_no_timers_is_confirmed_by_us() {
    let asked = "Session-Expires: 1800\r\n";
    for (headers, refresher, required) in [
        (asked.to_owned(), "uas", None),
        (format!("{asked}Supported: replaces, Timer\r\n"), "uac", Some("timer")),
        (format!("{asked}k: timer\r\n"), "uac", Some("timer")),
    ] {
        let begun = Begun::with(Server::config(), &headers).await;
        let answer = &begun.answer;
        assert_eq!(answer.header("Session-Expires"), format!("1800;refresher={refresher}"));
        assert_eq!(answer.headers("Require").next(), required, "{headers}");
    }
}

#[tokio::test]
async fn what_is_required_or_too_short_within_a_call_is_refused_as_in_a_new_one() {
    let Begun { mut phone, answer, link, .. } = Begun::with(Server::config(), "").await;
    let described = phone.description();
    for (number, method, headers, status, told) in [
        (2, "INVITE", "Require: what-we-lack\r\n", "420", ("Unsupported", "what-we-lack")),
        (3, "UPDATE", "Require: what-we-lack\r\n", "420", ("Unsupported", "what-we-lack")),
        (4, "INVITE", "Supported: timer\r\nSession-Expires: 30\r\n", "422", ("Min-SE", "90")),
    ] {
        phone.ask(&answer, method, number, &format!("{headers}{SDP}"), &described).await;
        let refused = phone.answer_to(method, number).await;
        assert!(refused.text.starts_with(&format!("SIP/2.0 {status} ")), "{}", refused.text);
        assert_eq!(refused.header(told.0), told.1);
    }
    drop(link);
    phone.request("BYE").await;
}

#[tokio::test]
async fn whoever_asks_what_we_can_do_is_offered_all_of_it_and_answers_when_they_acknowledge() {
    let Begun { mut phone, answer, mut link, .. } = Begun::with(Server::config(), "").await;
    let hold = phone.description() + "a=sendonly\r\n";
    phone.describe(&answer, 2, &hold).await;
    assert_eq!(told(&mut link).await, Some(Inbound::Held(true)));
    phone.ask(&answer, "INVITE", 3, "", "").await;
    let offer = phone.answer_to("INVITE", 3).await;
    assert!(offer.body().contains("a=sendrecv"), "a hold is not offered: {}", offer.body());
    assert!(offer.body().contains("RTP/AVP 0 8 "), "all codecs: {}", offer.body());
    phone.move_media().await;
    phone.ask(&answer, "ACK", 3, SDP, &phone.description().replace("AVP 0", "AVP 8")).await;
    assert_eq!(told(&mut link).await, Some(Inbound::Held(false)));
    while phone.packet().await.0 != 8 {}
    // And the next description of the other side is taken.
    phone.describe(&answer, 4, &hold).await;
    assert_eq!(told(&mut link).await, Some(Inbound::Held(true)));
}

#[tokio::test]
async fn requests_of_ours_go_to_where_the_other_side_says_it_is_when_it_answers_one() {
    let headers = "Supported: timer\r\nAllow: UPDATE\r\nSession-Expires: 90;refresher=uas\r\n";
    let mut config = Server::config();
    config.media_timeout = Duration::from_secs(3_600);
    let Begun { mut phone, link, .. } = Begun::with(config, headers).await;
    pause();
    let asked = phone.request_within("UPDATE", Duration::from_secs(60)).await;
    let contact = format!("sip:moved@{}", phone.address());
    let confirmed = "Session-Expires: 90;refresher=uac\r\n";
    phone.answer_from(&asked, "200 OK", &contact, confirmed, "").await;
    let again = phone.request_within("UPDATE", Duration::from_secs(60)).await;
    assert_eq!(again.uri(), contact);
    drop(link);
}

#[tokio::test]
async fn an_offer_of_ours_waits_for_what_acknowledges_it_and_nothing_else_is_taken_meanwhile() {
    let Begun { mut phone, answer, mut link, .. } = Begun::with(Server::config(), "").await;
    let hold = phone.description() + "a=sendonly\r\n";
    phone.ask(&answer, "INVITE", 2, "", "").await;
    phone.answer_to("INVITE", 2).await;
    // Another description would cross the offer.
    phone.ask(&answer, "UPDATE", 3, SDP, &hold).await;
    let crossed = phone.answer_to("UPDATE", 3).await;
    assert!(crossed.text.starts_with("SIP/2.0 491"), "{}", crossed.text);
    phone.ask(&answer, "ACK", 2, SDP, &hold).await;
    assert_eq!(told(&mut link).await, Some(Inbound::Held(true)));
    phone.ask(&answer, "UPDATE", 4, SDP, &phone.description()).await;
    let taken = phone.answer_to("UPDATE", 4).await;
    assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
    assert_eq!(told(&mut link).await, Some(Inbound::Held(false)));
}

#[tokio::test]
async fn only_what_acknowledges_our_offer_answers_it() {
    let Begun { mut phone, answer, mut link, .. } = Begun::with(Server::config(), "").await;
    phone.ask(&answer, "INVITE", 2, "", "").await;
    phone.answer_to("INVITE", 2).await;
    // What acknowledged the call itself comes once more, and late.
    phone.ask(&answer, "ACK", 1, SDP, &(phone.description() + "a=sendonly\r\n")).await;
    phone.ask(&answer, "INFO", 3, "Content-Type: application/dtmf\r\n", "5").await;
    assert_eq!(told(&mut link).await, Some(Inbound::Dtmf('5')));
    phone.ask(&answer, "ACK", 2, SDP, &phone.description().replace("AVP 0", "AVP 8")).await;
    while phone.packet().await.0 != 8 {}
}
