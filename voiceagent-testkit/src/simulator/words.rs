use std::{collections::BTreeSet, time::Duration};

use voiceagent_core::{Event, TurnId, llm::Message, session::BargeInConfig};

use super::{Violation, legs::Kind, log::Account, profile::Profile};

const LAW: &str = "what was said is written down";
/// For a final nobody waits longer than this.
const WAITED: Duration = Duration::from_secs(1);
/// A turn is decided so long after its last word, if nobody goes on.
const DECIDED: Duration = Duration::from_secs(8);

/// The words of the caller, each of which is another one, against those in the history: everything
/// that was understood is there, once, and in the order in which it was said.
///
/// What must hold is as much as can be known. A recognizer that is lost, or stalls, hears the last
/// words anew in another stream, and one that tells a final twice or late tells words that might
/// have been said again: only times of words tell. Without a detector, or for a muted caller whose
/// recognizer cannot be asked, that is so even if nothing goes wrong. Finals that come late are not
/// in order. A speech-to-speech model whose conversation was lost hears anew what it did not answer.
pub(super) struct Words<'a> {
    account: &'a Account,
    profile: &'a Profile,
    /// Of turns over the agent that were too little to be one.
    dropped: BTreeSet<&'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn of(account: &'a Account, profile: &'a Profile) -> Self {
        let dropped = dropped(account, profile.min_words);
        Self { account, profile, dropped }
    }

    /// What is wrong with the words of a history, if anything.
    pub(super) fn check(&self, messages: &[Message]) -> Option<Violation> {
        let told = told(messages);
        let violation = |seen| Some(Violation { law: LAW, seen });
        if let Some(lost) = self.finals().find(|word| !told.contains(word)) {
            return violation(format!("{lost:?} was recognized, and is not in {told:?}"));
        }
        if !self.is_known_once() {
            return None;
        }
        let mut once = BTreeSet::new();
        if let Some(twice) = told.iter().find(|word| !once.insert(**word)) {
            return violation(format!("{twice:?} comes twice in {told:?}"));
        }
        let mut said =
            self.account.said.iter().map(String::as_str).filter(|word| self.counts(word));
        let hears_all = self.profile.healthy && !self.profile.manner.discards;
        let fit = if hears_all && !self.profile.kind.is_realtime() {
            told.iter().zip(said).take_while(|(told, said)| *told == said).count()
        } else if self.went_wrong("a final is late") {
            told.len()
        } else {
            told.iter().take_while(|word| said.any(|said| said == **word)).count()
        };
        if fit < told.len() {
            return violation(format!("{:?} is followed by {:?}", &told[..fit], told[fit]));
        }
        None
    }

    /// Whether it can be known that a word that comes once more was not said once more.
    fn is_known_once(&self) -> bool {
        let recognizer = &self.profile.recognizer;
        let repeats = ["a final comes twice", "a final is late"];
        let repeats = repeats.iter().any(|what| self.went_wrong(what));
        match self.profile.kind {
            Kind::Cascade => {
                let waits = self.account.muted && recognizer.finalize.is_none();
                let is_heard_anew = ["the recognizer is lost", "the recognizer stalls"];
                let is_in_doubt = !recognizer.detects || waits || repeats;
                !is_heard_anew.iter().any(|what| self.went_wrong(what))
                    && (recognizer.times || !is_in_doubt)
            }
            // Another conversation hears anew what was not answered.
            Kind::Realtime | Kind::Duplex => !repeats && !self.went_wrong("the model is lost"),
            // A turn was taken by what was understood so far, when its final comes later than that.
            Kind::Text => {
                let relay = &self.profile.relay;
                let is_slow = relay.silence + relay.delay * 4 >= WAITED;
                !(repeats || relay.interim.is_some() && is_slow)
            }
        }
    }

    fn went_wrong(&self, what: &str) -> bool {
        self.account.injected.contains_key(what)
    }

    fn counts(&self, word: &str) -> bool {
        is_content(word) && !self.dropped.contains(word)
    }

    /// Words that the recognizer gave as final, early enough to belong to a turn: who is still
    /// speaking at the end has none.
    fn finals(&self) -> impl Iterator<Item = &str> {
        let turns = self.account.events.iter().rev();
        let mut turns = turns.filter(|(_, event)| matches!(event, Event::UserTurn { .. }));
        let last_turn = turns.next().map_or(Duration::ZERO, |(at, _)| *at);
        let end = self.account.hung_up.unwrap_or_default();
        let is_quiet = self.account.caller.last().is_some_and(|last| last.to + DECIDED < end);
        let finals = self.account.finals.iter();
        let ended = self
            .account
            .events
            .iter()
            .find_map(|(at, event)| matches!(event, Event::Ended { .. }).then_some(*at));
        let is_realtime = self.profile.kind.is_realtime();
        let is_late = move |at: Duration| {
            if is_realtime {
                // Whoever hears and speaks by itself is not asked for words: they come when they
                // come, into their place.
                return ended.is_none_or(|ended| at >= ended);
            }
            at >= last_turn && !(is_quiet && at + DECIDED < end)
        };
        finals.filter(move |(at, word)| !is_late(*at) && self.counts(word)).map(|(_, word)| &**word)
    }
}

/// The content words of the user in a history.
fn told(messages: &[Message]) -> Vec<&str> {
    let texts = messages.iter().filter_map(|message| match message {
        Message::User { text } => Some(text.split_whitespace()),
        _ => None,
    });
    texts.flatten().filter(|word| is_content(word)).collect()
}

fn is_content(word: &str) -> bool {
    word.strip_prefix('u').is_some_and(|number| number.parse::<u32>().is_ok())
}

/// The words of turns over the agent that were dropped, as it is configured: too few words, or too
/// short a voice.
fn dropped(account: &Account, min_words: u32) -> BTreeSet<&str> {
    let events = &account.events;
    let turns = events.iter().enumerate().filter_map(|(index, (_, event))| match event {
        Event::TurnDropped { turn } => Some((index, *turn)),
        _ => None,
    });
    let min_voice = BargeInConfig::default().min_duration;
    turns
        .filter_map(|(index, dropped)| {
            let text = events[..index].iter().rev().find_map(|(_, event)| match event {
                Event::UserPartial { turn, pii_text } if *turn == dropped => Some(pii_text),
                _ => None,
            })?;
            let words: Vec<&str> = text.split_whitespace().collect();
            let is_short = min_words > 0 && voice(account, dropped) < min_voice;
            (words.len() < min_words as usize || is_short).then_some(words)
        })
        .flatten()
        .collect()
}

/// For how long the detector heard the user in a turn.
fn voice(account: &Account, turn: TurnId) -> Duration {
    let mut voice = Duration::ZERO;
    let mut begun = None;
    for (_, event) in &account.events {
        match event {
            Event::UserStarted { turn: of, since } if *of == turn => begun = Some(*since),
            Event::UserStopped { turn: of, since } if *of == turn => {
                voice += begun.take().map_or(Duration::ZERO, |begun| *since - begun);
            }
            _ => {}
        }
    }
    voice
}
