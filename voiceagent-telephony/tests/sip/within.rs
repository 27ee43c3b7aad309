//! Requests of the other side within a call that goes on.

use voiceagent_core::{
    Link,
    transport::{Inbound, Outbound},
};
use voiceagent_telephony::sip::SipConfig;

use crate::{
    phone::{Phone, Request},
    server::Server,
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
