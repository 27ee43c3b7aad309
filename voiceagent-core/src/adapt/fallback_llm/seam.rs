use crate::adapt::words::plain_words;

/// Fewer words than this may be meant: "five five".
const REPETITION: usize = 3;

/// Where one model goes on with the words of another: takes out what it repeats of them.
///
/// A repetition is the end of what was said, at least three words of it, or all of it.
#[derive(Debug)]
pub(super) struct Seam {
    said: Vec<String>,
    /// What may be a repetition, until that is known.
    held: String,
    is_closed: bool,
    /// Whether what was said ends with white space.
    is_spaced: bool,
}

impl Seam {
    pub(super) fn new(said: &str) -> Self {
        let is_spaced = said.ends_with(char::is_whitespace);
        let said = plain_words(said).map(|(_, word)| word).collect();
        Self { said, held: String::new(), is_closed: false, is_spaced }
    }

    /// Takes words, and returns those that are news.
    pub(super) fn push(&mut self, text: &str) -> String {
        if self.is_closed {
            return text.to_owned();
        }
        self.held.push_str(text);
        let whole = self.held.rfind(char::is_whitespace).unwrap_or(0);
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
        if self.is_spaced || news.is_empty() { news.to_owned() } else { format!(" {news}") }
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
            if start > 0 && repeated.len() < REPETITION {
                break;
            }
            let mut pairs = repeated.iter().zip(&heard);
            if !pairs.all(|(said, (_, heard))| said == heard) {
                continue;
            }
            if heard.len() >= repeated.len() {
                return Some(self.after(repeated.len()));
            }
            if !is_all {
                return None;
            }
        }
        Some(0)
    }

    /// Where what is held goes on after so many words.
    fn after(&self, words: usize) -> usize {
        plain_words(&self.held).nth(words).map_or(self.held.len(), |(at, _)| at)
    }
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
    fn words_that_may_be_meant_are_kept() {
        assert_eq!(news("The number is five five ", "five five one two."), "five five one two.");
        assert_eq!(news("Your appointment is at ", "your garage."), "your garage.");
        assert_eq!(news("Your appointment is at ", "Your"), "Your");
    }
}
