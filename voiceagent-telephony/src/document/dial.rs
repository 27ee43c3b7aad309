use std::time::Duration;

use super::element::Element;
use crate::PhoneNumber;

/// Connects the caller to somebody else. The verbs behind it run when that call ends, unless an
/// action is set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dial {
    pub(super) callees: Vec<Callee>,
    pub(super) action: Option<String>,
    pub(super) caller: Option<PhoneNumber>,
    pub(super) timeout: Option<Duration>,
    pub(super) longest: Option<Duration>,
    pub(super) record: Option<RecordDial>,
    pub(super) answer_on_bridge: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Callee {
    Number { number: PhoneNumber, keys: Option<String> },
    Sip(String),
}

/// What of a dialled call is recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordDial {
    /// From the answer, both sides mixed.
    FromAnswer,
    /// From the answer, a channel for each side.
    FromAnswerDual,
    /// From the first ring, both sides mixed.
    FromRinging,
    /// From the first ring, a channel for each side.
    FromRingingDual,
}

impl RecordDial {
    /// Whether each side has a channel of its own.
    pub(super) const fn is_dual(self) -> bool {
        matches!(self, Self::FromAnswerDual | Self::FromRingingDual)
    }

    /// Whether the ringing is recorded too.
    pub(super) const fn has_ringing(self) -> bool {
        matches!(self, Self::FromRinging | Self::FromRingingDual)
    }
}

impl Dial {
    /// Calls a number.
    #[must_use]
    pub fn number(number: PhoneNumber) -> Self {
        Self::to(Callee::Number { number, keys: None })
    }

    /// Calls a number and presses keys when it answers; `w` waits half a second.
    pub fn extension(number: PhoneNumber, keys: impl Into<String>) -> Self {
        Self::to(Callee::Number { number, keys: Some(keys.into()) })
    }

    /// Calls a `sip:` address.
    pub fn sip(uri: impl Into<String>) -> Self {
        Self::to(Callee::Sip(uri.into()))
    }

    fn to(callee: Callee) -> Self {
        Self {
            callees: vec![callee],
            action: None,
            caller: None,
            timeout: None,
            longest: None,
            record: None,
            answer_on_bridge: false,
        }
    }

    /// Calls a second party too; whoever answers first gets the call.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.callees.extend(other.callees);
        self
    }

    /// Where the carrier asks for instructions afterwards; not with Vonage.
    #[must_use]
    pub fn with_action(mut self, url: impl Into<String>) -> Self {
        self.action = Some(url.into());
        self
    }

    /// The number that the callee sees.
    #[must_use]
    pub fn with_caller(mut self, number: PhoneNumber) -> Self {
        self.caller = Some(number);
        self
    }

    /// How long it rings.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long the call may last.
    #[must_use]
    pub const fn with_longest(mut self, longest: Duration) -> Self {
        self.longest = Some(longest);
        self
    }

    /// Records the call. Vonage and SWML record from the first ring only.
    #[must_use]
    pub const fn with_record(mut self, record: RecordDial) -> Self {
        self.record = Some(record);
        self
    }

    /// Lets the caller hear ringing until somebody answers; not with Plivo and Vonage.
    #[must_use]
    pub const fn with_answer_on_bridge(mut self, wait: bool) -> Self {
        self.answer_on_bridge = wait;
        self
    }

    pub(super) fn element(&self) -> Element {
        let record = self.record.map(|record| match record {
            RecordDial::FromAnswer => "record-from-answer",
            RecordDial::FromAnswerDual => "record-from-answer-dual",
            RecordDial::FromRinging => "record-from-ringing",
            RecordDial::FromRingingDual => "record-from-ringing-dual",
        });
        let mut dial = Element::new("Dial")
            .optional("action", self.action.as_ref())
            .optional("answerOnBridge", self.answer_on_bridge.then_some("true"))
            .optional("callerId", self.caller.as_ref().map(PhoneNumber::as_str))
            .optional("record", record)
            .seconds("timeLimit", self.longest)
            .seconds("timeout", self.timeout);
        for callee in &self.callees {
            dial.push(match callee {
                Callee::Number { number, keys } => Element::new("Number")
                    .text(number.as_str())
                    .optional("sendDigits", keys.as_ref()),
                Callee::Sip(uri) => Element::new("Sip").text(uri),
            });
        }
        dial
    }
}
