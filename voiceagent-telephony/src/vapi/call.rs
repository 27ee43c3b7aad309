use serde_json::Value;
use voiceagent_core::{
    CallId,
    audio::AudioFormat,
    transport::{CallInfo, Direction, Media},
};

/// What a request of Vapi says of its call ("Server events": `message.call`).
///
/// ```
/// use voiceagent_core::transport::Direction;
/// use voiceagent_telephony::vapi::VapiCall;
///
/// let body = br#"{"message":{"type":"assistant-request","call":{"id":"c1",
///     "type":"inboundPhoneCall","customer":{"number":"+14155550100"}}}}"#;
/// let call = VapiCall::read(body).unwrap().info();
/// assert_eq!((call.id.as_str(), call.direction), ("c1", Direction::Inbound));
/// assert_eq!(call.from.unwrap().expose(), "+14155550100");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct VapiCall(CallInfo);

impl VapiCall {
    /// Reads the body of a request whose [signature](crate::signature::VapiSignature) is good;
    /// `None` when it names no call.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |pointer: &str| body.pointer(pointer)?.as_str();
        let id =
            CallId::new(text("/message/call/id").filter(|id| crate::media_stream::is_name(id))?);
        // The sound is Vapi's; what a telephone carries is what the tools have to know of it.
        let mut info = CallInfo::new(id, Media::audio(AudioFormat::MULAW_8K));
        let is_outbound = text("/message/call/type") == Some("outboundPhoneCall");
        let either = |first: &str, second: &str| text(first).or_else(|| text(second));
        let customer = either("/message/call/customer/number", "/message/customer/number");
        let ours = either("/message/call/phoneNumber/number", "/message/phoneNumber/number");
        let (from, to) = if is_outbound { (ours, customer) } else { (customer, ours) };
        if is_outbound {
            info = info.with_direction(Direction::Outbound);
        }
        if let Some(from) = from {
            info = info.with_from(from);
        }
        if let Some(to) = to {
            info = info.with_to(to);
        }
        Some(Self(info))
    }

    /// The call, as those are known that come by a carrier.
    #[must_use]
    pub fn info(self) -> CallInfo {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_known_whichever_of_them_has_called() {
        let body = |kind: &str| {
            format!(
                r#"{{"message":{{"type":"status-update","call":{{"id":"c1","type":"{kind}"}},
                    "customer":{{"number":"+14155550100"}},
                    "phoneNumber":{{"number":"+14155550199"}}}}}}"#
            )
        };
        for (kind, direction, from, to) in [
            ("inboundPhoneCall", Direction::Inbound, "+14155550100", "+14155550199"),
            ("outboundPhoneCall", Direction::Outbound, "+14155550199", "+14155550100"),
        ] {
            let call = VapiCall::read(body(kind).as_bytes()).unwrap();
            assert!(!format!("{call:?}").contains("5550100"));
            let call = call.info();
            assert_eq!((call.id.as_str(), call.direction), ("c1", direction));
            assert_eq!((call.from.unwrap().expose(), call.to.unwrap().expose()), (from, to));
        }
        for nonsense in ["", "{}", r#"{"message":{"call":{"id":"a b"}}}"#] {
            assert_eq!(VapiCall::read(nonsense.as_bytes()), None, "{nonsense}");
        }
    }
}
