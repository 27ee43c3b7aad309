use serde_json::Value;

use super::CompatibleApi;
use crate::{document::Language, rest::Body};

/// What differs between the carriers that speak this API.
#[derive(Debug)]
pub(super) struct Flavor {
    pub(super) api: CompatibleApi,
    pub(super) provider: &'static str,
    /// Where the API is; `None` where each customer has an address of their own.
    pub(super) base_url: Option<&'static str>,
    /// Where codes are made, where that is elsewhere.
    pub(super) verify_url: Option<&'static str>,
    /// What stands before `/Accounts`.
    pub(super) prefix: &'static str,
    /// What stands behind the name of a call, and of the list of calls.
    pub(super) suffix: &'static str,
    /// What stands behind the name of a recording, and of the list of recordings.
    pub(super) recordings_suffix: &'static str,
    /// Whether calls can be listed by being in progress.
    pub(super) lists_live: bool,
    /// Whether calls and messages can be listed by whom they went to, with the time of each.
    pub(super) lists_made: bool,
    pub(super) language: Language,
    /// The field for a document in a request; `None` where it must be fetched.
    pub(super) inline: Option<&'static str>,
    /// How the fields of a call that is to be made are written.
    pub(super) dial: fn(Vec<(&'static str, String)>) -> Body,
    /// Whether the key goes alone, without the account.
    pub(super) bearer: bool,
    /// Whether the events to be reported stand in one field.
    pub(super) joins_events: bool,
    pub(super) whatsapp: bool,
    /// Whether there are commands beside the documents: keys and music.
    pub(super) commands: bool,
}

impl Flavor {
    /// "Call resource".
    pub(super) const TWILIO: Self = Self {
        api: CompatibleApi::Twilio,
        provider: "twilio",
        base_url: Some("https://api.twilio.com"),
        verify_url: Some("https://verify.twilio.com"),
        prefix: "/2010-04-01",
        suffix: ".json",
        recordings_suffix: ".json",
        lists_live: true,
        lists_made: true,
        language: Language::Twiml,
        inline: Some("Twiml"),
        dial: Body::Form,
        bearer: false,
        joins_events: false,
        whatsapp: true,
        commands: false,
    };

    /// "Compatibility API: Calls". It has no field for a document.
    pub(super) const SIGNALWIRE: Self = Self {
        api: CompatibleApi::SignalWire,
        provider: "signalwire",
        base_url: None,
        verify_url: None,
        prefix: "/api/laml/2010-04-01",
        suffix: "",
        recordings_suffix: "",
        lists_live: true,
        lists_made: true,
        language: Language::Cxml,
        inline: None,
        whatsapp: false,
        ..Self::TWILIO
    };

    /// "TeXML REST commands", as the OpenAPI file has them.
    pub(super) const TELNYX: Self = Self {
        api: CompatibleApi::Telnyx,
        provider: "telnyx",
        base_url: Some("https://api.telnyx.com"),
        verify_url: None,
        prefix: "/v2/texml",
        suffix: "",
        recordings_suffix: ".json",
        lists_live: false,
        lists_made: false,
        language: Language::Texml,
        inline: Some("Texml"),
        dial: typed,
        bearer: true,
        joins_events: true,
        whatsapp: false,
        commands: true,
    };
}

/// The fields as an object whose numbers and truths are no text.
fn typed(fields: Vec<(&'static str, String)>) -> Body {
    let value = |name: &str, text: String| match name {
        "AsyncAmd" | "Timeout" => text.parse().unwrap_or_else(|_| Value::from(text)),
        _ => Value::from(text),
    };
    let field = |(name, text): (&str, String)| (name.to_owned(), value(name, text));
    Body::Json(Value::Object(fields.into_iter().map(field).collect()))
}
