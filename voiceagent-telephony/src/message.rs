//! Text messages: SMS, and WhatsApp where the carrier has it.

use std::{collections::BTreeMap, fmt::Debug, time::SystemTime};

use async_trait::async_trait;
use voiceagent_core::{Error, ErrorKind, Private, Result};

use crate::control::Callee;

/// The longest text, in characters: Twilio's limit, which is the lowest.
const LONGEST_TEXT: usize = 1_600;

/// Sends text messages.
#[async_trait]
pub trait Messenger: Debug + Send + Sync + 'static {
    /// Whether messages go out by this channel.
    fn has(&self, channel: Channel) -> bool;

    /// Sends a message from our number, and gives the carrier's name for it. It is asked for once,
    /// whatever comes back: after a [`Timeout`](ErrorKind::Timeout) or
    /// [`Disconnected`](ErrorKind::Disconnected) it may have been sent.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) for somebody who is not in the directory,
    /// [`Unsupported`](ErrorKind::Unsupported) for a channel that the carrier does not have.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up waiting. Whether the message was sent is then unknown.
    async fn send(&self, message: &TextMessage) -> Result<String>;

    /// The carrier's names for the messages that went from our number to somebody since then, to
    /// the second, latest first; of more than fifty, the latest. It tells what became of a message
    /// whose outcome is unknown.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) where the carrier does not list messages, and as
    /// [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the question, and changes nothing.
    async fn sent(&self, to: &Callee, channel: Channel, since: SystemTime) -> Result<Vec<String>> {
        let _ = (to, channel, since);
        let message = "this carrier lists no messages";
        Err(Error::new(ErrorKind::Unsupported, "list messages", message))
    }
}

/// A message to be sent.
///
/// ```
/// use voiceagent_telephony::{control::Callee, message::TextMessage};
///
/// let driver = Callee::Target("driver".to_owned());
/// let message = TextMessage::new(driver, "Your car is ready.")?;
/// assert!(!format!("{message:?}").contains("car"));
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TextMessage {
    /// Who gets it.
    pub to: Callee,
    /// How it goes; by SMS if not set.
    pub channel: Channel,
    /// What it says; empty for a template.
    pub text: Private,
    /// The template that stands for the text.
    pub template: Option<MessageTemplate>,
}

/// Words that the vendor has approved, by their name there, with what their places are filled with.
/// WhatsApp takes them at any time.
#[derive(Clone, Debug)]
pub struct MessageTemplate {
    name: String,
    variables: BTreeMap<String, Private>,
}

impl MessageTemplate {
    /// A template with what its places are filled with, by their names: `1`, `2`.
    #[must_use]
    pub fn new(name: impl Into<String>, variables: BTreeMap<String, String>) -> Self {
        let private = |(name, value): (String, String)| (name, Private::new(value));
        Self { name: name.into(), variables: variables.into_iter().map(private).collect() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the places are filled with, as a JSON object.
    #[must_use]
    pub fn variables(&self) -> String {
        let plain = self.variables.iter().map(|(name, value)| (name, value.expose()));
        serde_json::json!(plain.collect::<BTreeMap<_, _>>()).to_string()
    }
}

impl TextMessage {
    /// An SMS.
    ///
    /// # Errors
    ///
    /// [`Rejected`](ErrorKind::Rejected) when the text is empty or has more than 1,600 characters.
    pub fn new(to: Callee, text: &str) -> Result<Self> {
        if text.is_empty() || text.chars().count() > LONGEST_TEXT {
            let message = "the text has 1 to 1,600 characters";
            return Err(Error::new(ErrorKind::Rejected, "write a message", message));
        }
        Ok(Self { to, channel: Channel::Sms, text: Private::new(text), template: None })
    }

    /// A template, by SMS if not set otherwise.
    #[must_use]
    pub fn of_template(to: Callee, template: MessageTemplate) -> Self {
        Self { to, channel: Channel::Sms, text: Private::new(""), template: Some(template) }
    }

    /// Says how it goes.
    #[must_use]
    pub const fn by(mut self, channel: Channel) -> Self {
        self.channel = channel;
        self
    }
}

/// How a message goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Channel {
    /// As an SMS.
    Sms,
    /// By WhatsApp, which takes free text for 24 h after the user's last message only.
    WhatsApp,
}
