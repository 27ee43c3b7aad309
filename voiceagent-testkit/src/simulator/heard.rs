use std::{collections::BTreeSet, time::Duration};

use voiceagent_core::{Event, llm::Message};

use super::log::{Account, Word};

/// What the history must say of the agent's words: all that the caller is known to have heard, and
/// nothing that was not played.
///
/// It is judged word by word, in the order in which the words came to the carrier. What was played
/// and not yet answered by a mark when the agent was cut may be missing.
pub(super) struct Expected<'a> {
    words: Vec<(&'a Word, Must)>,
}

/// Whether a word must be in the history.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Must {
    Be,
    May,
    NotBe,
}

impl<'a> Expected<'a> {
    /// `marks`: the carrier reports what it played. Where it does not, words that it got may count.
    /// `on_its_way` is how long something takes to the carrier.
    pub(super) fn of(account: &'a Account, marks: bool, on_its_way: Duration) -> Self {
        let mut words: Vec<&Word> =
            account.words.iter().filter(|word| word.sent.is_some()).collect();
        words.sort_by_key(|word| word.sent);
        let stops: Vec<Duration> = stops(account).collect();
        let judge = |word: &Word| {
            let (Some(sent), Some(answered)) = (word.sent, word.answered) else {
                let may = !marks || word.faked || word.heard.is_some();
                return if may { Must::May } else { Must::NotBe };
            };
            let left = sent.saturating_sub(on_its_way);
            let is_cut = stops.iter().any(|stop| (left..=answered).contains(stop));
            if is_cut { Must::May } else { Must::Be }
        };
        Self { words: words.into_iter().map(|word| (word, judge(word))).collect() }
    }

    /// What is wrong with the words of a history, if anything.
    pub(super) fn check(&self, messages: &[Message]) -> Option<String> {
        let told: Vec<&str> = messages
            .iter()
            .filter_map(|message| match message {
                Message::Assistant { text, .. } => Some(text.split_whitespace()),
                _ => None,
            })
            .flatten()
            .collect();
        // How many words of the history the words so far can account for: more than one number is
        // possible because the agent says some words more than once.
        let mut matched = BTreeSet::from([0]);
        for (word, must) in &self.words {
            let mut next = BTreeSet::new();
            for &count in &matched {
                let fits = told.get(count).is_some_and(|told| plain(told) == plain(&word.text));
                if fits && *must != Must::NotBe {
                    next.insert(count + 1);
                }
                if *must != Must::Be {
                    next.insert(count);
                }
            }
            if next.is_empty() {
                let stands = matched.last().and_then(|count| told.get(*count));
                return Some(format!("{word:?} is missing; the history goes on with {stands:?}"));
            }
            matched = next;
        }
        if matched.contains(&told.len()) {
            return None;
        }
        let far = *matched.last().unwrap_or(&0);
        let known = self.words.iter().find(|(word, _)| plain(&word.text) == plain(told[far]));
        Some(format!("{:?} was not heard: {known:?}", told[far]))
    }
}

/// When the agent was cut, or had finished.
fn stops(account: &Account) -> impl Iterator<Item = Duration> {
    account.events.iter().filter_map(|(at, event)| {
        matches!(event, Event::AgentStopped { .. } | Event::Ended { .. }).then_some(*at)
    })
}

fn plain(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}
