//! What a call uses of its recognizer and its voice.

use std::time::Duration;

use super::Legs;
use crate::{Event, GenerationId};

/// Counts what vendors charge for. A leg that is lost leaves its counts behind.
#[derive(Debug, Default)]
pub(super) struct Meter {
    stt: Duration,
    tts: Duration,
    frames_dropped: u64,
    characters: u64,
    wasted: u64,
    /// The last attempt to speak, and what was handed over for it.
    last: (GenerationId, u64),
}

impl Meter {
    /// Notes what the legs have counted.
    pub(super) fn read(&mut self, legs: &Legs) {
        if let Some(ears) = &legs.ears {
            self.stt = ears.given();
            self.frames_dropped = ears.dropped;
        }
        if let Some(voice) = &legs.voice {
            self.tts = voice.spoken();
        }
    }

    /// Notes a text that is handed to the voice.
    pub(super) fn text(&mut self, generation: GenerationId, text: &str) {
        let characters = text.chars().count() as u64;
        self.characters += characters;
        if self.last.0 != generation {
            self.last = (generation, 0);
        }
        self.last.1 += characters;
    }

    /// Nobody will hear what was handed over for this attempt.
    pub(super) fn draft_dropped(&mut self, generation: GenerationId) {
        if self.last.0 == generation {
            self.wasted += std::mem::take(&mut self.last.1);
        }
    }

    pub(super) fn frames_dropped(&self) -> u64 {
        self.frames_dropped
    }

    /// What was used so far; `None` if it was nothing, as on a leg that carries text.
    pub(super) fn report(&self) -> Option<Event> {
        let &Self { stt, tts, characters, wasted, .. } = self;
        let used = !stt.is_zero() || !tts.is_zero() || characters > 0;
        used.then_some(Event::Metered { stt, tts, characters, characters_wasted: wasted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m18_characters_of_a_dropped_draft_are_waste() {
        let mut meter = Meter::default();
        assert_eq!(meter.report(), None);
        let [draft, answer] = [1, 2].map(GenerationId::new);
        meter.text(draft, "Ja, gern.");
        meter.text(draft, " Für wann?");
        meter.draft_dropped(draft);
        meter.draft_dropped(draft);
        meter.text(answer, "Gut.");
        meter.draft_dropped(GenerationId::new(9));
        let (stt, tts) = (Duration::ZERO, Duration::ZERO);
        let used = Event::Metered { stt, tts, characters: 23, characters_wasted: 19 };
        assert_eq!(meter.report(), Some(used));
    }
}
