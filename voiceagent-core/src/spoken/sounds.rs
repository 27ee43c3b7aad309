use std::ops::Range;

/// The sounds of a word within a text for a voice, as [`Phonemes`](super::Phonemes) are written.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Sounds {
    range: Range<usize>,
    /// Where nothing is left of it but its end.
    closes: usize,
}

/// How sounds begin and end, and whether there are spaces within.
const FORMS: [(&str, &str, bool); 2] = [("<phoneme ", "</phoneme>", true), ("<<", ">>", false)];

impl Sounds {
    /// Those within which a place of the text lies.
    pub(crate) fn around(text: &str, place: usize) -> Option<Self> {
        FORMS.iter().find_map(|(open, close, has_spaces)| {
            let begins = text.match_indices(open).map(|(at, _)| at);
            let start = begins.take_while(|at| *at < place).last()?;
            let closes = start + text[start..].find(close)?;
            let end = closes + close.len();
            let is_one = *has_spaces || !text[start..closes].contains(char::is_whitespace);
            (place < end && is_one).then_some(Self { range: start..end, closes })
        })
    }

    /// Where a text may be cut of which a voice has spoken everything before `place`: a voice cannot
    /// make anything of half of it.
    pub(crate) fn cut(&self, text: &str, place: usize) -> usize {
        let rest = text.get(place..self.closes).unwrap_or_default();
        if rest.contains(char::is_alphanumeric) { self.range.start } else { self.range.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a text when everything before `spoken` was.
    fn rest<'a>(text: &'a str, spoken: &str) -> &'a str {
        let place = text.find(spoken).unwrap() + spoken.len();
        let cut = Sounds::around(text, place).map_or(place, |sounds| sounds.cut(text, place));
        &text[cut..]
    }

    #[test]
    fn no_cut_leaves_half_of_the_sounds_of_a_word() {
        const WORD: &str = r#"<phoneme alphabet="ipa" ph="ʃɪˈvɔn">Siobhan</phoneme>"#;
        let text = &format!("To {WORD}, or <<ʃ|ɪ>> <<v|ɔ|n>> today.");
        let (all, behind) = (&text[3..], ", or <<ʃ|ɪ>> <<v|ɔ|n>> today.");
        for (spoken, left) in [
            ("To ", all),
            ("<phon", all),
            ("<phoneme", all),
            ("\"ipa", all),
            ("ʃɪˈvɔn", all),
            (">Siob", all),
            (">Siobhan", behind),
            ("Siobhan</", behind),
            ("Siobhan</phoneme>", behind),
            ("or <", "<<ʃ|ɪ>> <<v|ɔ|n>> today."),
            ("<<ʃ", "<<ʃ|ɪ>> <<v|ɔ|n>> today."),
            ("|ɪ", " <<v|ɔ|n>> today."),
            ("|ɪ>>", " <<v|ɔ|n>> today."),
            ("<<v|ɔ", "<<v|ɔ|n>> today."),
            ("tod", "ay."),
        ] {
            assert_eq!(rest(text, spoken), left, "{spoken}");
        }
    }

    #[test]
    fn what_is_no_sound_of_a_word_is_cut_anywhere() {
        for text in ["1 << 2 and 4 >> 1", "a <<b", "<phoneme x", "a < b > c"] {
            for (place, _) in text.char_indices() {
                assert_eq!(Sounds::around(text, place), None, "{text} at {place}");
            }
        }
    }
}
