/// The words of a text without case and punctuation, each with the place where it begins. Of a
/// writing that has no spaces between words, each letter counts as one.
pub(super) fn plain_words(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let (mut begin, mut word) = (0, String::new());
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let is_counted = letter.is_alphanumeric();
        let parts = is_counted && (is_unspaced(letter) || is_unspaced(before));
        if (letter.is_whitespace() || parts) && !word.is_empty() {
            words.push((begin, std::mem::take(&mut word)));
            begin = at;
        }
        if before.is_whitespace() {
            begin = at;
        }
        if is_counted {
            word.extend(letter.to_lowercase());
        }
        // Marks and punctuation belong to the letter before them.
        if is_counted || letter.is_whitespace() || before.is_whitespace() {
            before = letter;
        }
    }
    words.extend((!word.is_empty()).then_some((begin, word)));
    words.into_iter()
}

/// Whether a letter is of a writing that has no spaces between words: Chinese, Japanese, Thai, Lao.
pub(super) const fn is_unspaced(letter: char) -> bool {
    is_thai(letter)
        || matches!(letter,
            '々' | '〇' | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

/// Letters, vowels and tones of Thai and Lao.
const fn is_thai(letter: char) -> bool {
    matches!(letter, '\u{e01}'..='\u{e4e}' | '\u{e81}'..='\u{ece}')
}

/// The vowels of Thai and Lao that stand before their consonant.
const fn leads(letter: char) -> bool {
    matches!(letter, '\u{e40}'..='\u{e44}' | '\u{ec0}'..='\u{ec4}')
}

const fn is_consonant(letter: char) -> bool {
    matches!(letter, '\u{e01}'..='\u{e2e}' | '\u{e81}'..='\u{eae}')
}

/// Whether text in a writing without spaces ends here, also by its punctuation.
pub(super) const fn is_unspaced_or_mark(letter: char) -> bool {
    is_unspaced(letter) || is_wide_mark(letter)
}

/// Punctuation as wide as an ideograph: there is no white space behind it.
const fn is_wide_mark(letter: char) -> bool {
    matches!(
        letter,
        '。' | '！' | '？' | '，' | '、' | '；' | '：' | '」' | '』' | '）' | '｡' | '､'
    )
}

/// Where the words end that are whole: behind white space, or punctuation that ends a word. The
/// point of "3.5" does not. Without spaces each letter is whole, of Thai and Lao once the next
/// syllable begins: until then it may get a mark.
pub(super) fn whole_words(text: &str) -> usize {
    let mut before = ' ';
    let mut end = 0;
    for (at, letter) in text.char_indices() {
        let behind = at + letter.len_utf8();
        end = match letter {
            ',' | ';' | ':' | '!' | '?' | '…' | '.' if before.is_ascii_digit() => end,
            ',' | ';' | ':' | '!' | '?' | '…' | '.' => behind,
            '，' | '：' if before.is_numeric() => end,
            _ if letter.is_whitespace() || is_wide_mark(letter) => behind,
            _ if is_thai(letter) => {
                let begins = (is_consonant(letter) || leads(letter)) && !leads(before);
                if begins && is_thai(before) { at } else { end }
            }
            _ if is_unspaced(letter) => behind,
            _ => end,
        };
        before = letter;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_spaces_and_letters_without_spaces_are_words() {
        let words = |text| plain_words(text).collect::<Vec<_>>();
        let of = |at: usize, word: &str| (at, word.to_owned());
        assert_eq!(words(" Well, \"It's\" - 3.5!"), [of(1, "well"), of(7, "its"), of(16, "35")]);
        assert_eq!(words("好，Ok的"), [of(0, "好"), of(6, "ok"), of(8, "的")]);
        assert_eq!(words("5時。 か"), [of(0, "5"), of(1, "時"), of(8, "か")]);
        assert_eq!(words(" ... "), []);
    }

    #[test]
    fn words_are_whole_where_nothing_can_be_added() {
        for (text, whole) in [
            ("Well, then", "Well, "),
            ("Well, 3.", "Well, "),
            ("Well.", "Well."),
            ("好的，ok", "好的，"),
            ("１０：", ""),
            ("はい。", "はい。"),
            ("เปิด", "เปิ"),
            ("เปิด ", "เปิด "),
            ("เ", ""),
        ] {
            assert_eq!(&text[..whole_words(text)], whole, "{text:?}");
        }
    }
}
