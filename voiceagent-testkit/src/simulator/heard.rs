use std::{collections::BTreeSet, time::Duration};

use voiceagent_core::{Event, llm::Message};

use super::log::{Account, Word};

/// What the history must say of the agent's words: all that the caller is known to have heard, and
/// nothing that was not played.
///
/// It is judged word by word, in the order in which the voice said them. What was played and not
/// yet answered by a mark when the agent was cut may be missing. What lies between an answered mark
/// and the next one may be there, since time went on after the answer.
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
        // A voice that lies about its words is believed. Without marks, what was on its way when
        // the caller hung up may count.
        let words = account.words.iter();
        let words = words.filter(|word| word.sent.is_some() || word.faked || !marks);
        let places = Places::of(account, on_its_way);
        let judge = |word: &Word| {
            if places.is_known(word) {
                Must::Be
            } else if word.heard.is_some() || word.faked || !marks || places.is_near(word) {
                Must::May
            } else {
                Must::NotBe
            }
        };
        Self { words: words.map(|word| (word, judge(word))).collect() }
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

/// Where words lie among marks, and when the agent began and stopped.
struct Places<'a> {
    account: &'a Account,
    on_its_way: Duration,
    begins: Vec<Duration>,
    stops: Vec<Duration>,
}

impl<'a> Places<'a> {
    fn of(account: &'a Account, on_its_way: Duration) -> Self {
        let times = |fits: fn(&Event) -> bool| {
            let events = account.events.iter().filter(|(_, event)| fits(event));
            events.map(|(at, _)| *at).collect()
        };
        Self {
            account,
            on_its_way,
            begins: times(|event| matches!(event, Event::AgentStarted { .. })),
            // What is answered to a paused agent is not counted: it may have been cleared.
            stops: times(|event| {
                matches!(
                    event,
                    Event::AgentPaused { .. } | Event::AgentStopped { .. } | Event::Ended { .. }
                )
            }),
        }
    }

    /// Whether the agent was told, before it stopped, that the word was played.
    fn is_known(&self, word: &Word) -> bool {
        let told = word.told_at.map(|at| &self.account.words[at as usize]);
        let Some(told) = told.filter(|told| told.heard.is_some()) else { return false };
        self.copies(told).any(|(left, mark)| {
            let answered = self.account.marks[mark..].iter().find_map(|mark| mark.answered);
            answered.is_some_and(|at| !self.stops.iter().any(|stop| (left..=at).contains(stop)))
        })
    }

    /// Whether the mark before the word was answered, and belongs to the same speech.
    fn is_near(&self, word: &Word) -> bool {
        self.copies(word).any(|(left, mark)| {
            let before = mark.checked_sub(1).map(|before| &self.account.marks[before]);
            let begun = self.begins.iter().rev().find(|begun| **begun <= left);
            before.is_some_and(|mark| {
                mark.answered.is_some() && begun.is_some_and(|begun| mark.came > *begun)
            })
        })
    }

    /// When the end of a word left the agent, at the earliest, and the first mark behind it; for
    /// each time that the word was sent.
    fn copies(&self, word: &Word) -> impl Iterator<Item = (Duration, usize)> {
        let order = self.account.order.iter().enumerate();
        let copies = order.filter(move |(_, (_, number))| {
            std::ptr::eq(&raw const self.account.words[*number as usize], word)
        });
        copies.filter_map(|(place, (arrived, _))| {
            let mark = self.account.marks.iter().position(|mark| mark.words > place)?;
            Some((arrived.saturating_sub(self.on_its_way), mark))
        })
    }
}

fn plain(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}
