use tokio::time::timeout;
use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, MediaTime},
    transport::{Inbound, Outbound},
};
use voiceagent_telephony::{
    control::Callee,
    sip::{SipServer, SipTrunk},
};

use crate::{
    phone::{Phone, address_in},
    proxy::Proxy,
    server::{SOON, Server, told},
};

/// Two proxies: requests to `near` go by way of `far` to somebody.
async fn chain(to: std::net::SocketAddr) -> (Proxy, Proxy) {
    let far = Proxy::to(to).await;
    (Proxy::to(far.address).await, far)
}

#[tokio::test]
async fn cp43_what_acknowledges_an_answer_goes_through_the_proxies_that_want_to_see_it() {
    let mut phone = Phone::start().await;
    let (near, far) = chain(phone.address()).await;
    let mut config = Server::config();
    config.trunk = Some(SipTrunk::new(format!("sip:{}", near.address)));
    config.directory = config.directory.with_target("ann", "+14155550100".parse().unwrap());
    let server = SipServer::bind(config).await.unwrap();
    let caller = server.caller();
    let _server = tokio::spawn(server.serve(|call| async move { drop(call) }));
    let dial = caller.call(&Callee::Target("ann".to_owned())).unwrap();
    let opening = tokio::spawn(voiceagent_core::transport::Transport::open(Box::new(dial)));
    let invite = phone.request("INVITE").await;
    assert_eq!(invite.from, far.address);
    phone.answer(&invite, "180 Ringing", "", "").await;
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    let ack = phone.request("ACK").await;
    assert_eq!(ack.from, far.address, "each proxy has passed it on, in their order");
    assert_eq!(ack.uri(), format!("sip:phone@{}", phone.address()));
    assert_eq!(ack.headers("Route").count(), 0, "no proxy is left: {}", ack.text);
    assert_eq!(ack.number(), invite.number());
    // An answer that comes again is acknowledged again.
    phone.answer(&invite, "200 OK", "", &phone.description()).await;
    phone.forget(&ack);
    assert_eq!(phone.request("ACK").await.from, far.address);
    let mut link = timeout(SOON, opening).await.unwrap().unwrap().unwrap();
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![0x11; 160].into());
    link.try_send(Outbound::Audio(frame)).unwrap();
    assert_eq!(phone.hears().await, [0x11; 160]);
    // What the other side asks for comes by them too, and so does what ends the call.
    phone.ask(&invite, "OPTIONS", 2, "", "").await;
    assert!(phone.answer_to("OPTIONS", 2).await.text.starts_with("SIP/2.0 200"));
    phone.ask(&invite, "BYE", 3, "", "").await;
    assert!(phone.answer_to("BYE", 3).await.text.starts_with("SIP/2.0 200"));
    assert_eq!(told(&mut link).await, Some(Inbound::HungUp));
}

#[tokio::test]
async fn cp43_what_ends_a_call_that_came_through_proxies_goes_back_through_them() {
    let mut server = Server::start(Server::config()).await;
    let mut phone = Phone::start().await;
    let (near, far) = chain(server.address).await;
    phone.call(server.address, near.address, "").await;
    let link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    let wishes: Vec<_> = answer.headers("Record-Route").map(address_in).collect();
    assert_eq!(wishes, [far.address, near.address], "all are told, in their order");
    phone.ask(&answer, "ACK", 1, "", "").await;
    drop(link);
    let bye = phone.request("BYE").await;
    assert_eq!(bye.from, near.address);
    assert_eq!(bye.uri(), format!("sip:ann@{}", phone.address()));
    phone.answer(&bye, "200 OK", "", "").await;
}

#[tokio::test]
async fn cp54_a_caller_behind_proxies_is_handed_on() {
    let mut config = Server::config();
    config.directory =
        config.directory.with_target("sales", "sip:sales@192.0.2.4".parse().unwrap());
    let mut server = Server::start(config).await;
    let mut phone = Phone::start().await;
    let (near, _far) = chain(server.address).await;
    phone.call(server.address, near.address, "").await;
    let mut link = server.open().await;
    let answer = phone.answer_to("INVITE", 1).await;
    phone.ask(&answer, "ACK", 1, "", "").await;
    phone.hears_silence().await;
    link.try_send(Outbound::Transfer("sales".into())).unwrap();
    let refer = phone.request("REFER").await;
    assert_eq!(refer.from, near.address);
    assert_eq!(refer.header("Refer-To"), "<sip:sales@192.0.2.4>");
    phone.answer(&refer, "202 Accepted", "", "").await;
    let news = "Event: refer\r\nSubscription-State: terminated\r\n\
                Content-Type: message/sipfrag\r\n";
    phone.ask(&answer, "NOTIFY", 2, news, "SIP/2.0 200 OK\r\n").await;
    assert!(phone.answer_to("NOTIFY", 2).await.text.starts_with("SIP/2.0 200"));
    assert_eq!(told(&mut link).await, Some(Inbound::Transferred));
    // What is told of it later, when the call is over, belongs to none.
    drop(link);
    let bye = phone.request("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    phone.ask(&answer, "NOTIFY", 3, news, "SIP/2.0 200 OK\r\n").await;
    assert!(phone.answer_to("NOTIFY", 3).await.text.starts_with("SIP/2.0 481"));
}
