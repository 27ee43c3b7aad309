use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Observer, log::Log};
use crate::{CallTime, GenerationId, Private, TurnId, session::Event};

/// Who said something.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a call has two sides")]
pub enum Speaker {
    /// The agent.
    Agent,
    /// The user.
    User,
}

/// One contribution to a call: a turn of the user, or what was heard of the agent.
///
/// Its text does not show in `Debug`; it is written in clear where it is serialized.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TranscriptEntry {
    /// Who spoke.
    pub speaker: Speaker,
    /// When they began, as far as it is known, and else when the text was certain.
    pub from: CallTime,
    /// When it was over. For the user: when the turn was decided.
    pub to: CallTime,
    /// The words. For the agent: those that were heard.
    pub pii_text: Private,
    /// Whether the agent had more to say.
    pub interrupted: bool,
}

/// Records who said what. What the agent says grows as it is heard.
///
/// ```
/// use voiceagent_core::observer::TranscriptObserver;
///
/// let (observer, report) = TranscriptObserver::new();
/// // The observer goes into the call, the report stays outside.
/// # drop(observer);
/// assert_eq!(serde_json::to_string(&report.snapshot()).unwrap(), "[]");
/// ```
#[derive(Debug)]
pub struct TranscriptObserver {
    log: Log<TranscriptEntry>,
    user: Option<(TurnId, CallTime)>,
    /// What the agent is saying, and since when: an answer, and perhaps words on the side.
    agent: BTreeMap<GenerationId, CallTime>,
    /// Turns that are over and whose words may still come, or grow: when they began and were over.
    turns: VecDeque<(TurnId, CallTime, CallTime)>,
    /// What was put last of the agent.
    said: Option<(GenerationId, CallTime, CallTime)>,
}

/// Reads what a [`TranscriptObserver`] recorded, during the call and after it.
#[derive(Debug)]
pub struct TranscriptReport(Log<TranscriptEntry>);

impl TranscriptObserver {
    /// Makes an observer for a call, and a handle to what it records.
    #[must_use]
    pub fn new() -> (Self, TranscriptReport) {
        let log = Log::new();
        let report = TranscriptReport(log.share());
        (
            Self { log, user: None, agent: BTreeMap::new(), turns: VecDeque::new(), said: None },
            report,
        )
    }

    /// Less was heard of what was put last. Returns whether that is meant.
    fn correct(&self, generation: GenerationId, heard: &Arc<str>) -> bool {
        let Some((_, from, to)) = self.said.filter(|(said, ..)| *said == generation) else {
            return false;
        };
        self.log.amend(|entries| {
            let is_it = |old: &TranscriptEntry| {
                old.speaker == Speaker::Agent && (old.from, old.to) == (from, to)
            };
            if let Some(place) = entries.iter().rposition(is_it) {
                entries[place].pii_text = Private::new(heard.clone());
                entries[place].interrupted = true;
                if heard.is_empty() {
                    entries.remove(place);
                }
            }
        });
        true
    }

    /// Puts late words where their turn was.
    fn put_late(&self, turn: TurnId, words: &Arc<str>) {
        let Some((_, from, to)) = self.turns.iter().find(|(of, ..)| *of == turn).copied() else {
            return;
        };
        let pii_text = Private::new(words.clone());
        let speaker = Speaker::User;
        let entry = TranscriptEntry { speaker, from, to, pii_text, interrupted: false };
        self.log.amend(|entries| {
            let known = entries
                .iter_mut()
                .rev()
                .find(|old| old.speaker == Speaker::User && (old.from, old.to) == (from, to));
            if let Some(old) = known {
                *old = entry;
            } else {
                let place = entries.iter().rposition(|old| old.to <= to).map_or(0, |at| at + 1);
                entries.insert(place, entry);
            }
        });
    }
}

/// Turns whose words may come late.
const LATE_TURNS: usize = 8;

impl Observer for TranscriptObserver {
    fn on_event(&mut self, at: CallTime, event: &Event) {
        let (speaker, from, text, interrupted) = match event {
            Event::UserStarted { turn, since } => {
                // A turn may have several utterances; it begins with the first.
                if self.user.is_none_or(|(open, _)| open != *turn) {
                    self.user = Some((*turn, *since));
                }
                return;
            }
            Event::AgentStarted { generation, .. } => {
                self.agent.insert(*generation, at);
                return;
            }
            Event::UserTurn { turn, pii_text, .. } => {
                let from = self.user.take().filter(|(open, _)| open == turn);
                let from = from.map(|(_, from)| from);
                self.turns.push_back((*turn, from.unwrap_or(at), at));
                if self.turns.len() > LATE_TURNS {
                    self.turns.pop_front();
                }
                (Speaker::User, from, pii_text, false)
            }
            Event::UserWords { turn, pii_text } => {
                self.put_late(*turn, pii_text);
                return;
            }
            Event::AgentHeard { generation, pii_text, .. } => {
                (Speaker::Agent, self.agent.get(generation).copied(), pii_text, false)
            }
            Event::AgentStopped { generation, pii_heard, interrupted } => {
                let from = self.agent.remove(generation);
                if from.is_none() && self.correct(*generation, pii_heard) {
                    return;
                }
                self.said = Some((*generation, from.unwrap_or(at), at));
                (Speaker::Agent, from, pii_heard, *interrupted)
            }
            Event::AgentPaused { .. }
            | Event::AgentResumed { .. }
            | Event::AgentSilenced { .. }
            | Event::AgentState { .. }
            | Event::AnsweredBy { .. }
            | Event::Backchannel { .. }
            | Event::Connected { .. }
            | Event::FailedOver { .. }
            | Event::DraftStarted { .. }
            | Event::DraftDropped { .. }
            | Event::Dtmf { .. }
            | Event::Ended { .. }
            | Event::Failed { .. }
            | Event::FirstAudible { .. }
            | Event::FirstAudio { .. }
            | Event::FirstSentence { .. }
            | Event::FirstToken { .. }
            | Event::Health { .. }
            | Event::IdlePrompted { .. }
            | Event::Interrupted { .. }
            | Event::LineQuality { .. }
            | Event::Metered { .. }
            | Event::Planned { .. }
            | Event::ToolFinished { .. }
            | Event::ToolLimit { .. }
            | Event::ToolStarted { .. }
            | Event::TurnDropped { .. }
            | Event::UsageReported { .. }
            | Event::UserPartial { .. }
            | Event::UserStopped { .. } => return,
        };
        if !text.is_empty() {
            let pii_text = Private::new(text.clone());
            let from = from.unwrap_or(at);
            let entry = TranscriptEntry { speaker, from, to: at, pii_text, interrupted };
            // What is heard of the agent grows. It speaks once at a time.
            let grows = speaker == Speaker::Agent;
            self.log.put(entry, |one| grows && one.speaker == speaker && one.from == from);
        }
    }
}

impl TranscriptReport {
    /// What has been said so far, oldest first; the last 10,000 contributions of a call.
    #[must_use]
    pub fn snapshot(&self) -> Vec<TranscriptEntry> {
        self.0.snapshot()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn record(events: Vec<(u64, Event)>) -> Vec<TranscriptEntry> {
        let (mut observer, report) = TranscriptObserver::new();
        for (at, event) in events {
            observer.on_event(CallTime::from_millis(at), &event);
        }
        report.snapshot()
    }

    fn stopped(number: u64, heard: &str, interrupted: bool) -> Event {
        let generation = GenerationId::new(number);
        Event::AgentStopped { generation, pii_heard: heard.into(), interrupted }
    }

    fn user_started(since: u64) -> Event {
        Event::UserStarted { turn: TurnId::new(1), since: CallTime::from_millis(since) }
    }

    fn user_turn(number: u64, text: &str) -> Event {
        Event::UserTurn {
            turn: TurnId::new(number),
            pii_text: text.into(),
            end_of_turn_delay: Duration::ZERO,
            transcription_delay: None,
        }
    }

    #[test]
    fn h14_the_record_holds_what_was_heard_and_by_whom() {
        let entries = record(vec![
            (100, Event::AgentStarted { generation: GenerationId::new(1), turn: None }),
            (1_500, user_started(1_440)),
            (1_700, stopped(1, "Hello, this is", true)),
            (
                2_000,
                Event::UserStopped { turn: TurnId::new(1), since: CallTime::from_millis(1_800) },
            ),
            (2_200, user_started(2_140)),
            (3_000, user_turn(1, "A table, please.")),
        ]);
        assert_eq!(
            serde_json::to_value(&entries).unwrap(),
            json!([
                { "speaker": "agent", "from": 100_000, "to": 1_700_000, "pii_text": "Hello, this is", "interrupted": true },
                { "speaker": "user", "from": 1_440_000, "to": 3_000_000, "pii_text": "A table, please.", "interrupted": false },
            ])
        );
        assert!(!format!("{entries:?}").contains("table"));
    }

    fn texts(entries: &[TranscriptEntry]) -> Vec<String> {
        let values = entries.iter().map(|entry| serde_json::to_value(entry).unwrap());
        values.map(|entry| entry["pii_text"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn words_that_come_late_stand_where_they_were_said() {
        let late = |number, text: &str| Event::UserWords {
            turn: TurnId::new(number),
            pii_text: text.into(),
        };
        let entries = record(vec![
            (1_000, user_turn(1, "")),
            (1_200, Event::AgentStarted { generation: GenerationId::new(1), turn: None }),
            (2_000, stopped(1, "Yes.", false)),
            (3_000, user_turn(2, "")),
            (3_100, late(2, "Until when?")),
            (3_200, late(1, "Are you")),
            (3_300, late(1, "Are you open?")),
            (3_400, late(7, "unknown")),
        ]);
        assert_eq!(texts(&entries), ["Are you open?", "Yes.", "Until when?"]);
        assert_eq!(entries[0].to, CallTime::from_millis(1_000));
    }

    #[test]
    fn h14_less_that_was_heard_replaces_what_was_recorded() {
        let started = Event::AgentStarted { generation: GenerationId::new(1), turn: None };
        let full = stopped(1, "Good morning. Hello.", false);
        let mut events =
            vec![(100, started), (200, full), (900, stopped(1, "Good morning.", true))];
        let entries = record(events.clone());
        assert_eq!(texts(&entries), ["Good morning."]);
        assert!(entries[0].interrupted);
        events[2].1 = stopped(1, "", true);
        assert_eq!(record(events), []);
    }

    #[test]
    fn h2_what_nobody_heard_is_not_recorded() {
        let entries = record(vec![
            (100, Event::AgentStarted { generation: GenerationId::new(1), turn: None }),
            (120, stopped(1, "", true)),
            (900, user_turn(1, "")),
        ]);
        assert_eq!(entries, []);
    }

    #[test]
    fn a_beginning_that_belongs_to_something_else_is_not_taken() {
        let entries = record(vec![
            (100, Event::AgentStarted { generation: GenerationId::new(1), turn: None }),
            (500, stopped(2, "Hello.", false)),
            (600, user_turn(1, "Typed.")),
        ]);
        let times: Vec<u64> = entries.iter().map(|entry| entry.from.as_millis()).collect();
        assert_eq!(times, [500, 600]);
    }
}
