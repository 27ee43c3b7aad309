use std::{collections::VecDeque, time::Duration};

use voiceagent_core::{GenerationId, audio::AudioFormat};

use super::messages::Say;
use crate::wire::json;

/// Generations that can still be cut: the one that sounds, and what waits behind it.
const GENERATIONS: usize = 32;

/// What the vendor keeps of what it said, so that what nobody heard can be taken out of it.
#[derive(Debug)]
pub(super) struct Memory {
    format: AudioFormat,
    said: VecDeque<Said>,
}

#[derive(Debug)]
struct Said {
    generation: GenerationId,
    items: Vec<Item>,
}

/// A message, in the order in which messages sound.
#[derive(Debug)]
struct Item {
    id: String,
    /// The part that holds its audio.
    content: u32,
    /// The audio that was given, in bytes.
    bytes: usize,
}

impl Memory {
    pub(super) const fn new(format: AudioFormat) -> Self {
        Self { format, said: VecDeque::new() }
    }

    /// A message has begun.
    pub(super) fn begin(&mut self, generation: GenerationId, id: &str) {
        self.item(generation, id);
    }

    /// More audio of a message has come.
    pub(super) fn add(&mut self, generation: GenerationId, id: &str, content: u32, bytes: usize) {
        let item = self.item(generation, id);
        item.content = content;
        item.bytes += bytes;
    }

    /// Takes out what was not heard: the message that was sounding is cut, later ones are removed.
    /// The vendor refuses a cut at zero, and one beyond the audio that it gave.
    pub(super) fn cut(
        &mut self,
        generation: GenerationId,
        heard: Duration,
        messages: &mut Vec<String>,
    ) {
        let Some(said) = self.said.iter_mut().find(|said| said.generation == generation) else {
            return;
        };
        let format = self.format;
        let mut rest = heard;
        said.items.retain_mut(|item| {
            let length = format.duration_of(format.samples(item.bytes));
            let audio_end_ms = rest.min(length).as_millis();
            if rest >= length && audio_end_ms > 0 {
                rest -= length;
                return true;
            }
            rest = Duration::ZERO;
            let item_id = item.id.as_str();
            if audio_end_ms == 0 {
                messages.push(json::write(&Say::DeleteItem { item_id }));
                return false;
            }
            let content_index = item.content;
            messages.push(json::write(&Say::Truncate { item_id, content_index, audio_end_ms }));
            item.bytes = format
                .bytes_in(Duration::from_millis(u64::try_from(audio_end_ms).unwrap_or(u64::MAX)));
            true
        });
    }

    fn item(&mut self, generation: GenerationId, id: &str) -> &mut Item {
        let at = self.said.iter().position(|said| said.generation == generation);
        let at = at.unwrap_or_else(|| {
            if self.said.len() == GENERATIONS {
                self.said.pop_front();
            }
            self.said.push_back(Said { generation, items: Vec::new() });
            self.said.len() - 1
        });
        let items = &mut self.said[at].items;
        let at = items.iter().position(|item| item.id == id).unwrap_or_else(|| {
            items.push(Item { id: id.to_owned(), content: 0, bytes: 0 });
            items.len() - 1
        });
        &mut items[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: GenerationId = GenerationId::new(1);
    const TRUNCATE: &str = r#"{"type":"conversation.item.truncate","item_id":"#;

    /// "a" of 1 s and "b" of 500 ms.
    fn memory() -> Memory {
        let mut memory = Memory::new(AudioFormat::MULAW_8K);
        memory.add(ONE, "a", 0, 3_000);
        memory.add(ONE, "a", 0, 5_000);
        memory.add(ONE, "b", 1, 4_000);
        memory.begin(ONE, "c");
        memory
    }

    fn cut(memory: &mut Memory, heard: u64) -> Vec<String> {
        let mut messages = Vec::new();
        memory.cut(ONE, Duration::from_millis(heard), &mut messages);
        messages
    }

    fn delete(id: &str) -> String {
        format!(r#"{{"type":"conversation.item.delete","item_id":"{id}"}}"#)
    }

    #[test]
    fn h13_the_message_that_sounded_is_cut_and_later_ones_are_removed() {
        let first = format!(r#"{TRUNCATE}"a","content_index":0,"audio_end_ms":640}}"#);
        assert_eq!(cut(&mut memory(), 640), [first, delete("b"), delete("c")]);
        let second = format!(r#"{TRUNCATE}"b","content_index":1,"audio_end_ms":200}}"#);
        assert_eq!(cut(&mut memory(), 1_200), [second, delete("c")]);
    }

    #[test]
    fn h13_no_cut_is_at_zero_or_beyond_the_audio() {
        assert_eq!(cut(&mut memory(), 0), ["a", "b", "c"].map(delete));
        assert_eq!(cut(&mut memory(), 1_000), ["b", "c"].map(delete));
        assert_eq!(cut(&mut memory(), 9_000), [delete("c")]);
        let mut under_a_millisecond = Memory::new(AudioFormat::MULAW_8K);
        under_a_millisecond.add(ONE, "a", 0, 4);
        assert_eq!(cut(&mut under_a_millisecond, 9), [delete("a")]);
    }

    #[test]
    fn a_cut_is_made_once() {
        let mut memory = memory();
        assert_eq!(cut(&mut memory, 640).len(), 3);
        assert!(cut(&mut memory, 640).is_empty());
    }
}
