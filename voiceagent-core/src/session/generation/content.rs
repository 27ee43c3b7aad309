use std::{ops::Range, sync::Arc};

use crate::{
    GenerationId, ToolCallId,
    session::{
        history::{Entry, Exchange, open_exchange},
        script::Script,
        segmenter::Segmenter,
        speakable::Speakable,
        text_leg::CutAside,
    },
    spoken::SpokenForm,
};

/// What a generation consists of: its text, its tool calls, and what was said on its side, in
/// their order.
#[derive(Debug)]
pub(in crate::session) struct Content {
    /// Keeps what is not meant for ears out of the model's words.
    pub(in crate::session) speakable: Speakable,
    pub(in crate::session) segmenter: Segmenter,
    pub(in crate::session) script: Script,
    /// The model's first text was told of.
    pub(in crate::session) sentence_told: bool,
    /// Bytes of the text that are no answer, but were said to hold the line.
    pub(in crate::session) holding: usize,
    /// The text is that of the prompt: the model has told none.
    pub(in crate::session) recites: bool,
    items: Vec<Item>,
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

impl Content {
    pub(super) fn new(sample_rate: u32) -> Self {
        Self::of(Script::new(sample_rate))
    }

    fn of(script: Script) -> Self {
        Self {
            speakable: Speakable::default(),
            segmenter: Segmenter::default(),
            script,
            sentence_told: false,
            holding: 0,
            recites: false,
            items: Vec::new(),
        }
    }

    /// Forgets all words.
    pub(super) fn clear(&mut self) {
        let (holding, recites) = (self.holding, self.recites);
        *self = Self { holding, recites, ..Self::of(self.script.blank()) };
    }

    /// A text that does not go on with the words before it.
    pub(in crate::session) fn apart(&self, text: &str) -> String {
        let before = self.script.text();
        let is_apart = text.starts_with(char::is_whitespace)
            || before.chars().next_back().is_none_or(char::is_whitespace);
        if is_apart { text.to_owned() } else { format!(" {text}") }
    }

    /// Adds a piece of text, and returns it; words on the side may belong before the item of this
    /// number.
    pub(super) fn push_text(
        &mut self,
        piece: &str,
        aside: Option<usize>,
        form: Option<&SpokenForm>,
    ) -> &str {
        let start = self.script.text().len();
        let is_last = aside.is_none_or(|item| item < self.items.len());
        let goes_on = is_last && matches!(self.items.last(), Some(Item::Text(_)));
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

    /// Adds a tool call to those of the round that begins with this item.
    pub(super) fn push_exchange(&mut self, exchange: Exchange, first_item: usize) {
        if let Some(Item::Tools(exchanges)) = self.items[first_item..].last_mut() {
            exchanges.push(exchange);
        } else {
            self.items.push(Item::Tools(vec![exchange]));
        }
    }

    /// A tool call that has no result yet.
    pub(super) fn open_exchange(
        &mut self,
        generation: GenerationId,
        id: &ToolCallId,
    ) -> Option<&mut Exchange> {
        self.items.iter_mut().rev().find_map(|item| match item {
            Item::Tools(exchanges) => open_exchange(exchanges, generation, id),
            Item::Aside { .. } | Item::Text(_) => None,
        })
    }

    /// The tool calls from this item on.
    pub(super) fn exchanges_from(&self, first_item: usize) -> impl Iterator<Item = &Exchange> {
        self.items[first_item..].iter().flat_map(|item| match item {
            Item::Tools(exchanges) => exchanges.as_slice(),
            Item::Aside { .. } | Item::Text(_) => &[],
        })
    }

    /// How many items there are.
    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    /// Where words on the side belong that are said in the round that begins with this item.
    pub(super) fn place_for_aside(&self, first_item: usize) -> usize {
        match self.items[first_item..].last() {
            Some(Item::Tools(_)) => self.items.len() - 1,
            Some(Item::Aside { .. } | Item::Text(_)) | None => self.items.len(),
        }
    }

    /// Adds what was heard of words on the side.
    pub(super) fn insert_aside(&mut self, item: usize, heard: Arc<str>, interrupted: bool) {
        self.items.insert(item, Item::Aside { heard, interrupted });
    }

    /// Notes how much was heard of words on the side that are over, and that nothing was of what
    /// came behind them.
    pub(in crate::session) fn cut_aside(&mut self, cut: &CutAside) {
        let is_meant = |item: &Item| matches!(item, Item::Aside { heard, .. } if cut.is(heard));
        let Some(at) = self.items.iter().rposition(is_meant) else { return };
        for item in &mut self.items[at..] {
            if let Item::Aside { heard, interrupted } = item {
                *interrupted = true;
                *heard = "".into();
            }
        }
        self.items[at] = Item::Aside { heard: cut.words(), interrupted: true };
    }

    /// Notes that nothing was heard of any words on the side: the far end had stopped before them.
    pub(in crate::session) fn drop_asides(&mut self) {
        for item in &mut self.items {
            if let Item::Aside { heard, interrupted } = item {
                *interrupted = true;
                *heard = "".into();
            }
        }
    }

    /// Whether there is nothing but words of an answer.
    pub(super) fn is_plain(&self) -> bool {
        self.items.iter().all(|item| matches!(item, Item::Text(_))) && self.holding == 0
    }

    /// Whether nothing was written that could be spoken.
    pub(in crate::session) fn is_speechless(&self) -> bool {
        !self.has_answered() && self.segmenter.is_empty()
    }

    /// Whether words of an answer were handed to the voice.
    pub(in crate::session) fn has_answered(&self) -> bool {
        self.answer() > 0
    }

    /// How many bytes of an answer were handed to the voice.
    pub(super) fn answer(&self) -> usize {
        self.script.text().len() - self.holding
    }

    /// What the model is shown in its next round: everything, since it is on its way to the
    /// caller.
    pub(in crate::session) fn entries(&self) -> Vec<Entry> {
        self.fold(self.script.text().len(), false)
    }

    /// What stays in the history: the heard text, and every tool call.
    pub(in crate::session) fn fold(&self, heard: usize, interrupted: bool) -> Vec<Entry> {
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
