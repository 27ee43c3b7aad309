use super::element::Element;

/// A media stream. As a [`Verb`](super::Verb) it is `<Connect><Stream>`: audio both ways, one for
/// each call; the verbs behind it run when the stream ends.
///
/// Twilio strips the query from the address, so data goes into parameters, which come back in the
/// `start` message. Name and value of one take up to 500 characters together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stream {
    url: String,
    name: Option<String>,
    status_callback: Option<String>,
    action: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Stream {
    /// A stream to this `wss://` address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: None,
            status_callback: None,
            action: None,
            parameters: Vec::new(),
        }
    }

    /// Names the stream, so that it can be stopped.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where Twilio reports that the stream began, ended or failed.
    #[must_use]
    pub fn with_status_callback(mut self, url: impl Into<String>) -> Self {
        self.status_callback = Some(url.into());
        self
    }

    /// Where Twilio asks for instructions when the stream has ended, in place of the verbs behind.
    #[must_use]
    pub fn with_action(mut self, url: impl Into<String>) -> Self {
        self.action = Some(url.into());
        self
    }

    /// Sends a value along.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    pub(super) fn connect(&self) -> Element {
        Element::new("Connect").optional("action", self.action.as_ref()).child(self.element())
    }

    pub(super) fn start(&self) -> Element {
        Element::new("Start").child(self.element())
    }

    fn element(&self) -> Element {
        let mut stream = Element::new("Stream")
            .attribute("url", &self.url)
            .optional("name", self.name.as_ref())
            .optional("statusCallback", self.status_callback.as_ref());
        for (name, value) in &self.parameters {
            stream
                .push(Element::new("Parameter").attribute("name", name).attribute("value", value));
        }
        stream
    }
}
