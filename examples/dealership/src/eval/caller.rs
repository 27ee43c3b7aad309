use std::collections::{BTreeMap, BTreeSet};

use super::{
    acts::Acts,
    scenario::{Beat, Garble, Scenario, When},
    trace::{Trace, Utterance},
};

/// What the caller does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Move {
    HangUp,
    /// The line breaks.
    Lose,
    /// Keys.
    Press(String),
    /// A machine says this, beeps, and records.
    Record(String),
    Say(String),
    /// Nothing is said.
    Silence,
}

/// Plays the caller: does what the script says when its moment has come, and else answers what was
/// asked.
#[derive(Debug)]
pub(super) struct Player {
    script: Vec<Beat>,
    answers: BTreeMap<String, String>,
    garble: Option<Garble>,
    done: BTreeSet<String>,
}

impl Player {
    pub(super) fn new(scenario: &Scenario, script: &[Beat]) -> Self {
        Self {
            script: script.to_vec(),
            answers: scenario.caller.answers.clone(),
            garble: scenario.fixture.stt.as_ref().map(|stt| stt.garble.clone()),
            done: BTreeSet::new(),
        }
    }

    /// How the agent is interrupted in its last words: what was heard of them, and what is said.
    pub(super) fn interrupts(&mut self, trace: &Trace) -> Option<(String, (String, String))> {
        let beat = self.due(trace)?.clone();
        beat.barge_in.as_ref()?;
        let (_, said) = trace.said().next_back()?;
        // Half of it, up to a word.
        let half = said.text.len() / 2;
        let end = said.text.char_indices().rfind(|(at, c)| *at <= half && *c == ' ');
        let heard = said.text[..end.map_or(0, |(at, _)| at)].to_owned();
        let words = beat.say?;
        self.done.insert(beat.id.clone());
        Some((heard, (beat.id, words)))
    }

    /// What is done next, and its name; nothing if the caller has nothing to say.
    pub(super) fn next(&mut self, trace: &Trace, acts: &Acts) -> Option<(String, Move)> {
        if let Some(beat) = self.due(trace).cloned() {
            self.done.insert(beat.id.clone());
            let next = if beat.line_drop {
                Move::Lose
            } else if beat.hangup {
                Move::HangUp
            } else if let Some(keys) = beat.dtmf {
                Move::Press(keys)
            } else if beat.tone.is_some() {
                Move::Record(beat.say?)
            } else if beat.silence_ms.is_some() {
                Move::Silence
            } else {
                Move::Say(beat.say?)
            };
            return Some((beat.id, next));
        }
        let (_, said) = trace.said().next_back()?;
        // Of several questions the last one is answered.
        let asked = self.answers.keys().filter_map(|act| Some((acts.place(act, &said.text)?, act)));
        let (_, act) = asked.max()?;
        let garbled = self.garble.as_ref().filter(|garble| garble.acts.contains(act));
        let words = garbled.map_or(&self.answers[act], |garble| &garble.heard);
        Some((format!("answers.{act}"), Move::Say(words.clone())))
    }

    fn due(&self, trace: &Trace) -> Option<&Beat> {
        let open = self.script.iter().filter(|beat| !self.done.contains(&beat.id));
        open.into_iter().find(|beat| self.is_due(&beat.when, trace))
    }

    fn is_due(&self, when: &When, trace: &Trace) -> bool {
        if let Some(after) = &when.after
            && !self.done.contains(after)
        {
            return false;
        }
        let Some((_, last)) = trace.said().next_back() else { return when.start };
        let asks = when.act.is_some() || !when.any_act.is_empty() || when.matches.is_some();
        let done = |act: &String| {
            let of_call =
                |(_, said): &(usize, &Utterance)| said.call == last.call && said.does(act);
            last.does(act) && trace.said().filter(of_call).count() >= when.nth.unwrap_or(1)
        };
        !asks
            || when.act.as_ref().is_some_and(done)
            || when.any_act.iter().any(|act| last.does(act))
            || when.matches.as_ref().is_some_and(|pattern| pattern.is_in(&last.text))
    }
}
