//! What whoever sends a call on says of it, whichever way it comes.
//!
//! A dispatch rule puts JSON into `metadata`; a carrier brings the same fields in the address of the
//! webhook that it signs, or as headers of SIP behind `SipHeader_`; a trunk has them in headers that
//! begin with `X-`. Here they are one thing. Who may send calls may say this of them: nobody else
//! gets as far. What cannot be read is left out, and the call is answered without.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use voiceagent_core::{Error, Result, transport::CallInfo};
use voiceagent_telephony::front_door::VoiceWebhook;

use crate::{phone::Phone, store::LeadId};

/// The fields, as they stand in JSON and in addresses.
const FIELDS: [&str; 5] = [METADATA, TEMPLATE, CALL_TYPE, PHONE, LEAD];
const METADATA: &str = "metadata";
const TEMPLATE: &str = "template_id";
const CALL_TYPE: &str = "call_type";
const PHONE: &str = "phone_number";
const LEAD: &str = "lead_id";
/// What Twilio puts before the headers of SIP ("TwiML for Programmable Voice: SIP headers").
const OF_SIP: &str = "sipheader_";

/// What is known of a call from whoever has sent it on.
///
/// ```
/// use dealership::call_context::{CallContext, CallType};
///
/// let context = CallContext::from_json(
///     r#"{ "template_id": "campaign", "call_type": "inbound-qualified" }"#,
/// )?;
/// assert_eq!(context.template.as_deref(), Some("campaign"));
/// assert_eq!(context.call_type, CallType::InboundQualified);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CallContext {
    /// The template that is to answer: its name, or its name and a version, such as `inbound@3`.
    pub template: Option<String>,
    /// What kind of call it is.
    pub call_type: CallType,
    /// The number of the other side, where the line itself tells none.
    pub phone: Option<Phone>,
    /// The lead that it is about.
    pub lead: Option<LeadId>,
}

/// What kind of call it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallType {
    /// Somebody calls who was found worth a consultation before.
    InboundQualified,
    /// Somebody calls who was not.
    InboundUnqualified,
    /// Nobody knows, or by a word that is none of ours.
    #[default]
    Unknown,
}

impl CallType {
    /// Reads one. Any other word is [`Unknown`](Self::Unknown).
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word.trim().to_lowercase().replace('_', "-").as_str() {
            "inbound-qualified" => Self::InboundQualified,
            "inbound-unqualified" => Self::InboundUnqualified,
            _ => Self::Unknown,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::InboundQualified => "inbound-qualified",
            Self::InboundUnqualified => "inbound-unqualified",
            Self::Unknown => "unknown",
        }
    }
}

impl CallContext {
    /// Reads the metadata of a dispatch rule. Fields of others, and values that make no sense, are
    /// left out.
    ///
    /// # Errors
    ///
    /// [`Config`](voiceagent_core::ErrorKind::Config) for what is no object in JSON.
    pub fn from_json(metadata: &str) -> Result<Self> {
        let object: Map<String, Value> = serde_json::from_str(metadata)
            .map_err(|_| Error::config("the metadata of a call is an object in JSON"))?;
        let plain = |(name, value)| match value {
            Value::String(text) => Some((name, text)),
            Value::Number(number) => Some((name, number.to_string())),
            Value::Array(_) | Value::Bool(_) | Value::Null | Value::Object(_) => None,
        };
        let fields: BTreeMap<String, String> = object.into_iter().filter_map(plain).collect();
        Ok(Self::of_fields(&|name| fields.get(name).map(String::as_str)))
    }

    /// What a call brings with it. A field of its own wins over the same one in `metadata`.
    #[must_use]
    pub fn of(call: &CallInfo) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in &call.parameters {
            if let Some(field) = field(name) {
                fields.entry(field).or_insert(value.as_str());
            }
        }
        let own = Self::of_fields(&|name| fields.get(name).copied());
        match fields.get(METADATA).map(|metadata| Self::from_json(metadata)) {
            Some(Ok(told)) => Self {
                template: own.template.or(told.template),
                call_type: match own.call_type {
                    CallType::Unknown => told.call_type,
                    known => known,
                },
                phone: own.phone.or(told.phone),
                lead: own.lead.or(told.lead),
            },
            // The values may be anybody's words, and are not told.
            Some(Err(error)) => {
                tracing::warn!(call = %call.id, %error, "the metadata of a call is left out");
                own
            }
            None => own,
        }
    }

    /// What a carrier's webhook says of it, to be put into the parameters of the call's stream.
    pub(crate) fn carried(webhook: &VoiceWebhook) -> BTreeMap<String, String> {
        let mut carried = BTreeMap::new();
        // The address is ours; what it says comes before what somebody else's phone has sent.
        let headers = webhook.fields().filter(|(name, _)| {
            name.get(..OF_SIP.len()).is_some_and(|start| start.eq_ignore_ascii_case(OF_SIP))
        });
        for (name, value) in webhook.query().chain(headers) {
            if let Some(field) = field(name) {
                carried.entry(field.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        carried
    }

    /// What a model is told of it, as data; `None` if nothing is known that it could use.
    #[must_use]
    pub fn brief(&self) -> Option<Value> {
        let call_type = (self.call_type != CallType::Unknown).then(|| self.call_type.word());
        let lead = self.lead.map(|lead| lead.to_string());
        (call_type.is_some() || lead.is_some()).then(|| json!({ CALL_TYPE: call_type, LEAD: lead }))
    }

    fn of_fields<'a>(field: &dyn Fn(&str) -> Option<&'a str>) -> Self {
        let text = |name| field(name).map(str::trim).filter(|text| !text.is_empty());
        Self {
            template: text(TEMPLATE).map(str::to_owned),
            call_type: text(CALL_TYPE).map_or(CallType::Unknown, CallType::parse),
            phone: text(PHONE).and_then(Phone::parse),
            lead: text(LEAD).and_then(LeadId::parse),
        }
    }
}

/// The field that a parameter or a header stands for: `X-Lead-Id` is `lead_id`.
fn field(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace('-', "_");
    let name = name.strip_prefix(OF_SIP).unwrap_or(&name);
    let name = name.strip_prefix("x_").unwrap_or(name);
    FIELDS.into_iter().find(|field| *field == name)
}

#[cfg(test)]
mod tests {
    use voiceagent_core::{audio::AudioFormat, transport::Media};

    use super::*;

    const LEAD_ID: &str = "0197a1b2-0000-7000-8000-000000000001";

    fn call(parameters: &[(&str, &str)]) -> CallInfo {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        CallInfo::new("CA1", Media::audio(AudioFormat::MULAW_8K))
            .with_parameters(parameters.iter().map(own).collect())
    }

    #[test]
    fn the_same_fields_are_read_from_metadata_from_parameters_and_from_headers() {
        let metadata = format!(
            r#"{{ "template_id": "campaign@2", "call_type": "inbound-qualified",
                 "phone_number": "+16305550111", "lead_id": "{LEAD_ID}", "room": {{}} }}"#
        );
        let expected = CallContext {
            template: Some("campaign@2".to_owned()),
            call_type: CallType::InboundQualified,
            phone: Phone::parse("+16305550111"),
            lead: LeadId::parse(LEAD_ID),
        };
        assert_eq!(CallContext::from_json(&metadata).unwrap(), expected);
        for calls in [
            call(&[("metadata", &metadata)]),
            call(&[("X-Metadata", &metadata)]),
            call(&[
                ("template_id", "campaign@2"),
                ("call_type", "inbound-qualified"),
                ("phone_number", "6305550111"),
                ("lead_id", LEAD_ID),
            ]),
            call(&[
                ("X-Template-Id", "campaign@2"),
                ("x-call-type", "Inbound_Qualified"),
                ("X-Phone-Number", " +16305550111 "),
                ("X-Lead-ID", LEAD_ID),
            ]),
        ] {
            assert_eq!(CallContext::of(&calls), expected, "{:?}", calls.parameters);
        }
        assert!(!format!("{expected:?}").contains("5550111"));
    }

    #[test]
    fn what_makes_no_sense_is_left_out_and_the_call_is_answered() {
        for metadata in ["", "[]", "{", "\"inbound-qualified\""] {
            assert!(CallContext::from_json(metadata).is_err(), "{metadata}");
            assert_eq!(CallContext::of(&call(&[("metadata", metadata)])), CallContext::default());
        }
        let odd = r#"{ "template_id": 7, "call_type": "warm-ish", "phone_number": "the boss",
                       "lead_id": "12" }"#;
        let odd = CallContext::from_json(odd).unwrap();
        assert_eq!((odd.template.as_deref(), odd.call_type), (Some("7"), CallType::Unknown));
        assert_eq!((odd.phone, odd.lead), (None, None));
        assert_eq!(CallContext::of(&call(&[("account", "42")])), CallContext::default());
    }

    #[test]
    fn a_field_of_its_own_wins_over_metadata() {
        let metadata = r#"{ "template_id": "inbound", "call_type": "inbound-unqualified" }"#;
        let both = CallContext::of(&call(&[("metadata", metadata), ("template_id", "campaign")]));
        assert_eq!(both.template.as_deref(), Some("campaign"));
        assert_eq!(both.call_type, CallType::InboundUnqualified);
        assert_eq!(both.brief().unwrap()["call_type"], "inbound-unqualified");
        assert_eq!(CallContext::default().brief(), None);
    }
}
