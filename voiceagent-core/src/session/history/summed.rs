use std::{fmt::Write as _, sync::Arc};

use super::{Entry, History, render};
use crate::{GenerationId, ToolCallId, llm::Message, session::SummaryConfig};

/// What a summary is introduced with, for the model.
const BEFORE: &str = "What was said before, in short: ";

/// How much of a conversation a summary stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Summed {
    /// The entries that are not shown any more.
    covered: usize,
    /// The entries that a summary is being written of.
    asked: usize,
    /// What is shown in the place of those that are covered.
    text: Option<Arc<str>>,
}

impl Summed {
    /// The conversation as it is shown: the summary, and what came after.
    pub(super) fn render(&self, entries: &[Entry]) -> Vec<Message> {
        let summary = self.text.iter().map(|text| Message::Summary { text: text.clone() });
        summary.chain(render(entries[self.covered..].iter())).collect()
    }

    /// Some entries are about to be taken out: those that `gone` names.
    pub(super) fn note_removal(&mut self, entries: &[Entry], gone: impl Fn(&Entry) -> bool) {
        for mark in [&mut self.covered, &mut self.asked] {
            *mark -= entries[..*mark].iter().filter(|entry| gone(entry)).count();
        }
    }
}

impl History {
    /// The part of the conversation that is to be summed up, as a transcript, if all of it is
    /// longer than it may be. Of its end as much as may stay is left, or the last turn; so is
    /// everything since the first call of a function that waits for its result.
    pub(in crate::session) fn ask_for_summary(&mut self, config: &SummaryConfig) -> Option<String> {
        let within = |messages: &[Message], tokens_most: u32, most: Option<u32>| {
            messages.iter().map(tokens).sum::<usize>() <= tokens_most as usize
                && most.is_none_or(|most| messages.len() <= most as usize)
        };
        if within(&self.messages(), config.budget, config.messages) {
            return None;
        }
        let waits = |entry: &Entry| match entry {
            Entry::Tools(exchanges) => exchanges.iter().any(|one| !one.is_settled()),
            Entry::Assistant { .. } | Entry::Spoken { .. } | Entry::User { .. } => false,
        };
        let entries = &self.entries;
        let last = entries.iter().position(waits).unwrap_or(entries.len());
        let begins = |at: &usize| matches!(entries[*at], Entry::User { .. });
        let turns: Vec<_> = (self.summed.covered + 1..entries.len()).filter(begins).collect();
        let keep_messages = config.messages.map(|_| config.keep_messages);
        // From here on the rest is short enough to be kept; the last turn is kept in any case.
        let kept = turns
            .iter()
            .position(|&at| within(&render(entries[at..].iter()), config.keep, keep_messages));
        let turns = &turns[..kept.map_or(turns.len(), |at| at + 1)];
        let end = turns.iter().copied().rfind(|&at| at <= last)?;
        self.summed.asked = end;
        Some(transcript(&self.summed.render(&entries[..end])))
    }

    /// Shows everything that was to be summed up: there is no summary of it.
    pub(in crate::session) fn keep_whole(&mut self) {
        self.summed.asked = self.summed.covered;
    }

    /// Whether a summary is, or is being, written of a part in which this was called.
    pub(super) fn is_handed_away(&self, generation: GenerationId, id: &ToolCallId) -> bool {
        let handed_away = self.entries[..self.summed.asked].iter();
        let mut exchanges = handed_away.flat_map(Entry::exchanges);
        exchanges.any(|one| one.generation == generation && one.call.id == *id)
    }

    /// Shows a summary in place of what it was written of. Answers that are under way are still
    /// answers to the same conversation.
    pub(in crate::session) fn sum_up(&mut self, text: &str) {
        self.summed.covered = self.summed.asked;
        self.summed.text = Some(format!("{BEFORE}{}", text.trim()).into());
        self.messages = None;
    }
}

/// About how many tokens a message is, its frame included.
fn tokens(message: &Message) -> usize {
    const FRAME: usize = 4;
    let bytes = match message {
        Message::Assistant { text, .. } | Message::Summary { text } | Message::User { text } => {
            text.len()
        }
        Message::ToolCall(call) => call.name.len() + call.arguments.len(),
        Message::ToolResult { output, .. } => output.len(),
    };
    FRAME + bytes / 4
}

/// A conversation as text, so that a model that is offered no functions can read those of it.
fn transcript(messages: &[Message]) -> String {
    let mut text = String::new();
    for message in messages {
        let written = match message {
            Message::Assistant { text: said, interrupted: false } => {
                writeln!(text, "Agent: {said}")
            }
            Message::Assistant { text: said, .. } => {
                writeln!(text, "Agent: {said} (interrupted by the caller)")
            }
            Message::Summary { text: said } => writeln!(text, "{said}"),
            Message::ToolCall(call) => {
                writeln!(text, "Function called: {} {}", call.name, call.arguments)
            }
            Message::ToolResult { output, .. } => writeln!(text, "Function returned: {output}"),
            Message::User { text: said } => writeln!(text, "Caller: {said}"),
        };
        written.expect("a String takes everything");
    }
    text
}
