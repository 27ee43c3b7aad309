use serde_json::{Value, json};
use voiceagent_core::{CallId, Private};

use crate::front_door::CallStatus;

/// What Vapi says to the server of an assistant ("Server events").
///
/// ```
/// use voiceagent_telephony::vapi::{EndedBy, VapiEvent};
///
/// let body = br#"{"message":{"type":"status-update","status":"ended","call":{"id":"c1"},
///                "endedReason":"customer-ended-call"}}"#;
/// let Some(VapiEvent::Status { status, ended, .. }) = VapiEvent::read(body) else { panic!() };
/// assert_eq!((&*status, ended), ("ended", Some(EndedBy::Customer)));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum VapiEvent {
    /// Who takes the call? Vapi waits 7.5 s for `{"assistantId": …}` or `{"error": …}`.
    AssistantRequest {
        /// The call.
        call: Option<CallId>,
    },
    /// The call is over, and this is what is left of it.
    EndOfCall {
        /// The call.
        call: Option<CallId>,
        /// Why it ended.
        ended: EndedBy,
        /// What it was about.
        summary: Option<Private>,
        /// What was said.
        transcript: Option<Private>,
    },
    /// Something that an application need not know, by its type.
    Other(String),
    /// The call has come further.
    Status {
        /// The call.
        call: Option<CallId>,
        /// `queued`, `ringing`, `in-progress`, `forwarding` or `ended`.
        status: String,
        /// Why it ended, once it has.
        ended: Option<EndedBy>,
    },
    /// The model wants something done. [`VapiToolCall::answer`] makes the answer.
    ToolCalls {
        /// The call.
        call: Option<CallId>,
        /// What is to be done.
        calls: Vec<VapiToolCall>,
    },
}

/// One thing that the model wants done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VapiToolCall {
    /// Vapi's name for it.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// An object.
    pub arguments: Value,
}

/// Why a call ended. Vapi has more than 600 words for it, which begin alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EndedBy {
    /// The assistant ended it, or forwarded it.
    Assistant,
    /// The customer's line was busy.
    Busy,
    /// The customer ended it.
    Customer,
    /// Something broke: at Vapi, a vendor, or a carrier.
    Failure,
    /// The customer did not answer.
    NoAnswer,
    /// Something else.
    Other,
    /// Nobody said anything.
    Silence,
    /// A machine answered.
    Voicemail,
}

impl VapiEvent {
    /// Reads the body of a request whose [signature](crate::signature::VapiSignature) is good; `None` when it
    /// makes no sense.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let message = body.get("message")?;
        let text = |pointer: &str| message.pointer(pointer)?.as_str();
        let call = text("/call/id").map(CallId::from);
        let ended = text("/endedReason").map(EndedBy::parse);
        Some(match text("/type")? {
            "assistant-request" => Self::AssistantRequest { call },
            "end-of-call-report" => Self::EndOfCall {
                call,
                ended: ended.unwrap_or(EndedBy::Other),
                summary: text("/analysis/summary").map(Private::new),
                transcript: text("/artifact/transcript").map(Private::new),
            },
            "status-update" => Self::Status { call, status: text("/status")?.to_owned(), ended },
            "tool-calls" => {
                let calls = message.get("toolCallList")?.as_array()?;
                Self::ToolCalls { call, calls: calls.iter().filter_map(tool_call).collect() }
            }
            other => Self::Other(other.to_owned()),
        })
    }
}

/// The documentation shows an object of parameters, its schema a function with arguments in text.
fn tool_call(call: &Value) -> Option<VapiToolCall> {
    let name = call.pointer("/function/name").or_else(|| call.get("name"))?.as_str()?;
    let told = ["/function/arguments", "/function/parameters", "/arguments", "/parameters"];
    let told = told.iter().find_map(|pointer| call.pointer(pointer));
    let arguments = match told {
        Some(Value::String(text)) => serde_json::from_str(text).ok()?,
        Some(object) => object.clone(),
        None => json!({}),
    };
    let id = call.get("id")?.as_str()?.to_owned();
    Some(VapiToolCall { id, name: name.to_owned(), arguments })
}

impl VapiToolCall {
    /// The body that answers a request with what its calls have brought, by their ids.
    #[must_use]
    pub fn answer(results: &[(String, Result<String, String>)]) -> String {
        let told = |(id, result): &(String, Result<String, String>)| match result {
            Ok(result) => json!({ "toolCallId": id, "result": result }),
            Err(error) => json!({ "toolCallId": id, "error": error }),
        };
        json!({ "results": results.iter().map(told).collect::<Vec<_>>() }).to_string()
    }
}

impl EndedBy {
    /// What a carrier would say of such a call.
    #[must_use]
    pub const fn status(self) -> CallStatus {
        match self {
            Self::Busy => CallStatus::Busy,
            Self::Failure => CallStatus::Failed,
            Self::NoAnswer => CallStatus::NoAnswer,
            Self::Assistant | Self::Customer | Self::Other | Self::Silence | Self::Voicemail => {
                CallStatus::Completed
            }
        }
    }

    pub(super) fn parse(reason: &str) -> Self {
        let begins = |with: &[&str]| with.iter().any(|with| reason.starts_with(with));
        if reason.contains("error") || begins(&["twilio-failed", "vonage-failed"]) {
            Self::Failure
        } else if begins(&["customer-busy"]) {
            Self::Busy
        } else if begins(&["customer-did-not-answer"]) {
            Self::NoAnswer
        } else if begins(&["customer-"]) {
            Self::Customer
        } else if begins(&["assistant-"]) {
            Self::Assistant
        } else if begins(&["silence-timed-out"]) {
            Self::Silence
        } else if begins(&["voicemail"]) {
            Self::Voicemail
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_called_in_both_spellings_and_answered() {
        let body = br#"{"message":{"type":"tool-calls","call":{"id":"c1"},"toolCallList":[
            {"id":"t1","type":"function","function":{"name":"book","arguments":"{\"day\":2}"}},
            {"id":"t2","name":"cancel","parameters":{"day":3}},
            {"id":"t3","function":{"name":"list"}},
            {"id":"t4","function":{"name":"broken","arguments":"{"}}]}}"#;
        let Some(VapiEvent::ToolCalls { call, calls }) = VapiEvent::read(body) else { panic!() };
        assert_eq!(call, Some(CallId::new("c1")));
        let calls: Vec<_> = calls.iter().map(|c| (&*c.name, c.arguments["day"].as_u64())).collect();
        assert_eq!(calls, [("book", Some(2)), ("cancel", Some(3)), ("list", None)]);
        let results =
            [("t1".to_owned(), Ok("done".to_owned())), ("t2".to_owned(), Err("no".to_owned()))];
        let answer: Value = serde_json::from_str(&VapiToolCall::answer(&results)).unwrap();
        assert_eq!(answer["results"][0], json!({ "toolCallId": "t1", "result": "done" }));
        assert_eq!(answer["results"][1], json!({ "toolCallId": "t2", "error": "no" }));
    }

    #[test]
    fn reports_are_read_and_what_was_said_is_private() {
        let body = br#"{"message":{"type":"end-of-call-report","call":{"id":"c1"},
            "endedReason":"silence-timed-out","artifact":{"transcript":"AI: Hello"},
            "analysis":{"summary":"Nobody spoke."}}}"#;
        let event = VapiEvent::read(body).unwrap();
        assert!(!format!("{event:?}").contains("Hello"));
        let VapiEvent::EndOfCall { ended, summary, transcript, .. } = event else { panic!() };
        assert_eq!(ended, EndedBy::Silence);
        assert_eq!(summary.unwrap().expose(), "Nobody spoke.");
        assert_eq!(transcript.unwrap().expose(), "AI: Hello");
        let other = VapiEvent::read(br#"{"message":{"type":"speech-update"}}"#);
        assert_eq!(other, Some(VapiEvent::Other("speech-update".to_owned())));
        for nonsense in ["", "{", "[]", r#"{"message":{}}"#, r#"{"message":{"type":7}}"#] {
            assert_eq!(VapiEvent::read(nonsense.as_bytes()), None);
        }
    }

    #[test]
    fn reasons_are_told_by_how_they_begin() {
        for (reason, ended) in [
            ("customer-did-not-answer", EndedBy::NoAnswer),
            ("customer-busy", EndedBy::Busy),
            ("customer-ended-call", EndedBy::Customer),
            ("assistant-forwarded-call", EndedBy::Assistant),
            ("assistant-request-returned-error", EndedBy::Failure),
            ("pipeline-error-openai-llm-failed", EndedBy::Failure),
            ("call.start.error-get-phone-number", EndedBy::Failure),
            ("twilio-failed-to-connect-call", EndedBy::Failure),
            ("voicemail", EndedBy::Voicemail),
            ("exceeded-max-duration", EndedBy::Other),
        ] {
            assert_eq!(EndedBy::parse(reason), ended, "{reason}");
            assert!(ended.status().is_final());
        }
    }
}
