//! How long the stages of turns took, by what phone and vendors noted.

use std::time::Instant;

use crate::e2e_latency::{
    call::{CallRecord, Spoken},
    log::{Note, What},
    measure::{first_audio, millis},
    script::Utterance,
};

/// Answers that took longer, in milliseconds, are told one by one.
const TOLD: f64 = 2_000.0;

/// The stages of all turns of a call, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// The phone is connected → the first audio of the greeting arrives.
    pub(super) greeted: Vec<f64>,
    /// The caller's last audible frame left → the final transcript leaves the recognizer.
    pub(super) heard: Vec<f64>,
    /// The caller's last audible frame left → the first token leaves the model.
    pub(super) to_model: Vec<f64>,
    /// The tool call leaves the model → the model has its result.
    pub(super) tools: Vec<f64>,
    /// The first token of what is said about a tool's result leaves the model → the first audio
    /// arrives at the phone. Other answers are drafts, which wait for the end of the turn too.
    pub(super) to_voice: Vec<f64>,
    /// The caller's last audible frame left → the first audio of the answer arrives at the phone.
    pub(super) end_to_end: Vec<f64>,
    /// The first audible frame over the agent's voice left → it is known for speech.
    pub(super) noticed: Vec<f64>,
    /// The first audible frame over the agent's voice left → the carrier is told to drop the rest.
    pub(super) cleared: Vec<f64>,
}

impl Stages {
    /// Adds those of a call.
    pub(super) fn add(&mut self, said: &[Utterance], record: &CallRecord, notes: &[Note]) {
        let greeting = first_audio(record, record.began);
        self.greeted.extend(greeting.map(|at| millis(record.began, at)));
        for (number, (utterance, spoken)) in said.iter().zip(&record.spoken).enumerate() {
            let before = self.end_to_end.len();
            self.add_turn(record, notes, *spoken);
            for slow in self.end_to_end[before..].iter().filter(|took| **took > TOLD) {
                eprintln!("call {}: answer {number} took {slow:.0} ms", record.call);
            }
            if utterance.into_answer.is_some() {
                self.add_barge_in(record, notes, *spoken);
            }
        }
    }

    fn add_turn(&mut self, record: &CallRecord, notes: &[Note], Spoken { began, ended }: Spoken) {
        let Some(answer) = first_audio(record, ended) else { return };
        self.end_to_end.push(millis(ended, answer));
        let turn: Vec<&Note> =
            notes.iter().filter(|note| note.at > began && note.at < answer).collect();
        let first = |from: Instant, is: fn(&What) -> bool| {
            turn.iter().find(|note| note.at >= from && is(&note.what)).map(|note| note.at)
        };
        let is_asked = |what: &What| matches!(what, What::ModelAsked { .. });
        let is_token = |what: &What| matches!(what, What::TokenSent { .. });
        let heard = first(ended, |what| matches!(what, What::FinalSent));
        self.heard.extend(heard.map(|heard| millis(ended, heard)));
        // Requests before the last words were drafts.
        let asked = heard.and_then(|heard| first(heard, is_asked));
        let begun = asked.and_then(|asked| first(asked, is_token));
        self.to_model.extend(begun.map(|begun| millis(ended, begun)));
        let again = begun.and_then(|begun| {
            first(begun, |what| matches!(what, What::ModelAsked { after_tool: true, .. }))
        });
        self.tools.extend(begun.zip(again).map(|(begun, again)| millis(begun, again)));
        let words = again.and_then(|again| first(again, is_token));
        self.to_voice.extend(words.map(|words| millis(words, answer)));
    }

    fn add_barge_in(&mut self, record: &CallRecord, notes: &[Note], spoken: Spoken) {
        let clears = record.recording.clears.iter().map(|clear| record.began + clear.at);
        let cleared = clears.into_iter().find(|at| *at > spoken.began);
        self.cleared.extend(cleared.map(|at| millis(spoken.began, at)));
        let noticed = notes
            .iter()
            .find(|note| note.at > spoken.began && matches!(note.what, What::SpeechStarted { .. }));
        self.noticed.extend(noticed.map(|note| millis(spoken.began, note.at)));
    }
}
