use std::sync::Arc;

use voiceagent_core::{Result, Secret};

use crate::{
    document::{Language, RejectReason, Say, Verb},
    media_stream::Carrier,
    signature::{
        CheckSignature, PlivoSignature, SignalWireSignature, TelnyxSignature, TwilioSignature,
        VonageSignature,
    },
};

/// What differs between the front doors of carriers.
#[derive(Debug)]
pub(super) struct House {
    pub(super) carrier: Carrier,
    pub(super) language: Language,
    /// Makes the check of signatures from what they are made with.
    pub(super) signatures: fn(Vec<Secret>) -> Result<Arc<dyn CheckSignature>>,
    /// Whether the signature is also over the URL.
    pub(super) signs_url: bool,
    /// Whether the upgrade of the media socket is signed too.
    pub(super) signs_upgrade: bool,
    /// Whether a stream knows its call only from its parameters.
    pub(super) tells_call: bool,
    /// The field with the name of the call.
    pub(super) call: &'static str,
    /// The field with the account, where the stream names the same one.
    pub(super) account: Option<&'static str>,
    /// The fields with the two parties.
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) direction: &'static str,
    /// The fields of a status callback.
    pub(super) status: &'static str,
    pub(super) duration: &'static str,
    /// What callers get for whom there is no room.
    pub(super) when_full: fn() -> Vec<Verb>,
}

/// "TwiML for Programmable Voice: Twilio's request to your application".
pub(super) const TWILIO: House = House {
    carrier: Carrier::Twilio,
    language: Language::Twiml,
    signatures: |keys| Ok(Arc::new(TwilioSignature::new(keys)?)),
    signs_url: true,
    signs_upgrade: true,
    tells_call: false,
    call: "CallSid",
    account: Some("AccountSid"),
    from: "From",
    to: "To",
    direction: "Direction",
    status: "CallStatus",
    duration: "CallDuration",
    when_full: || vec![Verb::Reject(RejectReason::Busy)],
};

/// "cXML: request parameters". No signature of the upgrade is documented.
pub(super) const SIGNALWIRE: House = House {
    carrier: Carrier::SignalWire,
    language: Language::Cxml,
    signatures: |keys| Ok(Arc::new(SignalWireSignature::new(keys)?)),
    signs_upgrade: false,
    ..TWILIO
};

/// "TeXML: webhooks".
pub(super) const TELNYX: House = House {
    carrier: Carrier::Telnyx,
    language: Language::Texml,
    signatures: |keys| Ok(Arc::new(TelnyxSignature::new(keys)?)),
    account: None,
    signs_url: false,
    signs_upgrade: false,
    ..TWILIO
};

/// "Plivo XML: request parameters".
pub(super) const PLIVO: House = House {
    carrier: Carrier::Plivo,
    language: Language::Plivo,
    signatures: |keys| Ok(Arc::new(PlivoSignature::new(keys)?)),
    signs_upgrade: false,
    call: "CallUUID",
    account: None,
    duration: "Duration",
    ..TWILIO
};

/// "Voice API: webhooks".
pub(super) const VONAGE: House = House {
    carrier: Carrier::Vonage,
    language: Language::Ncco,
    signatures: |keys| Ok(Arc::new(VonageSignature::new(keys)?)),
    signs_url: false,
    signs_upgrade: false,
    tells_call: true,
    call: "uuid",
    account: None,
    from: "from",
    to: "to",
    direction: "direction",
    status: "status",
    duration: "duration",
    when_full: || {
        vec![Say::new("All lines are busy. Please call again later.").into(), Verb::Hangup]
    },
};
