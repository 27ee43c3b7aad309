use std::fmt;

/// Whose media streams a socket takes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Carrier {
    /// Exotel's AgentStream: PCM in JSON, in pieces of a tenth of a second.
    Exotel,
    /// The `listen` verb of jambonz, with streaming both ways: PCM in binary messages.
    Jambonz,
    /// Plivo's audio streams, both ways: mu-law or PCM in JSON.
    Plivo,
    /// SignalWire's cXML streams: mu-law or PCM in JSON.
    SignalWire,
    /// Telnyx's media streaming in its RTP mode: G.711 in JSON.
    Telnyx,
    /// Twilio's Media Streams: mu-law in JSON.
    Twilio,
    /// Vonage's Voice API: PCM in binary messages.
    Vonage,
}

impl Carrier {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Exotel,
        Self::Jambonz,
        Self::Plivo,
        Self::SignalWire,
        Self::Telnyx,
        Self::Twilio,
        Self::Vonage,
    ];

    /// The name that stands in errors and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exotel => "exotel",
            Self::Jambonz => "jambonz",
            Self::Plivo => "plivo",
            Self::SignalWire => "signalwire",
            Self::Telnyx => "telnyx",
            Self::Twilio => "twilio",
            Self::Vonage => "vonage",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
