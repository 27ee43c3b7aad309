mod rounds;

use std::{ops::Range, sync::Arc, time::Duration};

use super::{
    filler::Aside,
    history::{Entry, Exchange},
    onset::Onset,
    script::Script,
    segmenter::Segmenter,
    speakable::Speakable,
};
use crate::{
    CallTime, GenerationId, ToolCallId, TurnId, flow::Plan, llm::ToolCall, realtime::Prompt,
    spoken::SpokenForm, tool::ToolSpec,
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
    /// Keeps what is not meant for ears out of the model's words.
    pub(super) speakable: Speakable,
    pub(super) segmenter: Segmenter,
    pub(super) script: Script,
    /// Texts of the script that the voice has been handed.
    pub(super) handed: usize,
    pub(super) voice_state: VoiceState,
    /// What is said on the side, while tools run.
    pub(super) aside: Option<Aside>,
    /// Where something else was said on the side.
    pub(super) gaps: Vec<Gap>,
    /// Since when the tools of this round, or what was said on the side, keep the user waiting.
    pub(super) waiting_since: CallTime,
    /// Fillers that were said in this round of tools.
    pub(super) fillers: usize,
    /// Who waits until this was heard.
    pub(super) ticket: Option<Ticket>,
    /// What the history was when this was begun.
    pub(super) context: u64,
    /// It tells the results of tools that came late, and answers no turn.
    pub(super) tells_late: bool,
    /// The sample of the call's outbound audio at which this generation begins.
    pub(super) base: u64,
    pub(super) rounds: u32,
    pub(super) retries: u32,
    /// The model has said something in this round.
    pub(super) round_begun: bool,
    /// From the request of this round to the first sign that the model reasons.
    pub(super) reasoned: Option<Duration>,
    /// The model's first text was told of.
    pub(super) sentence_told: bool,
    /// Where the voice's audio begins to sound.
    pub(super) onset: Onset,
    /// What the model has called in this round, in its own words.
    round_calls: Vec<ToolCall>,
    /// The calls that have ended the conversation.
    pub(super) hung_up: Vec<ToolCallId>,
    /// Tool calls that wait for the turn to be over.
    pub(super) held_calls: Vec<ToolCall>,
    pub(super) asked_at: CallTime,
    pub(super) first_text_at: Option<CallTime>,
    pub(super) voice_begun: bool,
    /// How often the voice failed at this.
    pub(super) voice_failures: u8,
    /// It failed, and is given nothing for a while.
    pub(super) voice_rests: bool,
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
    /// Items that belong to the rounds before this one, and bytes of the answer that do.
    earlier_rounds: usize,
    earlier_answer: usize,
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

/// What the voice has been told under the name that it knows a generation by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum VoiceState {
    /// Nothing.
    Fresh,
    /// Texts; more may follow.
    Open,
    /// That there is no more text. It owes the rest of the audio.
    Closing,
    /// It has said everything, and takes no more under this name.
    Closed,
}

/// Who waits until something was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ticket(pub(super) u64);

/// What follows when the caller has heard a generation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Leave {
    Failed,
    HangUp,
    Limit,
    Transfer(Arc<str>),
}

/// Words on the side that are over.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    /// How much of the generation comes before them, in samples or, on a text leg, in bytes.
    pub(super) at: u64,
    length: u64,
    pub(super) text: Arc<str>,
}

#[derive(Debug)]
enum Item {
    /// What was heard of words on the side, and whether there was more of them.
    Aside {
        heard: Arc<str>,
        interrupted: bool,
    },
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
            speakable: Speakable::default(),
            segmenter: Segmenter::default(),
            script: Script::new(sample_rate),
            handed: 0,
            voice_state: VoiceState::Fresh,
            aside: None,
            gaps: Vec::new(),
            waiting_since: CallTime::ZERO,
            fillers: 0,
            ticket: None,
            context: 0,
            tells_late: false,
            base: 0,
            rounds: 0,
            retries: 0,
            round_begun: false,
            reasoned: None,
            sentence_told: false,
            onset: Onset::default(),
            round_calls: Vec::new(),
            hung_up: Vec::new(),
            held_calls: Vec::new(),
            asked_at: CallTime::ZERO,
            first_text_at: None,
            voice_begun: false,
            voice_failures: 0,
            voice_rests: false,
            voice_lost: false,
            failed: false,
            holding: 0,
            started: false,
            started_at: CallTime::ZERO,
            heard_since: None,
            told: 0,
            earlier_rounds: 0,
            earlier_answer: 0,
            items: Vec::new(),
        }
    }

    /// Whether it has begun to be heard and has not finished, or words on its side have.
    pub(super) fn has_floor(&self) -> bool {
        self.committed && (self.started || self.is_on_the_side())
    }

    /// The user's words, as long as they are not in the history, or what stands in their place.
    pub(super) fn draft_text(&self) -> Option<&Arc<str>> {
        let reply = self.reply_to.as_ref().filter(|_| !self.committed)?;
        Some(self.edit().unwrap_or(&reply.text))
    }

    /// What the flow puts in the place of the user's words.
    pub(super) fn edit(&self) -> Option<&Arc<str>> {
        match self.plan.as_ref()? {
            Plan::Generate(answer) => answer.edit.as_ref(),
            Plan::HangUp { .. } | Plan::Say(_) | Plan::Stay | Plan::Transfer { .. } => None,
        }
    }

    /// Whether nothing stands between the last text and the next.
    fn goes_on(&self) -> bool {
        let is_last = self.aside.as_ref().is_none_or(|aside| aside.item < self.items.len());
        is_last && matches!(self.items.last(), Some(Item::Text(_)))
    }

    /// A text that does not go on with the words before it.
    pub(super) fn apart(&self, text: &str) -> String {
        let before = self.script.text();
        let is_apart = text.starts_with(char::is_whitespace)
            || before.chars().next_back().is_none_or(char::is_whitespace);
        if is_apart { text.to_owned() } else { format!(" {text}") }
    }

    /// Notes a piece of text that is handed to the voice, and returns it: what follows a tool, or
    /// words on the side, is set apart from what came before. The voice is given its spoken form.
    pub(super) fn push_text(&mut self, piece: &str, form: Option<&SpokenForm>) -> &str {
        let start = self.script.text().len();
        let goes_on = self.goes_on();
        if goes_on {
            self.script.push_text_as(piece, form);
        } else {
            self.script.push_text_as(&self.apart(piece), form);
        }
        let end = self.script.text().len();
        match self.items.last_mut() {
            Some(Item::Text(range)) if goes_on => range.end = end,
            _ => self.items.push(Item::Text(start..end)),
        }
        &self.script.text()[start..]
    }

    /// Whether nothing was written that could be spoken.
    pub(super) fn is_speechless(&self) -> bool {
        !self.has_answered() && self.segmenter.is_empty()
    }

    /// Whether words of an answer were handed to the voice.
    pub(super) fn has_answered(&self) -> bool {
        self.answer() > 0
    }

    /// How many bytes of an answer were handed to the voice.
    fn answer(&self) -> usize {
        self.script.text().len() - self.holding
    }

    /// Whether it is nothing but words of which none has left.
    pub(super) fn is_unsaid(&self) -> bool {
        let is_plain = self.items.iter().all(|item| matches!(item, Item::Text(_)));
        is_plain && !self.started && self.aside.is_none() && self.holding == 0
    }

    /// Forgets its words, of which none has left. `voice` is what the voice will know it as.
    pub(super) fn unwrite(&mut self, voice: GenerationId) {
        self.voice = voice;
        self.voice_state = VoiceState::Fresh;
        self.voice_begun = false;
        self.voice_rests = false;
        self.speakable = Speakable::default();
        self.segmenter = Segmenter::default();
        self.script = self.script.blank();
        self.handed = 0;
        self.sentence_told = false;
        self.onset = Onset::default();
        self.first_text_at = None;
        self.items.clear();
    }

    /// Whether words on the side have been sent that may still be heard.
    pub(super) fn is_on_the_side(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| aside.started)
    }

    /// Whether the user may stop what is being said.
    pub(super) fn may_be_stopped(&self) -> bool {
        self.interruptible && self.aside.as_ref().is_none_or(|aside| aside.interruptible)
    }

    /// Whether no words on the side stand between the voice and the next text.
    pub(super) fn hears_no_aside(&self) -> bool {
        self.aside.as_ref().is_none_or(|aside| aside.is_waiting() || aside.is_spoken())
    }

    /// How much of this generation lies before a place of the outbound audio or text.
    pub(super) fn position(&self, place: u64) -> u64 {
        let mut position = place.saturating_sub(self.base);
        let open = self.aside.as_ref().and_then(Aside::gap);
        let gaps = self.gaps.iter().map(|gap| (gap.at, gap.length));
        for (at, length) in gaps.chain(open) {
            position -= length.min(position.saturating_sub(at));
        }
        position
    }

    /// The place of the outbound audio or text at which so much of this generation has passed, and
    /// everything that was said on the side before.
    pub(super) fn place(&self, position: u64) -> u64 {
        let before = self.gaps.iter().filter(|gap| gap.at <= position);
        self.base + position + before.map(|gap| gap.length).sum::<u64>()
    }

    /// So much of the outbound audio was taken back: what is still to be heard lies further on.
    pub(super) fn move_on(&mut self, samples: u64) {
        self.base += samples;
        if let Some(aside) = &mut self.aside {
            aside.start += samples;
        }
    }

    /// Where in this generation words on the side belong: behind everything that is said before
    /// them, and before the tools of this round, which may still wait to be run.
    pub(super) fn place_for_aside(&self) -> usize {
        match self.items[self.earlier_rounds..].last() {
            Some(Item::Tools(_)) => self.items.len() - 1,
            Some(Item::Aside { .. } | Item::Text(_)) | None => self.items.len(),
        }
    }

    /// Notes that the words on the side are over, of which so much was sent.
    pub(super) fn close_aside(&mut self, sent: u64, heard: Arc<str>, interrupted: bool) {
        let Some(aside) = self.aside.take() else { return };
        if let Some((at, _)) = aside.gap()
            && sent > 0
        {
            self.gaps.push(Gap { at, length: sent, text: aside.text.clone() });
        }
        // The model is not shown a filler: it would take to writing them itself.
        if !aside.is_filler && !heard.is_empty() {
            self.items.insert(aside.item, Item::Aside { heard, interrupted });
            self.earlier_rounds += usize::from(aside.item < self.earlier_rounds);
        }
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
                Item::Aside { heard, interrupted } => entries
                    .push(Entry::Assistant { text: heard.clone(), interrupted: *interrupted }),
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
        Item::Aside { .. } | Item::Text(_) => &[],
    })
}
