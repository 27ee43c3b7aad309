use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use tracing::info;
use voiceagent_core::{ErrorKind, Result};

use super::VonageRest;
use crate::{
    message::{Channel, Messenger, TextMessage},
    phone_number::bare,
    rest::{Ask, Body},
};

const SEND: &str = "send a message";

/// "Messages API".
#[async_trait]
impl Messenger for VonageRest {
    fn has(&self, channel: Channel) -> bool {
        matches!(channel, Channel::Sms | Channel::WhatsApp)
    }

    async fn send(&self, message: &TextMessage) -> Result<String> {
        if message.template.is_some() {
            let why = "templates of this carrier are not known here";
            return Err(self.rest.fault(ErrorKind::Unsupported, SEND, why));
        }
        let channel = match message.channel {
            Channel::Sms => "sms",
            Channel::WhatsApp => "whatsapp",
        };
        let body = Body::Json(json!({
            "channel": channel,
            "message_type": "text",
            "from": bare(self.directory.sender()?.as_str()),
            "to": bare(self.directory.addressee(&message.to)?.as_str()),
            "text": message.text.expose(),
        }));
        let ask = Ask::once(SEND, Method::POST, "/v1/messages".to_owned());
        let name = self.rest.ask(&ask.with(body)).await?.name(&["/message_uuid"])?;
        info!(message = name, "message sent");
        Ok(name)
    }
}
