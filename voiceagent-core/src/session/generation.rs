use std::{ops::Range, sync::Arc};

use super::{
    history::{Entry, Exchange, open_exchange},
    script::Script,
    segmenter::Segmenter,
};
use crate::{
    CallTime, GenerationId, ToolCallId, TurnId,
    flow::Plan,
    llm::ToolCall,
    realtime::Prompt,
    tool::{Effect, ToolSpec},
};

/// One attempt of the agent to speak: a draft until its turn is over, then committed.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) id: GenerationId,
    /// What the voice knows it as. Another name after a failure, so that what the voice still says
    /// under the old one is not taken for the new.
    pub(super) voice: GenerationId,
    /// The turn that it answers; `None` when the agent speaks on its own account.
    pub(super) reply_to: Option<ReplyTo>,
    pub(super) committed: bool,
    pub(super) interruptible: bool,
    pub(super) stage: Stage,
    pub(super) instructions: Arc<str>,
    pub(super) tools: Arc<[ToolSpec]>,
    pub(super) plan: Option<Plan>,
    /// What a speech-to-speech model is asked for.
    pub(super) prompt: Prompt,
    pub(super) after: Option<Leave>,
    pub(super) segmenter: Segmenter,
    pub(super) script: Script,
    /// The sample of the call's outbound audio at which this generation begins.
    pub(super) base: u64,
    pub(super) rounds: u32,
    pub(super) retries: u32,
    /// The model has said something in this round.
    pub(super) round_begun: bool,
    /// What the model has called in this round, in its own words.
    round_calls: Vec<ToolCall>,
    /// Tool calls that wait for the turn to be over.
    pub(super) held_calls: Vec<ToolCall>,
    pub(super) asked_at: CallTime,
    pub(super) first_text_at: Option<CallTime>,
    pub(super) voice_begun: bool,
    pub(super) voice_retried: bool,
    /// The voice failed before it had spoken everything.
    pub(super) voice_lost: bool,
    /// It is not what it should have been: cut short, or an apology.
    pub(super) failed: bool,
    /// Bytes of its text that are no answer, but were said to hold the line.
    pub(super) holding: usize,
    /// The caller has been sent something.
    pub(super) started: bool,
    /// When that was.
    pub(super) started_at: CallTime,
    /// When its first sound was heard, once that is known.
    pub(super) heard_since: Option<CallTime>,
    /// How much of the text was told to be heard.
    pub(super) told: usize,
    /// Items that belong to the rounds before this one.
    earlier_rounds: usize,
    items: Vec<Item>,
}

/// The turn that a generation answers.
#[derive(Debug)]
pub(super) struct ReplyTo {
    pub(super) turn: TurnId,
    pub(super) text: Arc<str>,
}

/// How far the text of a generation has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// The flow is asked.
    Planning,
    /// The model is asked, or answers.
    Writing,
    /// Tools run, and the model is asked again when they are done.
    Tools,
    /// All text was handed to the voice.
    Written,
    /// The voice has spoken all of it.
    Spoken,
}

/// What follows when the caller has heard a generation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Leave {
    Failed,
    HangUp,
    Limit,
    Transfer(Arc<str>),
}

#[derive(Debug)]
enum Item {
    Text(Range<usize>),
    Tools(Vec<Exchange>),
}

impl Generation {
    pub(super) fn new(id: GenerationId, reply_to: Option<ReplyTo>, sample_rate: u32) -> Self {
        Self {
            id,
            voice: id,
            reply_to,
            committed: false,
            interruptible: true,
            stage: Stage::Writing,
            instructions: Arc::from(""),
            tools: Arc::from([]),
            plan: None,
            prompt: Prompt::default(),
            after: None,
            segmenter: Segmenter::default(),
            script: Script::new(sample_rate),
            base: 0,
            rounds: 0,
            retries: 0,
            round_begun: false,
            round_calls: Vec::new(),
            held_calls: Vec::new(),
            asked_at: CallTime::ZERO,
            first_text_at: None,
            voice_begun: false,
            voice_retried: false,
            voice_lost: false,
            failed: false,
            holding: 0,
            started: false,
            started_at: CallTime::ZERO,
            heard_since: None,
            told: 0,
            earlier_rounds: 0,
            items: Vec::new(),
        }
    }

    /// Whether it has begun to be heard and has not finished.
    pub(super) fn has_floor(&self) -> bool {
        self.committed && self.started
    }

    /// The user's words, as long as they are not in the history.
    pub(super) fn draft_text(&self) -> Option<&Arc<str>> {
        self.reply_to.as_ref().filter(|_| !self.committed).map(|reply| &reply.text)
    }

    /// Notes a piece of text that is handed to the voice.
    pub(super) fn push_text(&mut self, piece: &str) {
        let start = self.script.text().len();
        self.script.push_text(piece);
        let end = self.script.text().len();
        if let Some(Item::Text(range)) = self.items.last_mut() {
            range.end = end;
        } else {
            self.items.push(Item::Text(start..end));
        }
    }

    /// Notes a tool call that is being run.
    pub(super) fn push_call(&mut self, call: ToolCall) {
        let exchange = Exchange::new(self.id, call);
        let group = self.items[self.earlier_rounds..].last_mut();
        if let Some(Item::Tools(exchanges)) = group {
            exchanges.push(exchange);
        } else {
            self.items.push(Item::Tools(vec![exchange]));
        }
    }

    /// Notes what the model calls. Returns whether that is new: some vendors report a call twice.
    pub(super) fn note_call(&mut self, call: &ToolCall) -> bool {
        let is_new = !self.round_calls.contains(call);
        if is_new {
            self.round_calls.push(call.clone());
        }
        is_new
    }

    /// Whether a call has this name.
    pub(super) fn has_call(&self, id: &ToolCallId) -> bool {
        let held = self.held_calls.iter();
        exchanges(&self.items).map(|one| &one.call).chain(held).any(|call| call.id == *id)
    }

    /// Notes a tool's result. Returns whether it was waited for.
    pub(super) fn finish_call(&mut self, id: &ToolCallId, output: &Arc<str>) -> bool {
        let generation = self.id;
        let open = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Tools(exchanges) => open_exchange(exchanges, generation, id),
            Item::Text(_) => None,
        });
        open.map(|exchange| exchange.output = Some(output.clone())).is_some()
    }

    /// Whether nothing was written that could be spoken.
    pub(super) fn is_speechless(&self) -> bool {
        !self.has_answered() && self.segmenter.is_empty()
    }

    /// Whether words of an answer were handed to the voice.
    pub(super) fn has_answered(&self) -> bool {
        self.script.text().len() > self.holding
    }

    /// Tool calls without a result.
    pub(super) fn open_calls(&self) -> impl Iterator<Item = &ToolCall> {
        exchanges(&self.items).filter(|one| one.is_open()).map(|one| &one.call)
    }

    /// Begins a round of the model.
    pub(super) fn begin_round(&mut self, now: CallTime) {
        self.stage = Stage::Writing;
        self.round_begun = false;
        self.round_calls.clear();
        self.asked_at = now;
        self.earlier_rounds = self.items.len();
    }

    /// Whether the model called a tool in this round.
    pub(super) fn called_in_round(&self) -> bool {
        !self.round_calls.is_empty()
    }

    /// Whether a call may run before the turn is over.
    pub(super) fn may_run_early(&self, call: &ToolCall) -> bool {
        self.spec(&call.name).is_none_or(|spec| spec.effect == Effect::Pure)
    }

    pub(super) fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.iter().find(|spec| *spec.name == *name)
    }

    /// What the model is shown of this generation in its next round: everything, since it is on
    /// its way to the caller.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries_up_to(self.script.text().len(), false)
    }

    /// What stays of this generation in the history: the heard text, and every tool call.
    pub(super) fn fold(&self, heard: usize, interrupted: bool) -> Vec<Entry> {
        self.entries_up_to(heard, interrupted)
    }

    fn entries_up_to(&self, heard: usize, interrupted: bool) -> Vec<Entry> {
        let last_text = self.items.iter().rposition(|item| matches!(item, Item::Text(_)));
        let mut entries = Vec::with_capacity(self.items.len());
        for (index, item) in self.items.iter().enumerate() {
            match item {
                Item::Text(range) => {
                    let end = range.end.min(heard);
                    let text = self.script.text().get(range.start..end).unwrap_or("").trim();
                    let cut = interrupted && (end < range.end || Some(index) == last_text);
                    if !text.is_empty() {
                        entries.push(Entry::Assistant { text: text.into(), interrupted: cut });
                    }
                }
                Item::Tools(exchanges) => entries.push(Entry::Tools(exchanges.clone())),
            }
        }
        entries
    }
}

fn exchanges(items: &[Item]) -> impl Iterator<Item = &Exchange> {
    items.iter().flat_map(|item| match item {
        Item::Tools(exchanges) => exchanges.as_slice(),
        Item::Text(_) => &[],
    })
}
