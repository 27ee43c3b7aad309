//! Text legs whose far end answers no marks: what was sent counts as heard, until the far end says
//! otherwise.

use std::sync::Arc;

use super::{
    Event, InterruptionReason, Session,
    generation::{Gap, Generation},
    history::Entry,
};
use crate::{GenerationId, transport::Outbound};

/// What a far end may still have to say. More than this lies minutes back.
const MOST_SAID: usize = 8;

/// What the agent said once, and where it stands in the history.
#[derive(Debug)]
pub(super) struct Said {
    generation: GenerationId,
    text: String,
    /// What was said on the side of it.
    gaps: Vec<Gap>,
    /// Among the entries of the agent: how many are before it, and how many it is.
    before: usize,
    entries: usize,
    /// It was told to be interrupted.
    interrupted: bool,
}

impl Session {
    /// Remembers what is about to be written into the history, and is heard up to `heard`.
    pub(super) fn keep_said(
        &mut self,
        generation: &Generation,
        entries: &[Entry],
        heard: usize,
        interrupted: bool,
    ) {
        let is_sent = generation.playback.started || !generation.playback.gaps.is_empty();
        if !self.output.is_text() || self.config.marks || !is_sent {
            return;
        }
        if self.said.len() == MOST_SAID {
            self.said.pop_front();
        }
        let by_agent = |entry: &&Entry| matches!(entry, Entry::Assistant { .. });
        self.said.push_back(Said {
            generation: generation.id,
            text: generation.content.script.text()[..heard].to_owned(),
            gaps: generation.playback.gaps.clone(),
            before: self.history.said(),
            entries: entries.iter().filter(by_agent).count(),
            interrupted,
        });
    }

    /// The far end stopped, and says how the text begins of what it was saying, as far as it was
    /// heard. It has dropped what came after.
    pub(super) fn on_peer_interrupted(&mut self, heard: Option<&str>) {
        let begun = self.live.as_ref().filter(|live| live.has_floor());
        let Some(heard) = heard else { return self.stop_at_peer() };
        let is_aside = |live: &Generation| {
            live.is_on_the_side() || !live.playback.started && !live.playback.gaps.is_empty()
        };
        if heard.is_empty() && self.live.as_ref().is_some_and(is_aside) {
            // What was just begun is meant: words on the side.
            return self.stop_at_peer();
        }
        let in_live = begun
            .filter(|live| live.playback.started)
            .and_then(|live| Place::of(heard, live.content.script.text(), &live.playback.gaps));
        let mut said = self.said.iter().enumerate().rev();
        let meant = said.find_map(|(nth, said)| {
            let heard = Place::of(heard, &said.text, &said.gaps)?;
            Some((nth, heard))
        });
        if let Some(heard) = in_live {
            self.said.clear();
            // What is said on the side comes after what was stopped, or was heard before it.
            self.give_up_aside();
            let Some(live) = &mut self.live else { return };
            if let Some(aside) = &heard.aside {
                live.content.cut_aside(aside);
            }
            self.output.on_heard(live.playback.place(heard.heard as u64));
        } else if let Some((meant, heard)) = meant {
            let begin = begun.map_or(0, |live| live.playback.place(0));
            if begun.is_none() {
                // What is on its way it would go on with.
                self.send(Outbound::Clear);
            }
            self.output.on_heard(begin);
            if let Some(live) = &mut self.live {
                // What was said on its side came behind what was stopped, too.
                live.content.drop_asides();
            }
            let mut heard = Some(heard);
            for said in std::mem::take(&mut self.said).into_iter().skip(meant) {
                self.cut_said(said, heard.take());
            }
        }
        self.stop_at_peer();
    }

    /// Stops what the far end has stopped. An answer that it has yet to be sent goes on.
    fn stop_at_peer(&mut self) {
        if self.holds_floor() {
            self.interrupt(InterruptionReason::BargeIn, None);
        }
    }

    /// Writes down that something was heard up to a place only, or not at all.
    fn cut_said(&mut self, said: Said, place: Option<Place>) {
        let Said { generation, text, before, entries, interrupted, .. } = said;
        let heard = place.as_ref().map_or(0, |place| place.heard);
        let is_whole = place.as_ref().is_some_and(|place| place.aside.is_none());
        if is_whole && heard >= text.len() {
            return;
        }
        self.history.cut((before, entries), &text, place.as_ref());
        if heard >= text.len() {
            return;
        }
        if !interrupted {
            let reason = InterruptionReason::BargeIn;
            self.emit(Event::Interrupted { generation, reason, after: Default::default() });
        }
        let pii_heard: Arc<str> = text[..heard].trim().into();
        self.emit(Event::AgentStopped { generation, pii_heard, interrupted: true });
    }
}

/// How much was heard of something that the agent said.
#[derive(Debug)]
pub(super) struct Place {
    /// In bytes of its text.
    pub(super) heard: usize,
    /// What was stopped is said on its side.
    pub(super) aside: Option<CutAside>,
}

/// Words on the side, of which no more was heard than so many bytes.
#[derive(Debug)]
pub(super) struct CutAside {
    pub(super) text: Arc<str>,
    pub(super) heard: usize,
}

impl CutAside {
    /// Whether these words were heard whole before it was known that they were not.
    pub(super) fn is(&self, words: &str) -> bool {
        self.text.trim() == words
    }

    pub(super) fn words(&self) -> Arc<str> {
        self.text[..self.heard].trim().into()
    }
}

impl Place {
    /// The place in a text, if the far end means it, or something that was said on its side: what
    /// came before that was heard.
    fn of(heard: &str, text: &str, gaps: &[Gap]) -> Option<Self> {
        let is_last = gaps.is_empty() || !heard.is_empty();
        if is_last && text.starts_with(heard) {
            return Some(Self { heard: heard.len(), aside: None });
        }
        let meant = gaps.iter().rev().find(|gap| gap.text.starts_with(heard))?;
        // Nobody can tell of which words it is that nothing was heard.
        let is_cut = !heard.is_empty() && heard.len() < meant.text.len();
        let cut = CutAside { text: meant.text.clone(), heard: heard.len() };
        Some(Self { heard: usize::try_from(meant.at).ok()?, aside: is_cut.then_some(cut) })
    }
}
