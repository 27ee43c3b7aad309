//! Numbers and the like in English words.

mod addresses;
mod amounts;
mod calendar;
mod numbers;
mod shortened;

use std::ops::Range;

use super::Change;
pub(crate) use numbers::{ONES, TENS};

/// The rules, of which the first that knows a place counts: a date is no telephone number, and a
/// time is no amount.
const RULES: [fn(&Line<'_>, usize) -> Option<Found>; 7] = [
    addresses::name,
    calendar::date,
    addresses::postal_code,
    addresses::telephone,
    calendar::time,
    amounts::amount,
    shortened::word,
];

/// What is spoken otherwise than it is written.
pub(super) fn changes(text: &str, day_first: bool) -> Vec<Change> {
    let line = Line { text, day_first, tokens: tokens(text) };
    let mut changes = Vec::new();
    let mut at = 0;
    while at < line.tokens.len() {
        let found = RULES.iter().find_map(|rule| rule(&line, at));
        at += found.as_ref().map_or(1, |found| found.tokens);
        changes.extend(found.map(|found| Change { written: found.bytes, spoken: found.spoken }));
    }
    changes
}

/// What begins with a token.
struct Found {
    /// How many tokens it has.
    tokens: usize,
    bytes: Range<usize>,
    spoken: String,
}

/// A text and its tokens.
struct Line<'a> {
    text: &'a str,
    day_first: bool,
    tokens: Vec<Token>,
}

/// What stands between white space.
#[derive(Debug)]
struct Token {
    all: Range<usize>,
    /// Without the punctuation around it.
    core: Range<usize>,
}

impl Line<'_> {
    /// A token without the punctuation around it; empty behind the last one.
    fn core(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &self.text[token.core.clone()])
    }

    /// The punctuation behind a token.
    fn behind(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &self.text[token.core.end..token.all.end])
    }

    /// Whether nothing but white space stands between a token and the next.
    fn goes_on(&self, at: usize) -> bool {
        let begins = self.tokens.get(at + 1).is_some_and(|next| next.core.start == next.all.start);
        begins && self.behind(at).is_empty()
    }

    /// Whether a sentence may end with a token that ends with a full stop.
    fn may_end(&self, at: usize) -> bool {
        self.tokens.get(at + 1).is_none_or(|_| self.core(at + 1).starts_with(char::is_uppercase))
    }

    /// All of some tokens, but the punctuation around them.
    fn found(&self, at: usize, tokens: usize, spoken: impl Into<String>) -> Option<Found> {
        let end = self.tokens.get(at + tokens - 1)?.core.end;
        Some(Found { tokens, bytes: self.tokens.get(at)?.core.start..end, spoken: spoken.into() })
    }

    /// The same with the full stop that belongs to the last of them, unless it ends the sentence.
    fn found_with_stop(&self, at: usize, tokens: usize, spoken: String) -> Option<Found> {
        let mut found = self.found(at, tokens, spoken)?;
        let last = at + tokens - 1;
        if self.behind(last).starts_with('.') && (self.behind(last) != "." || !self.may_end(last)) {
            found.bytes.end += 1;
        }
        Some(found)
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| !c.is_whitespace()) {
        let start = text.len() - rest.len() + begin;
        let end = text[start..].find(char::is_whitespace).map_or(text.len(), |at| start + at);
        tokens.push(token(text, start..end));
        rest = &text[end..];
    }
    tokens
}

fn token(text: &str, all: Range<usize>) -> Token {
    let opening = ['(', '[', '{', '"', '\'', '“', '‘', '«'];
    let closing = ['.', ',', ';', ':', '!', '?', '…', ')', ']', '}', '"', '\'', '”', '’', '»'];
    let inner = text[all.clone()].trim_start_matches(opening);
    let start = all.end - inner.len();
    let core = start..start + inner.trim_end_matches(closing).len();
    Token { all, core }
}
