//! What is not shown any more was handed away to be summed up: the laws hold for that, too.

use std::sync::Arc;

use proptest::prelude::*;
use voiceagent_core::{
    GenerationId,
    llm::Message,
    session::{Command, Input},
};

/// The part of the conversation that a summary stands for, as it was handed away.
#[derive(Default)]
pub(super) struct HandedAway {
    asked: Option<(GenerationId, Arc<str>)>,
    transcripts: String,
}

impl HandedAway {
    pub(super) fn note(&mut self, input: &Input) {
        let Input::Summarized { generation, text, .. } = input else { return };
        let Some((_, transcript)) = self.asked.take_if(|(asked, _)| asked == generation) else {
            return;
        };
        if text.as_ref().is_some_and(|text| text.len() < transcript.len()) {
            self.transcripts.push_str(&transcript);
        }
    }

    pub(super) fn follow(&mut self, command: &Command) {
        if let Command::Summarize { generation, transcript, .. } = command {
            self.asked = Some((*generation, transcript.clone()));
        }
    }

    /// A summary is shown first, and only where something was handed away for it.
    pub(super) fn is_shown(&self, messages: &[Message]) -> Result<(), TestCaseError> {
        let nth = messages.iter().position(|it| matches!(it, Message::Summary { .. }));
        let expected = (!self.transcripts.is_empty()).then_some(0);
        prop_assert_eq!(nth, expected, "of {:?}", self.transcripts);
        Ok(())
    }

    /// What the user has said in all, whether it is shown or was handed away.
    pub(super) fn users(&self, messages: &[Message]) -> String {
        let shown = messages.iter().filter_map(|message| match message {
            Message::User { text } => Some(&**text),
            _ => None,
        });
        self.lines("Caller: ").chain(shown).collect::<Vec<_>>().join(" ")
    }

    /// How many tools have returned this, whether that is shown or was handed away.
    pub(super) fn results(&self, messages: &[Message], of: &str) -> usize {
        let shown = messages.iter().filter(
            |message| matches!(message, Message::ToolResult { output, .. } if &**output == of),
        );
        self.lines("Function returned: ").filter(|output| *output == of).count() + shown.count()
    }

    fn lines(&self, of: &'static str) -> impl Iterator<Item = &str> {
        self.transcripts.lines().filter_map(move |line| line.strip_prefix(of))
    }
}
