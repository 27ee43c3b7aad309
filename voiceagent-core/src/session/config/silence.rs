use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{at_most_longest, longer_than_zero, says_something};
use crate::Result;

/// What happens when nobody says anything. Time counts from when the caller has heard the end of
/// what the agent said last.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct IdleConfig {
    /// What the agent says to a silent user, one after another; empty says nothing.
    pub prompts: Arc<[IdlePrompt]>,
    /// How long after the last prompt was heard the call ends as
    /// [`EndReason::Idle`](super::super::EndReason::Idle); `None` waits for ever.
    pub hang_up_after: Option<Duration>,
    /// What the agent says before it hangs up on a silent user; `None` just hangs up.
    pub farewell: Option<Arc<str>>,
}

impl IdleConfig {
    pub(super) fn validate(&self) -> Result<()> {
        for prompt in self.prompts.iter() {
            says_something("idle.prompts.text", &prompt.text)?;
            longer_than_zero("idle.prompts.after", Some(prompt.after))?;
        }
        longer_than_zero("idle.hang_up_after", self.hang_up_after)?;
        match &self.farewell {
            Some(farewell) => says_something("idle.farewell", farewell),
            None => Ok(()),
        }
    }
}

/// One thing that is said to a silent user.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct IdlePrompt {
    /// How long nobody must have said anything, since the last prompt if there was one.
    pub after: Duration,
    /// The words.
    pub text: Arc<str>,
}

impl IdlePrompt {
    /// Says `text` when nobody has said anything for so long.
    pub fn new(after: Duration, text: impl Into<Arc<str>>) -> Self {
        Self { after, text: text.into() }
    }
}

/// How the agent takes its leave.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FarewellConfig {
    /// Whether what the user says during the goodbye opens the conversation again. Without, it
    /// is written down and not answered.
    pub reopen: bool,
    /// What the agent says to an answering machine after its beep, and then hangs up; `None`
    /// leaves no message.
    pub voicemail: Option<Arc<str>>,
}

impl FarewellConfig {
    pub(super) fn validate(&self) -> Result<()> {
        match &self.voicemail {
            Some(message) => says_something("farewell.voicemail", message),
            None => Ok(()),
        }
    }
}

/// What is said when an answer takes too long.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OwedReplyConfig {
    /// How long after the end of a turn nothing must have been heard of its answer.
    pub after: Duration,
    /// The words.
    pub text: Arc<str>,
}

impl OwedReplyConfig {
    /// Says `text` when nothing of an answer has been heard for so long.
    pub fn new(after: Duration, text: impl Into<Arc<str>>) -> Self {
        Self { after, text: text.into() }
    }

    pub(super) fn validate(&self) -> Result<()> {
        says_something("owed_reply.text", &self.text)?;
        at_most_longest("owed_reply.after", self.after)
    }
}
