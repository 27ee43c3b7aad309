use crate::{
    adapt::words::{is_unspaced, is_unspaced_or_mark, plain_words},
    spoken::{ONES, TENS},
};

/// Fewer words than this may be meant: "five five".
const REPETITION: usize = 3;

/// Words that are read out, in the languages of Western Europe; English ones stand in [`ONES`] and
/// [`TENS`]. One that is missing here may be lost of a number that repeats it.
#[rustfmt::skip]
const READ_OUT: [&str; 53] = [
    "acht", "cero", "cinco", "cinq", "cinque", "cuatro", "deux", "dois", "dos", "double", "drei",
    "drie", "due", "een", "eins", "fünf", "huit", "hundred", "meia", "negen", "neuf", "neun", "nove",
    "nueve", "nul", "null", "ocho", "oh", "oito", "otto", "quatre", "quattro", "quatro", "sechs",
    "sei", "seis", "sept", "sette", "sieben", "siete", "thousand", "tre", "tres", "triple", "trois",
    "três", "twee", "um", "un", "uno", "vier", "zwei", "zwo",
];

/// Where one model goes on with the words of another: takes out what it repeats of them.
///
/// A repetition is the end of what was said, at least three words of it, or all of it. Where that
/// breaks off within a sentence, one or two words are, too, unless something is spelled or a number is
/// read out.
#[derive(Debug)]
pub(super) struct Seam {
    said: Vec<String>,
    /// What may be a repetition, until that is known.
    held: String,
    is_closed: bool,
    /// Whether more can follow what was said without white space of ours.
    is_spaced: bool,
    /// Whether what was said breaks off within a sentence.
    is_open: bool,
}

impl Seam {
    pub(super) fn new(said: &str) -> Self {
        let is_spaced = said.ends_with(|c: char| c.is_whitespace() || is_unspaced_or_mark(c));
        let ends = ['.', '!', '?', '…', ':', '。', '！', '？', '：'];
        let is_open = !said.trim_end().ends_with(ends);
        let said = plain_words(said).map(|(_, word)| word).collect();
        Self { said, held: String::new(), is_closed: false, is_spaced, is_open }
    }

    /// Takes words, and returns those that are news.
    pub(super) fn push(&mut self, text: &str) -> String {
        if self.is_closed {
            return text.to_owned();
        }
        self.held.push_str(text);
        let mut letters = self.held.char_indices().rev();
        let last = letters.find(|(_, letter)| letter.is_whitespace() || is_unspaced(*letter));
        let whole = last.map_or(0, |(at, letter)| at + letter.len_utf8());
        match self.verdict(&self.held[..whole], false) {
            Some(news) => self.close(news),
            None => String::new(),
        }
    }

    /// No more words come: what is still held and is news.
    pub(super) fn finish(&mut self) -> String {
        if self.is_closed {
            return String::new();
        }
        let news = self.verdict(&self.held, true).unwrap_or(0);
        self.close(news)
    }

    fn close(&mut self, news: usize) -> String {
        self.is_closed = true;
        let news = self.held[news..].trim_start();
        let joins = self.is_spaced || news.is_empty() || news.starts_with(is_unspaced_or_mark);
        if joins { news.to_owned() } else { format!(" {news}") }
    }

    /// Where the news begin in what is held, of which these words are whole; `None` while more
    /// words could tell.
    fn verdict(&self, whole: &str, is_all: bool) -> Option<usize> {
        let heard: Vec<(usize, String)> = plain_words(whole).collect();
        if heard.is_empty() && !is_all {
            return None;
        }
        for start in 0..self.said.len() {
            let repeated = &self.said[start..];
            let mut pairs = repeated.iter().zip(&heard);
            if !pairs.all(|(said, (_, heard))| said == heard) {
                continue;
            }
            if heard.len() < repeated.len() {
                if is_all {
                    continue;
                }
                return None;
            }
            let next = heard.get(repeated.len()).map(|(_, word)| word.as_str());
            match self.is_meant(start, next) {
                Some(true) => {}
                Some(false) => return Some(self.after(repeated.len())),
                None if is_all => {}
                None => return None,
            }
        }
        Some(0)
    }

    /// Whether the last words are to be said twice, before this one; `None` where that must be known.
    fn is_meant(&self, start: usize, next: Option<&str>) -> Option<bool> {
        let (before, repeated) = self.said.split_at(start);
        if start == 0 || repeated.len() >= REPETITION {
            return Some(false);
        }
        let is_letter = |word: &String| word.chars().count() == 1;
        let is_spelled = repeated.iter().all(is_letter) && before.last().is_some_and(is_letter);
        if !self.is_open || is_spelled || !repeated.iter().all(|word| is_of_letters(word)) {
            return Some(true);
        }
        if !repeated.iter().any(|word| is_number(word)) {
            return Some(false);
        }
        // "One moment" against "one two".
        let is_read_out = before.last().is_some_and(|word| is_number(word));
        next.map(|next| is_read_out || is_number(next))
    }

    /// Where what is held goes on after so many words.
    fn after(&self, words: usize) -> usize {
        plain_words(&self.held).nth(words).map_or(self.held.len(), |(at, _)| at)
    }
}

fn is_of_letters(word: &str) -> bool {
    word.chars().all(|letter| letter.is_alphabetic() && !is_unspaced(letter))
}

/// Whether it may be part of a number that is read out.
fn is_number(word: &str) -> bool {
    let in_words = READ_OUT.contains(&word) || ONES.contains(&word) || TENS.contains(&word);
    in_words || word.contains(|c: char| c.is_numeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is heard of `more` behind `said`, whatever the pieces in which it comes.
    fn news(said: &str, more: &str) -> String {
        let letters: Vec<char> = more.chars().collect();
        let mut all = Vec::new();
        for size in [1, 2, 3, 7, letters.len()] {
            let mut seam = Seam::new(said);
            let pieces = letters.chunks(size).map(|piece| piece.iter().collect::<String>());
            let mut heard: String = pieces.map(|piece| seam.push(&piece)).collect();
            heard.push_str(&seam.finish());
            all.push(heard);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        all.swap_remove(0)
    }

    #[test]
    fn rd6_words_that_are_repeated_are_left_out() {
        let said = "Your appointment is at ";
        assert_eq!(news(said, "nine tomorrow."), "nine tomorrow.");
        assert_eq!(news(said, " nine tomorrow."), "nine tomorrow.");
        assert_eq!(news(said, "Your appointment is at nine."), "nine.");
        assert_eq!(news(said, "... appointment is at nine."), "nine.");
        assert_eq!(news("Yes. ", "Yes. Of course."), "Of course.");
        assert_eq!(news(said, "Your appointment is at"), "");
    }

    #[test]
    fn rd6_one_or_two_words_that_are_repeated_within_a_sentence_are_left_out() {
        assert_eq!(news("For you. One ", "One moment please."), "moment please.");
        assert_eq!(news("Sure! I can ", "I can book that."), "book that.");
        assert_eq!(news("I'd like ", "like to help."), "to help.");
        assert_eq!(news("We have five ", "five rooms."), "rooms.");
        assert_eq!(news("We open at nine. We ", "We open at nine. We close."), "close.");
        assert_eq!(news("That is so good. ", "Good to know."), "Good to know.");
    }

    #[test]
    fn rd6_what_is_repeated_without_spaces_is_left_out_and_none_come_in() {
        let said = "はい、かしこまりました。お名前を";
        assert_eq!(news(said, "お名前をお願いします。"), "お願いします。");
        assert_eq!(news(said, "はい、かしこまりました。お名前をお願いします。"), "お願いします。");
        assert_eq!(news("请问您想预约", "想预约什么时候？"), "什么时候？");
        assert_eq!(news("好的", "Amazon的订单"), "Amazon的订单");
        assert_eq!(news("お電話番号は", "はなびの八です"), "はなびの八です");
        assert_eq!(news("สวัสดีค่ะ ยินดี", "ยินดีต้อนรับ"), "ต้อนรับ");
    }

    #[test]
    fn words_that_may_be_meant_are_kept() {
        assert_eq!(news("The number is five five ", "five five one two."), "five five one two.");
        assert_eq!(news("It is 5 5 ", "5 5 1 2."), "5 5 1 2.");
        assert_eq!(news("It is B7 ", "B7 again."), "B7 again.");
        assert_eq!(news("Die Nummer ist fünf ", "fünf eins zwei."), "fünf eins zwei.");
        assert_eq!(news("It is spelled M A ", "A R Y."), "A R Y.");
        assert_eq!(news("号码是五五", "五五一二。"), "五五一二。");
        assert_eq!(news("Your appointment is at ", "your garage."), "your garage.");
        assert_eq!(news("Your appointment is at ", "Your"), "Your");
    }
}
