use crate::media_stream::Carrier;

/// What a carrier's instructions are written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Language {
    /// SignalWire's dialect of TwiML.
    Cxml,
    /// Vonage's JSON ("NCCO reference"). A call ends with its last action.
    Ncco,
    /// Plivo's XML.
    Plivo,
    /// SignalWire's own instructions, in JSON ("SWML methods"): a document for a number or a
    /// script of the account, or for what asks for one. The front door answers in cXML.
    Swml,
    /// Telnyx's dialect of TwiML.
    Texml,
    /// Twilio's XML ("TwiML for Programmable Voice").
    Twiml,
}

impl Language {
    /// The media type of its documents.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Ncco | Self::Swml => "application/json",
            Self::Cxml | Self::Plivo | Self::Texml | Self::Twiml => "text/xml; charset=utf-8",
        }
    }

    /// What the carrier understands; `None` where calls are set up without a document of ours.
    #[must_use]
    pub const fn of(carrier: Carrier) -> Option<Self> {
        match carrier {
            Carrier::Exotel | Carrier::Jambonz => None,
            Carrier::Plivo => Some(Self::Plivo),
            Carrier::SignalWire => Some(Self::Cxml),
            Carrier::Telnyx => Some(Self::Texml),
            Carrier::Twilio => Some(Self::Twiml),
            Carrier::Vonage => Some(Self::Ncco),
        }
    }
}
