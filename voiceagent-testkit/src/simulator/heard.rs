use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use voiceagent_core::{Event, llm::Message};

use super::{
    legs::Kind,
    log::{Account, Word},
    profile::{Profile, Text},
};

/// Something may be on its way, and a decision be for this moment, so long.
const MOMENT: Duration = Duration::from_millis(1);
/// So long it takes at most until the agent learns that a far end has stopped.
const STOPPING: Duration = Duration::from_millis(500);
/// The length of the longest word, and a little.
const LONGEST_WORD: usize = 18;

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
    pub(super) fn of(account: &'a Account, profile: &Profile) -> Self {
        let marks = profile.carrier.marks;
        let places = Places::of(account, profile);
        // A voice that lies about its words is believed. Without marks, what was on its way when
        // the caller hung up may count.
        // Of fillers models are not told.
        let words = account.words.iter().filter(|word| !account.is_filler(word.voice));
        let estimates = profile.kind.is_realtime();
        let words = words.filter(|word| word.sent.is_some() || word.faked || !marks || estimates);
        let judge = |word: &Word| match profile.kind {
            Kind::Cascade => places.of_cascade(word, marks),
            Kind::Realtime | Kind::Duplex => places.of_speaker(word, profile),
            Kind::Text => places.of_relay(word, marks),
        };
        let mut words: Vec<_> = words.map(|word| (word, judge(word))).collect();
        if estimates {
            // A model that takes turns by itself runs ahead: what it says may wait for its turn.
            let mut begun = BTreeMap::new();
            let mut before = Duration::ZERO;
            for word in &account.words {
                before = *begun.entry(word.voice).or_insert_with(|| {
                    let same = account.words.iter().filter(|other| other.voice == word.voice);
                    same.filter_map(|other| other.sent).min().unwrap_or(before.max(word.made))
                });
            }
            words.sort_by_key(|(word, _)| begun[&word.voice]);
        }
        Self { words }
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
                let stands = &told[*matched.last().unwrap_or(&0)..];
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
pub(super) struct Places<'a> {
    account: &'a Account,
    /// How long something takes to the carrier.
    on_its_way: Duration,
    begins: Vec<Duration>,
    stops: Vec<Duration>,
    end: Option<Duration>,
}

impl<'a> Places<'a> {
    pub(super) fn of(account: &'a Account, profile: &Profile) -> Self {
        let times = |fits: fn(&Event) -> bool| {
            let events = account.events.iter().filter(|(_, event)| fits(event));
            events.map(|(at, _)| *at).collect::<Vec<Duration>>()
        };
        Self {
            account,
            on_its_way: profile.carrier.outbound + MOMENT,
            begins: times(|event| matches!(event, Event::AgentStarted { .. })),
            // What is answered to a paused agent is not counted: it may have been cleared.
            stops: times(|event| {
                matches!(
                    event,
                    Event::AgentPaused { .. } | Event::AgentStopped { .. } | Event::Ended { .. }
                )
            }),
            end: times(|event| matches!(event, Event::Ended { .. })).first().copied(),
        }
    }

    fn of_cascade(&self, word: &Word, marks: bool) -> Must {
        if self.is_known(word) {
            Must::Be
        } else if word.heard.is_some() || word.faked || !marks || self.is_near(word) {
            Must::May
        } else {
            Must::NotBe
        }
    }

    /// A model that speaks tells nothing of the times of its words: its text is taken to flow
    /// evenly over its audio, and to be no faster than anybody speaks where it runs ahead. So the
    /// last words that were heard may be missing, a few of the next may be there, and of text that
    /// comes behind its audio nothing is known before it has come.
    fn of_speaker(&self, word: &Word, profile: &Profile) -> Must {
        let marks = profile.carrier.marks;
        let mine: Vec<&Word> =
            self.account.words.iter().filter(|other| other.voice == word.voice).collect();
        let place = mine.iter().position(|other| std::ptr::eq(*other, word)).unwrap_or_default();
        let length = |words: &[&Word]| words.iter().map(|word| word.text.len() + 1).sum::<usize>();
        let is_all_known = mine.iter().all(|word| self.is_known(word));
        let next_is_known = mine.get(place + 1).is_some_and(|next| self.is_known(next));
        if is_all_known && !self.broke_off()
            || profile.speaker.text != Text::Behind && next_is_known
        {
            return Must::Be;
        }
        let heard = mine.iter().rposition(|word| word.heard.is_some() || self.is_near(word));
        let heard = heard.map_or(0, |last| length(&mine[..=last]));
        let is_close = length(&mine[..=place]) <= heard * 13 / 10 + LONGEST_WORD;
        if !marks || is_close { Must::May } else { Must::NotBe }
    }

    /// Whether a word was sent to a far end of which the agent learned a moment later that it had
    /// stopped.
    fn came_while_stopped(&self, word: &Word) -> bool {
        let sent = word.sent.unwrap_or_default();
        let mut denied = self.account.words.iter().filter_map(|word| word.denied);
        denied.any(|at| (sent..sent + STOPPING).contains(&at))
    }

    /// Whether the model ended something early, so that its last word may be missing.
    fn broke_off(&self) -> bool {
        let ends = ["the model breaks off", "the model is lost", "the model stalls"];
        ends.iter().any(|what| self.account.injected.contains_key(what))
    }

    /// A far end that answers marks is believed by them, and by what it says when it falls silent.
    /// What was sent to another one counts as heard, unless it says otherwise.
    fn of_relay(&self, word: &Word, marks: bool) -> Must {
        let is_denied = word.denied.is_some_and(|at| self.end.is_none_or(|end| at < end));
        if is_denied || marks && word.heard.is_none() {
            Must::NotBe
        } else if marks && self.is_known(word)
            || !marks && word.heard.is_some() && !self.came_while_stopped(word)
        {
            Must::Be
        } else {
            Must::May
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
    pub(super) fn is_near(&self, word: &Word) -> bool {
        self.copies(word).any(|(left, mark)| {
            let before = mark.checked_sub(1).map(|before| &self.account.marks[before]);
            let begun = self.begins.iter().rev().find(|begun| **begun <= left + MOMENT);
            before.is_some_and(|mark| {
                let left = (mark.came + MOMENT).saturating_sub(self.on_its_way);
                mark.answered.is_some() && begun.is_some_and(|begun| left >= *begun)
            })
        })
    }

    /// When the end of a word left the agent, at the earliest, and the first mark behind it, though
    /// the line may be gone before that comes; for each time that the word was sent.
    fn copies(&self, word: &Word) -> impl Iterator<Item = (Duration, usize)> {
        let order = self.account.order.iter().enumerate();
        let copies = order.filter(move |(_, (_, number))| {
            std::ptr::eq(&raw const self.account.words[*number as usize], word)
        });
        copies.map(|(place, (arrived, _))| {
            let marks = &self.account.marks;
            let mark = marks.iter().position(|mark| mark.words > place).unwrap_or(marks.len());
            (arrived.saturating_sub(self.on_its_way), mark)
        })
    }
}

fn plain(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests;
