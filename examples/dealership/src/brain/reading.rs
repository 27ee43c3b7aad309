//! What the rules understand of a talk, for those who decide where it goes.

use jiff::civil::Date;
use voiceagent_core::llm::Message;

use super::{
    dialogue::Dialogue,
    intent::{self, Answer},
    question::Question,
    setting, times,
    words::Words,
};

/// A talk up to the caller's last turn, as the rules understand it, whichever model has held it.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) dialogue: Dialogue,
    /// What the agent had asked before that turn.
    pub(crate) asked: Question,
    /// Whether anything but a question was understood of that turn.
    pub(crate) progress: bool,
    /// Whether that turn is a yes to words that name one time and were heard to their end.
    pub(crate) agrees: bool,
    /// Whether a lead has raised an objection in it.
    pub(crate) objects: bool,
}

impl Reading {
    /// Reads a talk. `instructions` are those of the agent: they tell who calls, and why.
    pub(crate) fn new(instructions: &str, history: &[Message], text: &str, today: Date) -> Self {
        let mut dialogue = Dialogue::after(history, today, setting(instructions, today));
        let (asked, before) = (dialogue.question, state(&dialogue));
        let objections = dialogue.lead.objections.len();
        dialogue.hear(text);
        Self {
            asked,
            progress: state(&dialogue) != before,
            agrees: agrees(history, text),
            objects: dialogue.lead.objections.len() > objections,
            dialogue,
        }
    }
}

/// What a turn changes that says more than a question.
fn state(dialogue: &Dialogue) -> String {
    let Dialogue { task, service, days, time, name, phone, zip, birthday, .. } = dialogue;
    let Dialogue { chosen, appointment, vehicle, vin, met, agreed, finished, .. } = dialogue;
    let who = (name, phone, zip, birthday, met, &dialogue.lead.details, &dialogue.lead.code);
    let what = (task, service, days, time, chosen, appointment, vehicle, vin, agreed, finished);
    format!("{who:?}{what:?}")
}

fn agrees(history: &[Message], text: &str) -> bool {
    let said = history.iter().rev().find_map(|message| match message {
        Message::Assistant { text, interrupted } => Some((text, *interrupted)),
        _ => None,
    });
    let Some((asked, false)) = said else { return false };
    times::all(&Words::new(asked)).len() == 1
        && asked.contains('?')
        && intent::answer(&Words::new(text)) == Some(Answer::Yes)
}
