//! What a voice tells afterwards of what was cut: which words were heard. Until then it is guessed.

use std::sync::Arc;

use super::{
    Command, Event, Session, generation::Generation, history::Entry, text_leg::Place,
    wording::Wording,
};
use crate::GenerationId;

/// What was cut last, and where it stands in the history.
#[derive(Debug)]
pub(super) struct Cut {
    voice: GenerationId,
    generation: GenerationId,
    wording: Wording,
    /// How much of the text is taken for heard, in bytes.
    heard: usize,
    /// Among the entries of the agent: how many are before it, and how many it is.
    before: usize,
    entries: usize,
}

impl Session {
    /// Stops a voice that knows which words were heard, if any of its audio was.
    pub(super) fn interrupt_voice(&mut self, generation: &Generation) {
        let Some(format) = self.config.format.filter(|_| self.may_tell_heard(generation)) else {
            return;
        };
        let heard = format.duration_of(self.output.heard_samples(self.now, generation));
        if !heard.is_zero() {
            self.commands.push_back(Command::InterruptVoice {
                generation: generation.synthesis.voice,
                heard,
            });
        }
    }

    /// Remembers what is about to be written into the history, and is taken to be heard up to
    /// `heard`.
    pub(super) fn keep_cut(&mut self, generation: &Generation, entries: &[Entry], heard: usize) {
        if !self.may_tell_heard(generation) {
            return;
        }
        let by_agent = |entry: &&Entry| matches!(entry, Entry::Assistant { .. });
        self.cut = Some(Cut {
            voice: generation.synthesis.voice,
            generation: generation.id,
            wording: generation.content.script.wording().clone(),
            heard,
            before: self.history.said(),
            entries: entries.iter().filter(by_agent).count(),
        });
    }

    /// Of what was said under two names nobody knows the whole.
    fn may_tell_heard(&self, generation: &Generation) -> bool {
        self.config.voice_tells_heard
            && generation.playback.started
            && generation.synthesis.voice == generation.id
    }

    /// The voice tells which words were heard of what was cut.
    pub(super) fn on_voice_heard(&mut self, voice: GenerationId, told: &str) {
        let Some(cut) = self.cut.take_if(|cut| cut.voice == voice) else { return };
        let heard = place_of(told, cut.wording.spoken()).map(|at| cut.wording.written_at(at));
        let Some(heard) = heard.filter(|heard| *heard != cut.heard) else { return };
        let text = cut.wording.written();
        let pii_heard: Arc<str> = text[..heard].trim().into();
        if cut.entries > 0 {
            let place = Place { heard, aside: None };
            self.history.cut((cut.before, cut.entries), text, Some(&place));
        } else if cut.before == self.history.said() && !pii_heard.is_empty() {
            let text = Arc::clone(&pii_heard);
            self.history.extend([Entry::Assistant { text, interrupted: true }]);
        }
        let generation = cut.generation;
        self.emit(Event::AgentStopped { generation, pii_heard, interrupted: true });
    }
}

/// How much of a text was heard, if it begins with what the voice tells: by letters and digits,
/// since voices spell spaces and punctuation as they like. What ends within a word ends before it.
fn place_of(told: &str, text: &str) -> Option<usize> {
    let mut rest = text.char_indices().filter(|(_, here)| here.is_alphanumeric());
    let mut end = 0;
    for letter in told.chars().filter(|letter| letter.is_alphanumeric()) {
        let (at, here) = rest.next()?;
        if !here.to_lowercase().eq(letter.to_lowercase()) {
            return None;
        }
        end = at + here.len_utf8();
    }
    let behind = &text[end..];
    if end > 0 && behind.starts_with(char::is_alphanumeric) {
        return Some(text[..end].rfind(char::is_whitespace).unwrap_or(0));
    }
    let is_next = |c: char| c.is_whitespace() || c.is_alphanumeric();
    let punctuation = if end == 0 { 0 } else { behind.find(is_next).unwrap_or(behind.len()) };
    Some(end + punctuation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h6_a_voice_that_spells_otherwise_is_understood() {
        let text = "Yes, we have one. It costs $5.";
        for (told, heard) in [
            ("", Some("")),
            ("yes we have", Some("Yes, we have")),
            ("Yes, we have one", Some("Yes, we have one.")),
            ("Yes, we ha", Some("Yes, we")),
            (" Yes,we have one. It costs 5", Some("Yes, we have one. It costs $5.")),
            ("No, we", None),
            ("Yes, we have one. It costs $5. And more", None),
        ] {
            assert_eq!(place_of(told, text).map(|end| &text[..end]), heard, "{told}");
        }
    }
}
