use std::time::Duration;

use tokio::time::{Instant, pause, timeout};
use voiceagent_core::{
    Link,
    transport::{Inbound, Outbound, Transport as _},
};
use voiceagent_telephony::{
    control::Callee,
    sip::{SipServer, SipTrunk},
};

use crate::{
    phone::{Phone, Request},
    server::{SOON, Server, told},
};

/// We confirm such a call, halfway, and the other side takes no `UPDATE` for it.
pub(crate) const OURS: &str = "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n";
const OURS_AS_CALLED: &str = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n";
pub(crate) const HALF: Duration = Duration::from_secs(45);

/// A call of ours that has been taken, with the request that it began with.
pub(crate) struct Taken {
    pub(crate) phone: Phone,
    pub(crate) invite: Request,
    pub(crate) link: Link<Outbound, Inbound>,
    _server: tokio::task::JoinHandle<()>,
}

impl Taken {
    pub(crate) async fn by(headers: &str) -> Self {
        let mut phone = Phone::start().await;
        let mut config = Server::config();
        config.trunk = Some(SipTrunk::new(format!("sip:{}", phone.address())));
        config.directory = config.directory.with_target("ann", "+14155550100".parse().unwrap());
        config.media_timeout = Duration::from_secs(3_600);
        let server = SipServer::bind(config).await.unwrap();
        let dial = server.caller().call(&Callee::Target("ann".to_owned())).unwrap();
        let server = tokio::spawn(server.serve(|call| async move { drop(call) }));
        let opening = tokio::spawn(Box::new(dial).open());
        let invite = phone.request("INVITE").await;
        phone.answer(&invite, "200 OK", headers, &phone.description()).await;
        phone.request("ACK").await;
        let link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
        Self { phone, invite, link, _server: server }
    }
}

/// A description that asks us to be silent.
fn hold(phone: &Phone) -> String {
    phone.description() + "a=sendonly\r\n"
}

#[tokio::test]
async fn cp52_two_descriptions_that_cross_are_both_refused_and_whoever_comes_again_is_taken() {
    let Taken { mut phone, invite, link, .. } = Taken::by(OURS).await;
    pause();
    let ours = phone.request_within("INVITE", HALF * 2).await;
    assert!(ours.header("Session-Expires").starts_with("90;refresher=uac"), "{}", ours.text);
    let refused = phone.describe(&invite, 2, &hold(&phone)).await;
    assert!(refused.text.starts_with("SIP/2.0 491"), "{}", refused.text);
    phone.answer(&ours, "491 Request Pending", "", "").await;
    assert_eq!(phone.request("ACK").await.number(), ours.number());
    // The other side has waited for less time than we shall.
    let taken = phone.describe(&invite, 3, &hold(&phone)).await;
    assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
    assert!(taken.body().contains("a=recvonly"), "{}", taken.text);
    // That has confirmed the call: ours has nothing left to say until half of the time is over.
    let begin = Instant::now();
    let next = phone.request_within("INVITE", HALF * 2).await;
    let waited = begin.elapsed();
    assert!((HALF - Duration::from_secs(1)..=HALF + Duration::from_secs(1)).contains(&waited));
    assert!(next.number() > ours.number() && next.body().contains("a=recvonly"), "{}", next.text);
    phone.answer(&next, "200 OK", OURS, &hold(&phone)).await;
    assert_eq!(phone.request("ACK").await.number(), next.number());
    drop(link);
    phone.request("BYE").await;
}

#[tokio::test]
async fn cp52_a_description_of_ours_that_has_crossed_comes_again_later_in_a_call_of_ours() {
    let Taken { mut phone, mut link, .. } = Taken::by(OURS).await;
    pause();
    let mut before = phone.request_within("INVITE", HALF * 2).await;
    for _ in 0..3 {
        phone.answer(&before, "491 Request Pending", "", "").await;
        phone.request("ACK").await;
        let begin = Instant::now();
        let again = phone.request("INVITE").await;
        let waited = begin.elapsed();
        let expected = Duration::from_millis(2_100)..=Duration::from_millis(4_100);
        assert!(expected.contains(&waited), "{waited:?}");
        assert_eq!(again.body(), before.body(), "nothing has changed");
        assert!(again.number() > before.number());
        before = again;
    }
    phone.answer(&before, "200 OK", OURS, &phone.description()).await;
    phone.request("ACK").await;
    phone.ask(&before, "BYE", 2, "", "").await;
    assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn cp52_a_description_of_ours_that_has_crossed_comes_again_soon_in_a_call_of_theirs() {
    let mut config = Server::config();
    config.media_timeout = Duration::from_secs(3_600);
    let mut server = Server::start(config).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, OURS_AS_CALLED).await;
    let _link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    phone.ask(&answer, "ACK", 1, "", "").await;
    phone.hears_silence().await;
    pause();
    let ours = phone.request_within("INVITE", HALF * 2).await;
    let refused = phone.describe(&answer, 2, &hold(&phone)).await;
    assert!(refused.text.starts_with("SIP/2.0 491"), "{}", refused.text);
    phone.answer(&ours, "491 Request Pending", "", "").await;
    phone.request("ACK").await;
    let begin = Instant::now();
    let again = phone.request("INVITE").await;
    assert!(begin.elapsed() <= Duration::from_millis(2_100), "{:?}", begin.elapsed());
    // They cross again, for the other side comes first.
    let refused = phone.describe(&answer, 3, &hold(&phone)).await;
    assert!(refused.text.starts_with("SIP/2.0 491"), "{}", refused.text);
    phone.answer(&again, "200 OK", "Session-Expires: 90;refresher=uac\r\n", &hold(&phone)).await;
    phone.request("ACK").await;
    let taken = phone.describe(&answer, 4, &hold(&phone)).await;
    assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
}

#[tokio::test]
async fn a_call_is_confirmed_by_what_the_other_side_takes() {
    let headers = format!("{OURS}Allow: INVITE, ACK, BYE, UPDATE\r\n");
    let Taken { mut phone, link, .. } = Taken::by(&headers).await;
    pause();
    let update = phone.request_within("UPDATE", HALF * 2).await;
    assert_eq!(update.body(), "", "nothing is described anew");
    phone.answer(&update, "501 Not Implemented", "", "").await;
    let ours = phone.request("INVITE").await;
    phone.answer(&ours, "200 OK", OURS, &phone.description()).await;
    phone.request("ACK").await;
    drop(link);
    phone.request("BYE").await;
}

#[tokio::test]
async fn cp52_a_description_that_comes_too_early_or_too_late_is_answered() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    let link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    // Nothing has acknowledged the answer yet.
    let early = phone.describe(&answer, 2, &hold(&phone)).await;
    assert!(early.text.starts_with("SIP/2.0 491"), "{}", early.text);
    phone.ask(&answer, "ACK", 1, "", "").await;
    phone.hears_silence().await;
    let taken = phone.describe(&answer, 3, &hold(&phone)).await;
    assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
    drop(link);
    let bye = phone.request("BYE").await;
    // It has crossed our goodbye, or comes behind it.
    let late = phone.describe(&answer, 4, &hold(&phone)).await;
    assert!(late.text.starts_with("SIP/2.0 481"), "{}", late.text);
    phone.answer(&bye, "200 OK", "", "").await;
    let late = phone.describe(&answer, 5, &hold(&phone)).await;
    assert!(late.text.starts_with("SIP/2.0 481"), "{}", late.text);
    phone.ask(&answer, "BYE", 6, "", "").await;
    assert!(phone.answer_to("BYE", 6).await.text.starts_with("SIP/2.0 200"));
}

#[tokio::test]
async fn cp52_whatever_comes_before_the_acknowledgement_is_put_off_and_taken_behind_it() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    phone.call(server.address, server.address, "").await;
    let mut link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    let key = "Content-Type: application/dtmf\r\n";
    let asked = [("UPDATE", "", ""), ("INFO", key, "5"), ("OPTIONS", "", ""), ("MESSAGE", "", "")];
    for (number, (method, headers, body)) in (2..).zip(asked) {
        phone.ask(&answer, method, number, headers, body).await;
        let early = phone.answer_to(method, number).await;
        assert!(early.text.starts_with("SIP/2.0 500"), "{}", early.text);
        let wait: u32 = early.header("Retry-After").parse().unwrap();
        assert!(wait <= 10, "{}", early.text);
    }
    phone.ask(&answer, "ACK", 1, "", "").await;
    phone.hears_silence().await;
    for (number, (method, headers, body)) in (6..).zip(&asked[..3]) {
        phone.ask(&answer, method, number, headers, body).await;
        let taken = phone.answer_to(method, number).await;
        assert!(taken.text.starts_with("SIP/2.0 200"), "{}", taken.text);
    }
    // The key has counted once.
    assert_eq!(told(&mut link).await, Some(Inbound::Dtmf('5')));
    phone.ask(&answer, "BYE", 9, "", "").await;
    assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn an_answer_within_a_call_that_says_no_address_is_acknowledged_at_the_one_of_before() {
    let Taken { mut phone, link, .. } = Taken::by(OURS).await;
    pause();
    let ours = phone.request_within("INVITE", HALF * 2).await;
    phone.answer_from(&ours, "200 OK", "", OURS, &phone.description()).await;
    let ack = phone.request("ACK").await;
    assert_eq!((ack.number(), ack.uri()), (ours.number(), ours.uri()));
    drop(link);
    assert_eq!(phone.request("BYE").await.uri(), ours.uri());
}
