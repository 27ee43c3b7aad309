//! Long talks are summed up, so that no answer takes longer than the one before.

use serde::Deserialize;
use voiceagent_core::{SessionConfig, llm::LlmRequest, session::SummaryConfig};

/// What the model is told that sums up. What tools have handed out is worth nothing if a letter of it
/// is lost.
const INSTRUCTIONS: &str = "You keep the notes of a telephone call for a colleague who goes on \
    with it. Write down in short what matters for the rest of the call: who the caller is and what \
    they want, every name, number, date and address exactly as it was said, every identifier that a \
    function has returned (`customer_id`, `slot_id` and all others) letter by letter with what it \
    stands for, what was agreed, and what is still open. What a function says is told as its word, \
    not as the caller's. Leave out greetings and small talk. Answer with the notes alone, in the \
    language of the call.";

/// From where on a talk is summed up, and how much of its end stays word for word.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Summary {
    /// Whether talks are summed up at all.
    pub on: bool,
    /// Above so many tokens.
    pub above_tokens: u32,
    /// Or above so many messages, those of tools among them.
    pub above_messages: u32,
    /// So many tokens stay at most.
    pub keep_tokens: u32,
    /// And so many messages.
    pub keep_messages: u32,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            on: true,
            above_tokens: 6_000,
            above_messages: 50,
            keep_tokens: 2_000,
            keep_messages: 20,
        }
    }
}

impl Summary {
    /// The first field that does not fit, if one does not.
    pub(crate) fn misfit(self) -> Option<&'static str> {
        let fields = [
            ("summary.above_tokens", (500..=1_000_000).contains(&self.above_tokens)),
            ("summary.above_messages", (10..=10_000).contains(&self.above_messages)),
            ("summary.keep_tokens", self.keep_tokens < self.above_tokens),
            ("summary.keep_messages", self.keep_messages < self.above_messages),
        ];
        fields.into_iter().find_map(|(field, fits)| (!fits).then_some(field))
    }

    pub(crate) fn settle(self, config: &mut SessionConfig) {
        config.summary = self.on.then(|| {
            let mut summary = SummaryConfig::default();
            (summary.budget, summary.keep) = (self.above_tokens, self.keep_tokens);
            summary.messages = Some(self.above_messages);
            summary.keep_messages = self.keep_messages;
            summary.instructions = INSTRUCTIONS.into();
            summary
        });
    }
}

/// Whether notes of the talk are asked for, and nothing that is said.
pub(crate) fn is_asked_for(request: &LlmRequest) -> bool {
    *request.instructions == *INSTRUCTIONS
}
