use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::store::{Fault, Refusal};

use super::Code;

/// The form of every tool's answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Envelope {
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    pub code: Option<Code>,
    /// What was found or done, an object.
    pub data: Value,
    /// What the agent may say about it, word for word.
    pub say: Option<String>,
    /// Whether the same call may succeed a moment later.
    pub retryable: bool,
}

impl Envelope {
    /// It was done.
    #[must_use]
    pub fn done(data: Value) -> Self {
        Self { ok: true, code: None, data, say: None, retryable: false }
    }

    /// It was not done, and nothing was changed.
    #[must_use]
    pub fn refused(code: Code) -> Self {
        let retryable = matches!(code, Code::DbUnavailable | Code::UpstreamUnavailable);
        Self { ok: false, code: Some(code), data: json!({}), say: None, retryable }
    }

    /// Adds what the agent may say.
    #[must_use]
    pub fn say(mut self, say: impl Into<String>) -> Self {
        self.say = Some(say.into());
        self
    }

    /// Adds what is known all the same.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

impl From<Refusal> for Envelope {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AlreadyCancelled => {
                Self::refused(Code::AlreadyCancelled).say("That appointment was already cancelled.")
            }
            Refusal::DateInPast => Self::refused(Code::DateInPast).say("That date has passed."),
            Refusal::DuplicateAmbiguous => Self::refused(Code::DuplicateAmbiguous),
            Refusal::InPast => {
                Self::refused(Code::InPast).say("The time of that appointment has passed.")
            }
            Refusal::NoneLeft => Self::refused(Code::NoneAvailable),
            Refusal::NotFound => {
                Self::refused(Code::NotFound).say("I can't find that appointment.")
            }
            Refusal::OutsideHorizon => {
                Self::refused(Code::OutsideHorizon).say("That is further ahead than I can book.")
            }
            Refusal::SlotTaken => Self::refused(Code::SlotTaken).say("That time was just taken."),
            Refusal::TooSoon => Self::refused(Code::RateLimited),
            Refusal::Unfit => Self::refused(Code::InvalidField),
            Refusal::UnknownService => Self::refused(Code::UnknownService),
            Refusal::VehicleBusy => Self::refused(Code::VehicleBusy)
                .say("That vehicle already has a visit at that time."),
        }
    }
}

impl From<Fault> for Envelope {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) => refusal.into(),
            Fault::Failed(error) => {
                tracing::warn!(?error, "a tool cannot reach the store");
                Self::refused(Code::DbUnavailable)
                    .say("I'm sorry, our system is not responding right now. Nothing was changed.")
            }
        }
    }
}
