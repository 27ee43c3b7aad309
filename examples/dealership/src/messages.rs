//! Text messages to people's phones.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use jiff::Timestamp;
use voiceagent_core::{Error, ErrorKind, Result};
use voiceagent_telephony::{
    control::Callee,
    message::{Channel as By, MessageTemplate, Messenger as Carrier, TextMessage},
};

use crate::{phone::Phone, store::Channel};

/// Sends text messages.
#[async_trait]
pub trait Messenger: Debug + Send + Sync + 'static {
    /// Sends a text, and returns the carrier's name for it when the carrier has taken it over.
    ///
    /// # Errors
    ///
    /// When the carrier did not take it, or nobody knows.
    ///
    /// # Cancel safety
    ///
    /// A message whose future is dropped was sent or not.
    async fn send(&self, to: &Phone, channel: Channel, text: &str) -> Result<String>;

    /// Sends a template on `WhatsApp`, by its name at the carrier, with what its places are filled
    /// with. Unlike free text it may be sent at any time.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    async fn send_template(
        &self,
        to: &Phone,
        name: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<String> {
        let _ = (to, name, variables);
        Err(Error::new(ErrorKind::Unsupported, "send a template", "there are no templates"))
    }

    /// The carrier's names for what was sent to somebody since then.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) where the carrier does not tell, or when it cannot
    /// be asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    async fn sent(&self, to: &Phone, channel: Channel, since: Timestamp) -> Result<Vec<String>>;
}

/// Sends text messages through a carrier's account.
///
/// The carrier's directory must open the numbers of all who may be written to: a text goes to those
/// who asked for it, whom only the database knows.
#[derive(Clone, Debug)]
pub struct CarrierMessenger(Arc<dyn Carrier>);

impl CarrierMessenger {
    /// Sends through this client.
    #[must_use]
    pub fn new(carrier: Arc<dyn Carrier>) -> Self {
        Self(carrier)
    }
}

#[async_trait]
impl Messenger for CarrierMessenger {
    async fn send(&self, to: &Phone, channel: Channel, text: &str) -> Result<String> {
        let message = TextMessage::new(callee(to)?, text)?.by(by(channel)?);
        self.0.send(&message).await
    }

    async fn send_template(
        &self,
        to: &Phone,
        name: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<String> {
        let template = MessageTemplate::new(name, variables.clone());
        self.0.send(&TextMessage::of_template(callee(to)?, template).by(By::WhatsApp)).await
    }

    async fn sent(&self, to: &Phone, channel: Channel, since: Timestamp) -> Result<Vec<String>> {
        self.0.sent(&callee(to)?, by(channel)?, SystemTime::from(since)).await
    }
}

/// Somebody as carriers call them.
///
/// # Errors
///
/// None at present: a number that was read is one that carriers take.
pub(crate) fn callee(to: &Phone) -> Result<Callee> {
    to.as_str().parse().map(Callee::Number)
}

fn by(channel: Channel) -> Result<By> {
    match channel {
        Channel::Sms => Ok(By::Sms),
        Channel::WhatsApp => Ok(By::WhatsApp),
        Channel::Email | Channel::Voice => {
            Err(Error::new(ErrorKind::Rejected, "send a message", "that is no such message"))
        }
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::Secret;
    use voiceagent_telephony::{
        compatible::{CompatibleApi, CompatibleConfig, CompatibleRest},
        control::Directory,
    };
    use voiceagent_testkit::{phone::Carrier as House, vendor::CarrierApi};

    use super::*;

    #[tokio::test]
    async fn texts_go_out_by_sms_and_whatsapp_and_are_found_again() {
        let api = CarrierApi::start(House::Twilio).await;
        let directory =
            Directory::default().with_from("+16305550100".parse().unwrap()).with_prefix("+");
        let secret = Secret::new(CarrierApi::SECRET);
        let config = CompatibleConfig::new(CompatibleApi::Twilio, CarrierApi::ACCOUNT, secret)
            .with_base_url(api.url())
            .with_directory(directory);
        let messenger = CarrierMessenger::new(Arc::new(CompatibleRest::new(config).unwrap()));
        let ana = Phone::parse("+16305550111").unwrap();
        let before = Timestamp::now();
        for (channel, to) in
            [(Channel::Sms, "+16305550111"), (Channel::WhatsApp, "whatsapp:+16305550111")]
        {
            let name = messenger.send(&ana, channel, "Hello").await.unwrap();
            assert_eq!(api.requests().last().unwrap().field("To"), Some(to));
            assert_eq!(messenger.sent(&ana, channel, before).await.unwrap(), [name]);
        }
        let places = [("1".to_owned(), "Ana".to_owned())].into();
        messenger.send_template(&ana, "HX0123", &places).await.unwrap();
        let request = api.requests().pop().unwrap();
        assert_eq!(request.field("To"), Some("whatsapp:+16305550111"));
        assert_eq!(request.field("ContentSid"), Some("HX0123"));
        assert_eq!(request.field("ContentVariables"), Some(r#"{"1":"Ana"}"#));
        assert_eq!(request.field("Body"), None, "a template stands in its place");
        let error = messenger.send(&ana, Channel::Voice, "Hello").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    }
}
