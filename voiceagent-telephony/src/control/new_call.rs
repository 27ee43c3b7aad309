use std::time::Duration;

use crate::{PhoneNumber, document::Response};

/// A call to be made.
///
/// ```
/// use voiceagent_telephony::control::{Callee, NewCall};
///
/// let call = NewCall::to(Callee::Target("front desk".to_owned())).with_machine_detection(true);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewCall {
    /// Who is called.
    pub to: Callee,
    /// What they get when they answer; the front door if not set.
    pub answer: Answer,
    /// How long it rings; 30 s if not set.
    pub ring: Duration,
    /// Whether the carrier finds out beside the conversation whether a machine has answered, and
    /// when its greeting ends.
    pub detects_machine: bool,
}

impl NewCall {
    /// A call that the front door answers, like those that come in.
    #[must_use]
    pub const fn to(callee: Callee) -> Self {
        Self {
            to: callee,
            answer: Answer::FrontDoor,
            ring: Duration::from_secs(30),
            detects_machine: false,
        }
    }

    /// Says what the callee gets.
    #[must_use]
    pub fn with_answer(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    /// Says how long it rings.
    #[must_use]
    pub const fn with_ring(mut self, ring: Duration) -> Self {
        self.ring = ring;
        self
    }

    /// Says whether answering machines are detected.
    #[must_use]
    pub const fn with_machine_detection(mut self, detects: bool) -> Self {
        self.detects_machine = detects;
        self
    }
}

/// Who is called.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Callee {
    /// A number of the application's own, if the [directory](super::Directory) opens it. It must
    /// not come from a model.
    Number(PhoneNumber),
    /// The target of the directory with this name.
    Target(String),
}

/// What a callee gets.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// These instructions.
    Document(Response),
    /// What the front door's voice webhook says: the agent.
    FrontDoor,
}
