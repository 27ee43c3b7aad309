use voiceagent_core::audio::{AudioFormat, Encoding};

use super::{Language, element::Element};

/// A media stream. As a [`Verb`](super::Verb) it carries audio both ways (in TwiML,
/// `<Connect><Stream>`), one for each call; the verbs behind it run when the stream ends.
///
/// Carriers strip the query from the address, so data goes into parameters, which come back in the
/// `start` message. Name and value of one take up to 500 characters together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stream {
    pub(super) url: String,
    pub(super) name: Option<String>,
    pub(super) status_callback: Option<String>,
    pub(super) action: Option<String>,
    pub(super) format: Option<AudioFormat>,
    pub(super) parameters: Vec<(String, String)>,
}

impl Stream {
    /// A stream to this `wss://` address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: None,
            status_callback: None,
            action: None,
            format: None,
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

    /// The format of the audio, where the carrier has a choice: mu-law if not set, and for Vonage
    /// PCM at 16 kHz.
    #[must_use]
    pub const fn with_format(mut self, format: AudioFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Sends a value along.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    pub(super) fn connect(&self, language: Language) -> Element {
        let stream = self.element();
        let stream = match language {
            Language::Cxml => stream.optional("codec", self.signalwire_codec()),
            Language::Texml => {
                let codec = self.telnyx_codec();
                // Without it, Telnyx takes what it is sent for MP3.
                let stream = stream.attribute("bidirectionalMode", "rtp");
                stream.attribute("bidirectionalCodec", codec).attribute("codec", codec)
            }
            Language::Ncco | Language::Plivo | Language::Swml | Language::Twiml => stream,
        };
        Element::new("Connect").optional("action", self.action.as_ref()).child(stream)
    }

    pub(super) fn start(&self) -> Element {
        Element::new("Start").child(self.element())
    }

    pub(super) fn signalwire_codec(&self) -> Option<String> {
        let format = self.format.filter(|format| format.encoding == Encoding::PcmS16Le)?;
        Some(format!("L16@{}h", format.sample_rate))
    }

    fn telnyx_codec(&self) -> &'static str {
        let a_law = self.format.is_some_and(|format| format.encoding == Encoding::Alaw);
        if a_law { "PCMA" } else { "PCMU" }
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
