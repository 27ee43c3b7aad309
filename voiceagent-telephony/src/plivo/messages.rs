use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use tracing::info;
use voiceagent_core::{ErrorKind, Result};

use super::PlivoRest;
use crate::{
    message::{Channel, Messenger, TextMessage},
    phone_number::bare,
    rest::{Ask, Body},
};

const SEND: &str = "send a message";

/// Plivo's WhatsApp takes templates only, which are not offered.
#[async_trait]
impl Messenger for PlivoRest {
    fn has(&self, channel: Channel) -> bool {
        channel == Channel::Sms
    }

    async fn send(&self, message: &TextMessage) -> Result<String> {
        if !self.has(message.channel) || message.template.is_some() {
            let why = "this carrier has no such channel, and no templates";
            return Err(self.rest.fault(ErrorKind::Unsupported, SEND, why));
        }
        let body = Body::Json(json!({
            "src": bare(self.directory.sender()?.as_str()),
            "dst": bare(self.directory.addressee(&message.to)?.as_str()),
            "text": message.text.expose(),
            "type": "sms",
        }));
        let path = format!("{}/Message/", self.account);
        let answer = self.rest.ask(&Ask::once(SEND, Method::POST, path).with(body)).await?;
        let name = answer.name(&["/message_uuid/0"])?;
        info!(message = name, "message sent");
        Ok(name)
    }
}
