use super::{
    Progress,
    spoken::{LEADS, Spoken},
};
use crate::turn::attention::is_sign;

/// Top-level domains after which no other label is to be expected.
const FINAL: [&str; 12] =
    ["ca", "ch", "com", "de", "edu", "fr", "gov", "info", "io", "net", "nl", "org"];
/// What may follow an address that is complete.
const COURTESIES: [&str; 16] = [
    "a", "all", "bye", "cheers", "correct", "go", "lot", "much", "ok", "okay", "please", "right",
    "thank", "thanks", "there", "you",
];
/// What takes back an address, or a part of it.
const CORRECTIONS: [&str; 5] = ["actually", "no", "nope", "sorry", "wait"];
/// Words of a user who does not dictate. Names that are also words are not among them.
const OTHERWISE: &[&str] = &[
    "about",
    "absolutely",
    "actually",
    "again",
    "agent",
    "am",
    "and",
    "any",
    "anything",
    "are",
    "bye",
    "can",
    "cancel",
    "cannot",
    "can't",
    "correct",
    "could",
    "definitely",
    "do",
    "does",
    "don't",
    "email",
    "exactly",
    "fine",
    "give",
    "go",
    "good",
    "goodbye",
    "great",
    "he",
    "hello",
    "her",
    "hey",
    "hi",
    "hold",
    "how",
    "human",
    "i",
    "i'd",
    "i'll",
    "i'm",
    "i've",
    "it",
    "just",
    "later",
    "let",
    "let's",
    "like",
    "maybe",
    "me",
    "mine",
    "my",
    "never",
    "next",
    "no",
    "nobody",
    "none",
    "nope",
    "not",
    "nothing",
    "of",
    "ok",
    "okay",
    "one",
    "operator",
    "pass",
    "perfect",
    "please",
    "probably",
    "question",
    "really",
    "repeat",
    "right",
    "same",
    "she",
    "skip",
    "sorry",
    "stop",
    "sure",
    "thank",
    "thanks",
    "that",
    "that's",
    "the",
    "they",
    "this",
    "to",
    "wait",
    "we",
    "what",
    "what's",
    "when",
    "where",
    "which",
    "who",
    "why",
    "yeah",
    "yep",
    "yes",
    "you",
    "your",
];

/// How much of an e-mail address has been said.
pub(super) fn progress(spoken: &Spoken, text: &str) -> Progress {
    let written = written(text);
    let words: Vec<&str> = written.split(' ').filter(|word| !word.is_empty()).collect();
    let begin = words.iter().rposition(|word| CORRECTIONS.contains(word)).map_or(0, |at| at + 1);
    let words = words.get(begin..).unwrap_or_default();
    let Some(last) = words.iter().rfind(|word| !COURTESIES.contains(word)) else {
        return Progress::Unknown;
    };
    let is_marked = |word: &str| word.contains(['.', '_', '-', '@']);
    // An address is one whatever is said behind it, unless that is another.
    let found = words.iter().rfind(|word| is_marked(word)).unwrap_or(last);
    let domain = found.rsplit_once('@').and_then(|(_, domain)| domain.rsplit_once('.'));
    match domain.map(|(_, top)| top) {
        Some(top) if FINAL.contains(&top) => return Progress::Complete,
        Some(top) if top.len() >= 2 => return Progress::Plausible,
        _ => {}
    }
    let named = words.iter().rposition(|word| LEADS.contains(word)).map_or(0, |at| at + 1);
    let name = words.get(named..).unwrap_or_default();
    let is_name = matches!(name.len(), 1 | 2) && !name.iter().any(|it| OTHERWISE.contains(it));
    let ends = words.last().is_some_and(|word| is_marked(word));
    if ends || is_name && !is_sign(text) || spoken.ends_in_symbols() || spoken.is_lead_in() {
        Progress::Open
    } else {
        Progress::Unknown
    }
}

/// The text as it would be typed: "john dot doe at example dot com" is one word.
fn written(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut joined = true;
    for word in text.to_lowercase().split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '@' | '_'));
        let sign = match word {
            "at" => "@",
            "dot" | "point" => ".",
            "underscore" => "_",
            "dash" | "hyphen" => "-",
            _ => "",
        };
        if !sign.is_empty() {
            written.push_str(sign);
            joined = true;
            continue;
        }
        if !std::mem::take(&mut joined) {
            written.push(' ');
        }
        written.push_str(word);
    }
    written
}
