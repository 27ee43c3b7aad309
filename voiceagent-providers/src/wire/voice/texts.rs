/// Whether there is something to say. Punctuation alone gives no audio.
pub(crate) fn is_speakable(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// Cuts a text into pieces of at most `longest` characters, between words where there are any.
pub(crate) fn pieces(mut text: &str, longest: usize) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let fits = text.char_indices().nth(longest).map_or(text.len(), |(at, _)| at);
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
        let cut: Vec<_> = pieces(&text, 2_000).collect();
        assert_eq!(cut.concat(), text);
        assert!(cut.len() > 3 && cut.iter().all(|piece| piece.chars().count() <= 2_000));
        assert!(cut[..cut.len() - 1].iter().all(|piece| piece.ends_with("größer")));
    }

    #[test]
    fn a_text_without_spaces_is_cut_anyway() {
        let text = "ß".repeat(4_100);
        assert_eq!(
            pieces(&text, 2_000).map(|it| it.chars().count()).collect::<Vec<_>>(),
            [2_000, 2_000, 100]
        );
    }

    #[test]
    fn punctuation_is_nothing_to_say() {
        assert!(!is_speakable("") && !is_speakable(" … "));
        assert!(is_speakable("9") && is_speakable("ß."));
    }
}
