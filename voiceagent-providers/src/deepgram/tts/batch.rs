use std::sync::Arc;

use voiceagent_core::GenerationId;

/// The longest text of one `Speak` message, in characters.
const LONGEST: usize = 2_000;

/// Texts that are flushed together, so that one `Flushed` stands for all of them.
///
/// Audio carries no name. It belongs to the oldest batch that is not complete.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) generation: GenerationId,
    pub(super) texts: Vec<Arc<str>>,
    /// There is something to say in it; the vendor never answers to a flush of nothing.
    pub(super) speakable: bool,
    /// No more texts come, and the vendor was told so if there is something to say.
    pub(super) flushed: bool,
    /// The generation ends with it.
    pub(super) finishes: bool,
    /// Some of its audio was handed over.
    pub(super) heard: bool,
}

impl Batch {
    pub(super) const fn new(generation: GenerationId) -> Self {
        Self {
            generation,
            texts: Vec::new(),
            speakable: false,
            flushed: false,
            finishes: false,
            heard: false,
        }
    }

    /// Adds a text; whether it has to be sent.
    pub(super) fn push(&mut self, text: &Arc<str>) -> bool {
        let speakable = is_speakable(text);
        self.speakable |= speakable;
        self.texts.push(Arc::clone(text));
        speakable
    }

    /// The texts that have to be sent.
    pub(super) fn speakable(&self) -> impl Iterator<Item = &Arc<str>> {
        self.texts.iter().filter(|text| is_speakable(text))
    }
}

/// Punctuation alone gives no audio.
fn is_speakable(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// Cuts a text into pieces that the vendor takes, between words where there are any.
pub(super) fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let fits = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
        let cut = if fits == text.len() {
            fits
        } else {
            let space = text[..fits].rfind(char::is_whitespace).filter(|at| *at > 0);
            space.unwrap_or(fits)
        };
        let (piece, rest) = text.split_at(cut);
        text = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_words_and_nothing_is_lost() {
        let text = "größer ".repeat(1_000);
        let cut: Vec<_> = pieces(&text).collect();
        assert_eq!(cut.concat(), text);
        assert!(cut.len() > 3 && cut.iter().all(|piece| piece.chars().count() <= LONGEST));
        assert!(cut[..cut.len() - 1].iter().all(|piece| piece.ends_with("größer")));
    }

    #[test]
    fn a_text_without_spaces_is_cut_anyway() {
        let text = "ß".repeat(4_100);
        assert_eq!(
            pieces(&text).map(|it| it.chars().count()).collect::<Vec<_>>(),
            [2_000, 2_000, 100]
        );
    }

    #[test]
    fn texts_without_a_word_are_counted_but_not_sent() {
        let mut batch = Batch::new(GenerationId::new(1));
        assert!(!batch.push(&Arc::from("")));
        assert!(!batch.push(&Arc::from(" … ")));
        assert!(!batch.speakable);
        assert!(batch.push(&Arc::from("9")));
        assert!(batch.speakable);
        assert_eq!((batch.texts.len(), batch.speakable().count()), (3, 1));
    }
}
