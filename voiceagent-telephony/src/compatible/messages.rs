use std::time::SystemTime;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use tracing::info;
use voiceagent_core::{ErrorKind, Result};

use super::CompatibleRest;
use crate::{
    control::Callee,
    message::{Channel, Messenger, TextMessage},
    rest::{Ask, Body},
};

const SEND: &str = "send a message";

#[async_trait]
impl Messenger for CompatibleRest {
    fn has(&self, channel: Channel) -> bool {
        channel == Channel::Sms || self.flavor.whatsapp
    }

    async fn send(&self, message: &TextMessage) -> Result<String> {
        // A carrier without the channel has no templates for it either.
        if !self.has(message.channel) || message.template.is_some() && !self.flavor.whatsapp {
            let why = "this carrier has no such channel";
            return Err(self.rest.fault(ErrorKind::Unsupported, SEND, why));
        }
        let scheme = scheme(message.channel);
        let to = format!("{scheme}{}", self.directory.addressee(&message.to)?.as_str());
        let from = format!("{scheme}{}", self.directory.sender()?.as_str());
        let text = message.text.expose();
        let (path, body) = if self.flavor.commands {
            // "Send a message": no part of the shared API.
            ("/v2/messages".to_owned(), Body::Json(json!({ "to": to, "from": from, "text": text })))
        } else {
            let mut fields = vec![("To", to), ("From", from)];
            match &message.template {
                // "Message resource": a template of the Content API in place of a body.
                Some(template) => {
                    fields.push(("ContentSid", template.name().to_owned()));
                    fields.push(("ContentVariables", template.variables()));
                }
                None => fields.push(("Body", text.to_owned())),
            }
            (format!("{}/Messages{}", self.account, self.flavor.suffix), Body::Form(fields))
        };
        let answer = self.rest.ask(&Ask::once(SEND, Method::POST, path).with(body)).await?;
        let name = answer.name(&["/sid", "/data/id"])?;
        info!(message = name, "message sent");
        Ok(name)
    }

    async fn sent(&self, to: &Callee, channel: Channel, since: SystemTime) -> Result<Vec<String>> {
        const ASK: &str = "list messages";
        if !self.has(channel) || !self.flavor.lists_made {
            let why = "this carrier lists no such messages";
            return Err(self.rest.fault(ErrorKind::Unsupported, ASK, why));
        }
        let list = format!("{}/Messages{}", self.account, self.flavor.suffix);
        let path = self.made_path(&list, to, scheme(channel))?;
        self.rest.ask(&Ask::again(ASK, Method::GET, path)).await?.made("/messages", since)
    }
}

/// What stands before the numbers of a channel ("Message resource").
const fn scheme(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "",
        Channel::WhatsApp => "whatsapp:",
    }
}
