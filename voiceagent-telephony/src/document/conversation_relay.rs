use super::element::Element;

/// A conversation in text: the carrier recognizes and speaks (`<Connect><ConversationRelay>`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConversationRelay {
    url: String,
    greeting: Option<String>,
    language: Option<String>,
    voice: Option<(String, String)>,
    parameters: Vec<(String, String)>,
}

impl ConversationRelay {
    /// Relays to this `wss://` address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// What the caller hears while the connection is made. The session does not know of it.
    #[must_use]
    pub fn with_greeting(mut self, text: impl Into<String>) -> Self {
        self.greeting = Some(text.into());
        self
    }

    /// The language of both sides, such as `en-US`.
    #[must_use]
    pub fn with_language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// The vendor of the voice, such as `ElevenLabs`, and its name there.
    #[must_use]
    pub fn with_voice(mut self, vendor: impl Into<String>, name: impl Into<String>) -> Self {
        self.voice = Some((vendor.into(), name.into()));
        self
    }

    /// Adds a parameter, which comes back when the connection is made.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The same conversation at another address.
    pub(crate) fn at(&self, url: String) -> Self {
        Self { url, ..self.clone() }
    }

    pub(super) fn element(&self) -> Element {
        let (vendor, voice) = self.voice.as_ref().map(|(vendor, name)| (vendor, name)).unzip();
        let mut relay = Element::new("ConversationRelay")
            .attribute("dtmfDetection", "true")
            // So that a call is not hung up before its goodbye was spoken.
            .attribute("events", "speaker-events")
            .optional("language", self.language.as_ref())
            .optional("ttsProvider", vendor)
            .attribute("url", &self.url)
            .optional("voice", voice)
            .optional("welcomeGreeting", self.greeting.as_ref());
        for (name, value) in &self.parameters {
            let parameter = Element::new("Parameter").attribute("name", name);
            relay.push(parameter.attribute("value", value));
        }
        Element::new("Connect").child(relay)
    }
}
