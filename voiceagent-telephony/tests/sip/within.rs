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
