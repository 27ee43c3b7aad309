mod summed;

use std::sync::Arc;

use crate::{
    GenerationId, ToolCallId, TurnId,
    llm::{Message, ToolCall},
};

use super::text_leg::Place;
use summed::Summed;

/// What the model is told about a tool call that has not finished.
const STILL_RUNNING: &str =
    r#"{"status":"still running","note":"do not call it again; the result will follow"}"#;

/// What the model is told about a tool call that an interruption stopped.
const CANCELLED: &str = r#"{"error":"cancelled: the user interrupted before it finished"}"#;

/// What the model is told about a tool call that it need not wait for.
const DETACHED: &str = r#"{"status":"started","note":"it goes on in the background and its result will follow; do not call it again"}"#;

/// What the model is told about a tool call that has not answered in its time.
const OVERDUE: &str =
    r#"{"error":"it did not finish in time; it is not known whether it had an effect"}"#;

/// What the model is told about a tool call that was stopped by a newer one like it.
const REPLACED: &str =
    r#"{"error":"stopped, because it was called again; the newer call takes its place"}"#;

/// The conversation as the model sees it: what the user said, and what the user *heard*.
///
/// A tool call and its result are one entry, so that a call without a result cannot be written
/// down: while the tool runs, the entry renders with a note that it does.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Entry>,
    messages: Option<Arc<[Message]>>,
    summed: Summed,
    /// Counts the changes.
    version: u64,
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
    /// `last` is where the words of the last turn begin.
    User {
        text: Arc<str>,
        last: usize,
    },
}

/// A tool call and, once there is one, its result.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) generation: GenerationId,
    pub(super) call: ToolCall,
    pub(super) output: Option<Arc<str>>,
    pub(super) standing: Standing,
}

/// Where a tool call stands as long as it has no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// An interruption stopped it.
    Cancelled,
    /// It runs, and nobody waits for it.
    Detached,
    /// It runs, or nobody knows what it does: it has not answered in its time.
    Overdue,
    /// A newer call like it took its place.
    Replaced,
    /// It runs.
    Running,
    /// It runs, and the owner of the call has stopped the answer that would have told its result.
    Unasked,
}

impl Entry {
    /// The tool calls in it.
    fn exchanges(&self) -> &[Exchange] {
        match self {
            Self::Tools(exchanges) => exchanges,
            Self::Assistant { .. } | Self::Spoken { .. } | Self::User { .. } => &[],
        }
    }
}

impl Exchange {
    pub(super) fn new(generation: GenerationId, call: ToolCall) -> Self {
        Self { generation, call, output: None, standing: Standing::Running }
    }

    /// Whether its result is waited for.
    pub(super) fn is_open(&self) -> bool {
        self.output.is_none() && self.standing == Standing::Running
    }

    /// Whether a model that waits for the result has to be told now how it stands.
    pub(super) fn is_settled(&self) -> bool {
        let stopped = match self.standing {
            Standing::Cancelled | Standing::Overdue | Standing::Replaced => true,
            Standing::Detached | Standing::Running | Standing::Unasked => false,
        };
        self.output.is_some() || stopped
    }

    /// The result, or a note in the place of it.
    pub(super) fn result(&self) -> Arc<str> {
        let note = match self.standing {
            Standing::Cancelled => CANCELLED,
            Standing::Detached => DETACHED,
            Standing::Overdue => OVERDUE,
            Standing::Replaced => REPLACED,
            Standing::Running | Standing::Unasked => STILL_RUNNING,
        };
        self.output.clone().unwrap_or_else(|| note.into())
    }
}

impl History {
    /// Adds what the user said. What a user says in two turns with no answer between is one
    /// message.
    pub(super) fn push_user(&mut self, text: &Arc<str>) {
        self.change();
        if let Some(Entry::User { text: before, last }) = self.entries.last_mut() {
            *last = before.len() + 1;
            *before = format!("{before} {text}").into();
        } else {
            self.entries.push(Entry::User { text: text.clone(), last: 0 });
        }
    }

    /// Takes the place of a turn whose words are not all known.
    pub(super) fn push_spoken(&mut self, turn: TurnId, words: &str) {
        self.change();
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
            self.change();
        }
    }

    /// Puts something else in the place of what the user said in the last turn.
    pub(super) fn edit_user(&mut self, edit: &str) {
        let turn = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::User { text, last } => Some((text, *last)),
            Entry::Assistant { .. } | Entry::Spoken { .. } | Entry::Tools(_) => None,
        });
        if let Some((text, last)) = turn {
            *text = format!("{}{edit}", &text[..last]).into();
            self.change();
        }
    }

    /// A number that is another one after each change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    fn change(&mut self) {
        self.messages = None;
        self.version += 1;
    }

    /// Adds what a generation left behind, in the order in which it happened.
    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.change();
        self.entries.extend(entries);
    }

    /// How many entries of the agent's words there are.
    pub(super) fn said(&self) -> usize {
        self.entries.iter().filter(|entry| is_said(entry)).count()
    }

    /// Cuts what the agent said once, given by how many of its entries are before and how many it
    /// is, as a part of `text`, where no more of it was heard than to a place, or nothing at all.
    /// What nobody heard keeps its place and is not shown. The last entry takes what more of the
    /// text was heard.
    pub(super) fn cut(
        &mut self,
        (before, entries): (usize, usize),
        text: &str,
        place: Option<&Place>,
    ) {
        self.change();
        let mut from = 0;
        let heard = place.map_or(0, |place| place.heard);
        let mut aside = place.and_then(|place| place.aside.as_ref());
        let mut is_over = place.is_none();
        let said = self.entries.iter_mut().filter(|entry| is_said(entry));
        for (nth, entry) in said.skip(before).take(entries).enumerate() {
            let Entry::Assistant { text: words, interrupted } = entry else { continue };
            let Some(at) = text[from..].find(&**words) else {
                // Words on the side are no part of it, and were heard if those before them were.
                if from > heard || is_over {
                    *interrupted = true;
                    *words = "".into();
                } else if let Some(cut) = aside.take_if(|cut| cut.is(words)) {
                    *interrupted = true;
                    *words = cut.words();
                    is_over = true;
                }
                continue;
            };
            from += at;
            let whole = from + words.len();
            let last = if nth + 1 == entries { text.len() } else { whole };
            let end = last.min(heard).max(from);
            *interrupted |= end < whole;
            *words = text[from..end].trim().into();
            from = whole;
        }
    }

    /// Writes down the result of a tool call whose generation has been folded in: behind a summary
    /// that knows nothing of it. Returns where it stood, if there was no result yet.
    pub(super) fn finish(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
        output: &Arc<str>,
    ) -> Option<Standing> {
        let exchange = self.unanswered(generation, id)?;
        exchange.output = Some(output.clone());
        let standing = exchange.standing;
        self.change();
        if self.is_handed_away(generation, id) {
            self.bring_forward(&[(generation, id.clone())]);
        }
        Some(standing)
    }

    /// Changes where a tool call stands that has no result yet, and returns where it stood. If it
    /// gets a result, that counts.
    pub(super) fn set_standing(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
        standing: Standing,
    ) -> Option<Standing> {
        let exchange = self.unanswered(generation, id)?;
        let before = std::mem::replace(&mut exchange.standing, standing);
        self.change();
        Some(before)
    }

    /// Moves tool calls with their results to the end, as if they had been made now. Returns
    /// whether there were any.
    pub(super) fn bring_forward(&mut self, calls: &[(GenerationId, ToolCallId)]) -> bool {
        let mut moved = Vec::new();
        for entry in &mut self.entries {
            if let Entry::Tools(exchanges) = entry {
                let is_told = |one: &mut Exchange| {
                    calls.iter().any(|(of, id)| one.generation == *of && one.call.id == *id)
                };
                moved.extend(exchanges.extract_if(.., is_told));
            }
        }
        if moved.is_empty() {
            return false;
        }
        let is_gone = |entry: &Entry| matches!(entry, Entry::Tools(left) if left.is_empty());
        self.summed.note_removal(&self.entries, is_gone);
        self.entries.retain(|entry| !is_gone(entry));
        self.entries.push(Entry::Tools(moved));
        self.change();
        true
    }

    /// All tool calls so far.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.entries.iter().flat_map(Entry::exchanges)
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
        self.exchanges().any(|one| one.call.id == *id)
    }

    /// The conversation. Shared until it changes.
    pub(super) fn messages(&mut self) -> Arc<[Message]> {
        let (entries, summed) = (&self.entries, &self.summed);
        self.messages.get_or_insert_with(|| summed.render(entries).into()).clone()
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
        let (entries_so_far, summed) = (self.entries.clone(), self.summed.clone());
        let mut draft = Self { entries: entries_so_far, summed, ..Self::default() };
        if let Some(text) = user {
            draft.push_user(text);
        }
        draft.entries.extend(entries.iter().cloned());
        draft.messages()
    }
}

fn is_said(entry: &Entry) -> bool {
    matches!(entry, Entry::Assistant { .. })
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
            Entry::User { text, .. } => messages.push(Message::User { text: text.clone() }),
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

        let stood = history.finish(GenerationId::new(1), &"a".into(), &"done".into());
        assert_eq!(stood, Some(Standing::Running));
        assert!(
            matches!(&history.messages()[3], Message::ToolResult { output, .. } if &**output == "done")
        );
    }

    #[test]
    fn x12_calls_that_are_brought_forward_leave_nothing_in_their_old_place() {
        let mut history = History::default();
        history.extend([Entry::Tools(vec![exchange("a"), exchange("b")])]);
        history.push_user(&"well".into());
        let told = |id: &str| [(GenerationId::new(1), id.into())];
        assert!(history.bring_forward(&told("a")));
        assert_eq!(history.entries.len(), 3, "one of the two is left where it was");
        assert!(history.bring_forward(&told("b")));
        assert!(matches!(history.entries[0], Entry::User { .. }), "{:?}", history.entries);
        assert_eq!(history.entries.len(), 3);
        assert!(!history.bring_forward(&told("c")));
    }

    #[test]
    fn law_7_a_tool_that_finished_before_it_could_be_stopped_is_recorded() {
        let mut history = History::default();
        history.extend([Entry::Tools(vec![exchange("a")])]);
        history.set_standing(GenerationId::new(1), &"a".into(), Standing::Cancelled);
        let output = |history: &mut History| format!("{:?}", history.messages()[1]);
        assert!(output(&mut history).contains("cancelled"));
        let stood = history.finish(GenerationId::new(1), &"a".into(), &"done".into());
        assert_eq!(stood, Some(Standing::Cancelled));
        assert!(output(&mut history).contains("done"));
    }

    #[test]
    fn a_result_is_written_down_once_and_for_its_own_generation() {
        let mut history = History::default();
        history.extend([Entry::Tools(vec![exchange("a")])]);
        let mut finish = |generation, output: &str| {
            history.finish(GenerationId::new(generation), &"a".into(), &output.into()).is_some()
        };
        assert!(!finish(2, "other"));
        assert!(finish(1, "done"));
        assert!(!finish(1, "again"));
    }

    #[test]
    fn turns_without_an_answer_between_them_are_one_message() {
        let mut history = History::default();
        history.push_user(&"I need".into());
        history.push_user(&"an oil change".into());
        assert_eq!(*history.messages(), [Message::User { text: "I need an oil change".into() }]);
        history.edit_user("tyres");
        assert_eq!(*history.messages(), [Message::User { text: "I need tyres".into() }]);
    }

    #[test]
    fn h14_what_was_said_last_is_cut_over_all_its_entries() {
        let said = |text: &str| Entry::Assistant { text: text.into(), interrupted: false };
        let told = |text: &str, interrupted| Message::Assistant { text: text.into(), interrupted };
        let cut = |heard: usize| {
            let mut history = History::default();
            history.extend(["Hello.", "One moment.", "Here it is."].map(said));
            history.cut((1, 2), "One moment. Here it is.", Some(&Place { heard, aside: None }));
            history.messages().to_vec()
        };
        let hello = told("Hello.", false);
        let first = told("One moment.", false);
        assert_eq!(cut(23), [hello.clone(), first.clone(), told("Here it is.", false)]);
        assert_eq!(cut(16), [hello.clone(), first.clone(), told("Here", true)]);
        assert_eq!(cut(11), [hello.clone(), first]);
        assert_eq!(cut(3), [hello, told("One", true)]);
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
