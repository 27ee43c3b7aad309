use std::{ops::Range, sync::Arc};

use crate::{
    GenerationId, ToolCallId, TurnId,
    llm::{Message, ToolCall},
};

/// What the model is told about a tool call that has not finished.
const STILL_RUNNING: &str =
    r#"{"status":"still running","note":"do not call it again; the result will follow"}"#;

/// What the model is told about a tool call that an interruption stopped.
pub(super) const CANCELLED: &str =
    r#"{"error":"cancelled: the user interrupted before it finished"}"#;

/// The conversation as the model sees it: what the user said, and what the user *heard*.
///
/// A tool call and its result are one entry, so that a call without a result cannot be written
/// down: while the tool runs, the entry renders with a note that it does.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Entry>,
    messages: Option<Arc<[Message]>>,
}

/// One entry of the conversation.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Assistant {
        text: Arc<str>,
        interrupted: bool,
    },
    /// A turn whose words may come after its answer; empty until then.
    Spoken {
        turn: TurnId,
        text: Arc<str>,
    },
    Tools(Vec<Exchange>),
    User {
        text: Arc<str>,
    },
}

/// A tool call and, once there is one, its result.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) generation: GenerationId,
    pub(super) call: ToolCall,
    pub(super) output: Option<Arc<str>>,
    cancelled: bool,
}

impl Exchange {
    pub(super) fn new(generation: GenerationId, call: ToolCall) -> Self {
        Self { generation, call, output: None, cancelled: false }
    }

    /// Whether the tool runs.
    pub(super) fn is_open(&self) -> bool {
        self.output.is_none() && !self.cancelled
    }

    fn result(&self) -> Arc<str> {
        let note = if self.cancelled { CANCELLED } else { STILL_RUNNING };
        self.output.clone().unwrap_or_else(|| note.into())
    }
}

impl History {
    /// Adds what the user said. What a user says in two turns with no answer between is one
    /// message.
    pub(super) fn push_user(&mut self, text: &Arc<str>) {
        self.messages = None;
        if let Some(Entry::User { text: before }) = self.entries.last_mut() {
            *before = format!("{before} {text}").into();
        } else {
            self.entries.push(Entry::User { text: text.clone() });
        }
    }

    /// Takes the place of a turn whose words are not all known.
    pub(super) fn push_spoken(&mut self, turn: TurnId, words: &str) {
        self.messages = None;
        self.entries.push(Entry::Spoken { turn, text: words.into() });
    }

    /// Writes the words of a turn where its place is.
    pub(super) fn write_spoken(&mut self, turn: TurnId, words: &Arc<str>) {
        let mut entries = self.entries.iter_mut().rev();
        let text = entries.find_map(|entry| match entry {
            Entry::Spoken { turn: of, text } if *of == turn => Some(text),
            Entry::Assistant { .. }
            | Entry::Spoken { .. }
            | Entry::Tools(_)
            | Entry::User { .. } => None,
        });
        if let Some(text) = text {
            *text = words.clone();
            self.messages = None;
        }
    }

    /// Adds what a generation left behind, in the order in which it happened.
    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.messages = None;
        self.entries.extend(entries);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Cuts what the agent said in these entries, as a part of `text`, after so many bytes of it.
    /// What nobody heard keeps its place and is not shown.
    pub(super) fn cut(&mut self, said: Range<usize>, text: &str, heard: usize) {
        self.messages = None;
        let mut from = 0;
        for entry in self.entries.get_mut(said).into_iter().flatten() {
            let Entry::Assistant { text: words, interrupted } = entry else { continue };
            from += text[from..].find(&**words).unwrap_or(0);
            let end = (from + words.len()).min(heard).max(from);
            if end < from + words.len() {
                *interrupted = true;
            }
            let whole = from + words.len();
            *words = text[from..end].trim().into();
            from = whole;
        }
    }

    /// Writes down the result of a tool call whose generation has been folded in. Returns whether
    /// it was waited for.
    pub(super) fn finish(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
        output: &Arc<str>,
    ) -> bool {
        let Some(exchange) = self.unanswered(generation, id) else { return false };
        exchange.output = Some(output.clone());
        self.messages = None;
        true
    }

    /// Notes that a tool is told to stop. If it had finished already its result still counts.
    pub(super) fn cancel(&mut self, generation: GenerationId, id: &ToolCallId) {
        if let Some(exchange) = self.unanswered(generation, id) {
            exchange.cancelled = true;
            self.messages = None;
        }
    }

    /// What was heard of the agent last.
    pub(super) fn last_said(&self) -> Option<&Arc<str>> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Assistant { text, .. } => Some(text),
            Entry::Spoken { .. } | Entry::Tools(_) | Entry::User { .. } => None,
        })
    }

    fn unanswered(&mut self, generation: GenerationId, id: &ToolCallId) -> Option<&mut Exchange> {
        self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Tools(exchanges) => open_exchange(exchanges, generation, id),
            Entry::Assistant { .. } | Entry::Spoken { .. } | Entry::User { .. } => None,
        })
    }

    /// Whether a tool call has this name.
    pub(super) fn has_call(&self, id: &ToolCallId) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Tools(exchanges) => exchanges.iter().any(|one| one.call.id == *id),
            Entry::Assistant { .. } | Entry::Spoken { .. } | Entry::User { .. } => false,
        })
    }

    /// The conversation. Shared until it changes.
    pub(super) fn messages(&mut self) -> Arc<[Message]> {
        let entries = &self.entries;
        self.messages.get_or_insert_with(|| render(entries.iter()).into()).clone()
    }

    /// The conversation with what a generation has done so far, and the user's words that it
    /// answers if they have not been written down.
    pub(super) fn messages_with(
        &mut self,
        user: Option<&Arc<str>>,
        entries: &[Entry],
    ) -> Arc<[Message]> {
        if user.is_none() && entries.is_empty() {
            return self.messages();
        }
        let mut draft = Self { entries: self.entries.clone(), messages: None };
        if let Some(text) = user {
            draft.push_user(text);
        }
        draft.entries.extend(entries.iter().cloned());
        draft.messages()
    }
}

/// The exchange of `id` that has no result yet.
pub(super) fn open_exchange<'a>(
    exchanges: &'a mut [Exchange],
    generation: GenerationId,
    id: &ToolCallId,
) -> Option<&'a mut Exchange> {
    exchanges.iter_mut().find(|exchange| {
        exchange.generation == generation && exchange.call.id == *id && exchange.output.is_none()
    })
}

fn render<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Message> {
    let mut messages = Vec::new();
    for entry in entries {
        match entry {
            Entry::Assistant { text, .. } if text.is_empty() => {}
            Entry::Assistant { text, interrupted } => {
                messages.push(Message::Assistant { text: text.clone(), interrupted: *interrupted })
            }
            Entry::Tools(exchanges) => {
                messages.extend(exchanges.iter().map(|one| Message::ToolCall(one.call.clone())));
                messages.extend(exchanges.iter().map(|one| Message::ToolResult {
                    id: one.call.id.clone(),
                    output: one.result(),
                }));
            }
            Entry::Spoken { text, .. } if text.is_empty() => {}
            Entry::Spoken { text, .. } => match messages.last_mut() {
                Some(Message::User { text: before }) => *before = format!("{before} {text}").into(),
                _ => messages.push(Message::User { text: text.clone() }),
            },
            Entry::User { text } => messages.push(Message::User { text: text.clone() }),
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(id: &str) -> Exchange {
        let call = ToolCall { id: id.into(), name: "book".into(), arguments: "{}".into() };
        Exchange::new(GenerationId::new(1), call)
    }

    #[test]
    fn x3_a_running_tool_is_answered_with_a_note_until_it_finishes() {
        let mut history = History::default();
        history.push_user(&"book it".into());
        history.extend([Entry::Tools(vec![exchange("a"), exchange("b")])]);
        let messages = history.messages();
        assert_eq!(messages.len(), 5, "two calls, two results");
        assert!(
            matches!(&messages[3], Message::ToolResult { output, .. } if output.contains("still"))
        );

        assert!(history.finish(GenerationId::new(1), &"a".into(), &"done".into()));
        assert!(
            matches!(&history.messages()[3], Message::ToolResult { output, .. } if &**output == "done")
        );
    }

    #[test]
    fn law_7_a_tool_that_finished_before_it_could_be_stopped_is_recorded() {
        let mut history = History::default();
        history.extend([Entry::Tools(vec![exchange("a")])]);
        history.cancel(GenerationId::new(1), &"a".into());
        let output = |history: &mut History| format!("{:?}", history.messages()[1]);
        assert!(output(&mut history).contains("cancelled"));
        assert!(history.finish(GenerationId::new(1), &"a".into(), &"done".into()));
        assert!(output(&mut history).contains("done"));
    }

    #[test]
    fn a_result_is_written_down_once_and_for_its_own_generation() {
        let mut history = History::default();
        history.extend([Entry::Tools(vec![exchange("a")])]);
        assert!(!history.finish(GenerationId::new(2), &"a".into(), &"other".into()));
        assert!(history.finish(GenerationId::new(1), &"a".into(), &"done".into()));
        assert!(!history.finish(GenerationId::new(1), &"a".into(), &"again".into()));
    }

    #[test]
    fn turns_without_an_answer_between_them_are_one_message() {
        let mut history = History::default();
        history.push_user(&"I need".into());
        history.push_user(&"an oil change".into());
        assert_eq!(*history.messages(), [Message::User { text: "I need an oil change".into() }]);
    }

    #[test]
    fn p3_a_draft_leaves_no_trace() {
        let mut history = History::default();
        history.push_user(&"one".into());
        let before = history.messages();
        let draft = history.messages_with(Some(&"two".into()), &[]);
        assert_eq!(*draft, [Message::User { text: "one two".into() }]);
        assert_eq!(history.messages(), before);
    }
}
