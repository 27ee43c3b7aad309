//! Conversations that become too long for the model are summed up beside the call.

use std::sync::Arc;

use super::{Command, Event, Session};
use crate::{GenerationId, llm::Usage};

/// The summary that is being written.
#[derive(Debug, Default)]
pub(super) struct SummaryJob {
    /// Its name, and how long what it is written of is.
    asked: Option<(GenerationId, usize)>,
    /// The conversation that was last looked at.
    seen: Option<u64>,
}

impl Session {
    /// Has the conversation summed up if it is too long, while nobody is answered: so no answer
    /// waits for it, and none shares the vendor's limits with it.
    pub(super) fn settle_summary(&mut self) {
        let Some(config) = &self.config.summary else { return };
        let version = self.history.version();
        let busy = self.live.is_some() || self.summary.asked.is_some() || self.is_leaving();
        if busy || self.is_realtime() || self.summary.seen == Some(version) {
            return;
        }
        self.summary.seen = Some(version);
        if let Some(transcript) = self.history.ask_for_summary(config) {
            let instructions = config.instructions.clone();
            let generation = self.next_id();
            self.summary.asked = Some((generation, transcript.len()));
            let transcript = transcript.into();
            self.commands.push_back(Command::Summarize { generation, instructions, transcript });
        }
    }

    /// The model has summed up, or failed to. A summary that is longer than what it is of is none.
    pub(super) fn on_summarized(
        &mut self,
        generation: GenerationId,
        text: Option<Arc<str>>,
        usage: Option<Usage>,
    ) {
        let Some((_, length)) = self.summary.asked.take_if(|(asked, _)| *asked == generation)
        else {
            return;
        };
        if let Some(usage) = usage {
            self.emit(Event::UsageReported { generation, usage });
        }
        match text.filter(|text| !text.trim().is_empty() && text.len() < length) {
            Some(text) => self.history.sum_up(&text),
            None => self.history.keep_whole(),
        }
    }
}
