use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{refuse, says_something};
use crate::Result;

const INSTRUCTIONS: &str = "You keep the notes of a telephone call for a colleague who goes on \
    with it. Write down in short what matters for the rest of the call: who the caller is and what \
    they want, every name, number, date and address exactly as it was said, what was agreed, what \
    functions have returned, and what is still open. Leave out greetings and small talk. Answer \
    with the notes alone, in the language of the call.";

/// When a long conversation is shortened for the language model.
///
/// Above the budget the model itself sums up the older part, beside the call, while nobody is
/// answered. Until it has, and where it fails, the conversation stays as it is; the next turn tries
/// again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SummaryConfig {
    /// How long the conversation may become, in tokens; four bytes of text count as one.
    /// Instructions and tools do not count.
    pub budget: u32,
    /// How much of its end stays word for word, in tokens. Whole turns are kept, at least the last
    /// one, and everything since the first function call that waits for its result.
    pub keep: u32,
    /// How many messages the conversation may have, function calls and their results among them;
    /// `None`, the default, counts tokens alone.
    pub messages: Option<u32>,
    /// Where messages are counted, how many of them at most stay word for word, in whole turns.
    pub keep_messages: u32,
    /// What the model is told to write.
    pub instructions: Arc<str>,
}

impl Default for SummaryConfig {
    fn default() -> Self {
        Self {
            budget: 6_000,
            keep: 2_000,
            messages: None,
            keep_messages: 20,
            instructions: Arc::from(INSTRUCTIONS),
        }
    }
}

impl SummaryConfig {
    pub(super) fn validate(&self) -> Result<()> {
        if self.keep >= self.budget {
            let accepted = format!("less than `summary.budget`, which is {}", self.budget);
            return refuse("summary.keep", &self.keep, &accepted);
        }
        if let Some(most) = self.messages.filter(|most| self.keep_messages >= *most) {
            let accepted = format!("less than `summary.messages`, which is {most}");
            return refuse("summary.keep_messages", &self.keep_messages, &accepted);
        }
        says_something("summary.instructions", &self.instructions)
    }
}
