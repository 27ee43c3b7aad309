use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{at_most_a_day, at_most_longest, refuse, says_something, sensible_limit};
use crate::{Result, duration};

/// Who has nothing else to say would say it again and again.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(100);

/// What happens when nobody says anything. Time counts from when the caller has heard the end of
/// what the agent said last.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct IdleConfig {
    /// What the agent says to a silent user, one after another; empty says nothing.
    pub prompts: Arc<[IdlePrompt]>,
    /// How long after the last prompt was heard the call ends as
    /// [`EndReason::Idle`](super::super::EndReason::Idle); `None` waits for ever.
    #[serde(deserialize_with = "duration::optional::deserialize")]
    pub hang_up_after: Option<Duration>,
    /// What the agent says before it hangs up on a silent user; `None` just hangs up. A user who
    /// says something meanwhile is answered, and the call goes on.
    pub farewell: Option<Arc<str>>,
    /// How long a user has who asks for a moment: who says "hold on" or "one second".
    #[serde(deserialize_with = "duration::deserialize")]
    pub patience: Duration,
}

impl Default for IdleConfig {
    fn default() -> Self {
        Self {
            prompts: Arc::from([]),
            hang_up_after: None,
            farewell: None,
            patience: Duration::from_secs(30),
        }
    }
}

impl IdleConfig {
    pub(super) fn validate(&self) -> Result<()> {
        for prompt in self.prompts.iter() {
            says_something("idle.prompts.text", &prompt.text)?;
            sensible_limit("idle.prompts.after", Some(prompt.after))?;
        }
        sensible_limit("idle.hang_up_after", self.hang_up_after)?;
        at_most_a_day("idle.patience", self.patience)?;
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
    #[serde(deserialize_with = "duration::deserialize")]
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
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FarewellConfig {
    /// Whether what the user says during the goodbye opens the conversation again. Without, it
    /// is written down and not answered.
    pub reopen: bool,
    /// What the agent says to an answering machine after its beep, and then hangs up; `None`
    /// leaves no message, and talks to a machine as to anybody.
    pub voicemail: Option<Arc<str>>,
    /// What the agent says when the call has lasted as long as it may; `None` just hangs up.
    pub limit: Option<Arc<str>>,
    /// What the agent says when the carrier did not transfer the call, which then goes on.
    pub not_transferred: Arc<str>,
}

impl Default for FarewellConfig {
    fn default() -> Self {
        Self {
            reopen: false,
            voicemail: None,
            limit: None,
            not_transferred: Arc::from("I am sorry, I could not put you through."),
        }
    }
}

impl FarewellConfig {
    pub(super) fn validate(&self) -> Result<()> {
        if let Some(message) = &self.voicemail {
            says_something("farewell.voicemail", message)?;
        }
        if let Some(words) = &self.limit {
            says_something("farewell.limit", words)?;
        }
        says_something("farewell.not_transferred", &self.not_transferred)
    }
}

/// What is said when an answer takes too long.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OwedReplyConfig {
    /// How long after the end of a turn nothing must have been heard of its answer.
    #[serde(deserialize_with = "duration::deserialize")]
    pub after: Duration,
    /// The words.
    pub text: Arc<str>,
    /// The words when they were said and have not been enough; `None` says the same again.
    #[serde(default)]
    pub again: Option<Arc<str>>,
}

impl OwedReplyConfig {
    /// Says `text` when nothing of an answer has been heard for so long.
    pub fn new(after: Duration, text: impl Into<Arc<str>>) -> Self {
        Self { after, text: text.into(), again: None }
    }

    /// Says these words from the second time on.
    #[must_use]
    pub fn then(mut self, text: impl Into<Arc<str>>) -> Self {
        self.again = Some(text.into());
        self
    }

    pub(super) fn validate(&self) -> Result<()> {
        says_something("owed_reply.text", &self.text)?;
        if let Some(again) = &self.again {
            says_something("owed_reply.again", again)?;
        }
        if self.after < SHORTEST_PATIENCE {
            return refuse(
                "owed_reply.after",
                &self.after,
                &format!("at least {SHORTEST_PATIENCE:?}"),
            );
        }
        at_most_longest("owed_reply.after", self.after)
    }
}
