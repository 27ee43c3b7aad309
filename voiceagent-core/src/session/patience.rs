//! Whether the user has said all of what the agent asked for.

mod address;
mod asked;
mod code;
mod date;
mod number;
mod spelled;
mod spoken;

use std::sync::Arc;

use super::Session;
use crate::{
    flow::Plan,
    tool::ToolSpec,
    turn::{Expected, Lexical},
};

use asked::asked_for;
use spoken::Spoken;

/// What the agent has asked for.
#[derive(Debug)]
pub(super) struct Patience {
    /// What the owner of the call, a tool or the flow said about the next turn.
    expected: Option<Expected>,
    /// The functions of the last answer: where nobody said anything, their arguments tell what a
    /// question asks for.
    tools: Arc<[ToolSpec]>,
}

impl Patience {
    pub(super) fn new(tools: Arc<[ToolSpec]>) -> Self {
        Self { expected: None, tools }
    }

    /// Notes that a turn is over: what was expected has come, or something else.
    pub(super) fn on_turn(&mut self) {
        self.expected = None;
    }

    /// Notes what a turn that is over is answered with.
    pub(super) fn on_plan(&mut self, plan: &Plan) {
        if let Plan::Generate(answer) = plan {
            self.expected = answer.expects.or(self.expected);
            self.tools = answer.tools.clone();
        }
    }
}

impl Session {
    pub(super) fn on_expect(&mut self, what: Option<Expected>) {
        self.patience.expected = what;
        self.judge_progress();
    }

    /// Looks whether the user has said all of what the agent asked for.
    pub(super) fn judge_progress(&mut self) {
        // What is typed is complete when it is sent.
        if self.config.format.is_some() && !self.user.is_empty() {
            let expected = self.patience.expected.or_else(|| self.asked_for());
            let text = self.user.text();
            self.endpointing.on_progress(progress(expected, &text));
            let complete = self.config.reads_words().then(|| {
                let said = self.said_before().unwrap_or_default();
                Lexical::new().end_of_turn(&text, said, expected)
            });
            self.endpointing.on_words(complete);
        }
    }

    fn asked_for(&self) -> Option<Expected> {
        let tools = &self.patience.tools;
        if tools.iter().all(|tool| tool.expects.is_empty()) {
            return None;
        }
        asked_for(tools, self.said_before()?)
    }

    /// What the agent says, or has said last.
    fn said_before(&self) -> Option<&str> {
        match &self.live {
            Some(live) if live.playback.started => Some(live.content.script.text()),
            Some(_) | None => self.history.last_said().map(|text| &**text),
        }
    }
}

/// How far the user has come with what was asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Progress {
    /// The words say nothing about it: they are an answer of another kind, or none was asked for.
    #[default]
    Unknown,
    /// Nothing was asked for, and the last thing said was a digit or a letter.
    Dictating,
    /// More must come.
    Open,
    /// It may be all, and more may come.
    Plausible,
    /// Nothing can follow.
    Complete,
}

/// Judges what the user has said in the turn so far.
fn progress(expected: Option<Expected>, text: &str) -> Progress {
    let Some(expected) = expected else {
        return dictation(&Spoken::new(text, false));
    };
    let letters = matches!(expected, Expected::Code | Expected::Spelled | Expected::Vin);
    let spoken = Spoken::new(text, letters);
    if matches!(expected, Expected::Email) {
        return address::progress(&spoken, text);
    }
    if spoken.is_lead_in() {
        // "My number is": nothing of it has come yet.
        return Progress::Open;
    }
    match expected {
        Expected::Code => code::progress(&spoken),
        Expected::Date => date::progress(&spoken),
        Expected::Email => Progress::Unknown,
        Expected::Phone => number::progress(&spoken, text),
        Expected::Spelled => spelled::progress(&spoken),
        Expected::Vin => code::vin(&spoken),
    }
}

/// Nobody asked for it, but the user reads something out.
fn dictation(spoken: &Spoken) -> Progress {
    let run = spoken.trailing_run();
    if !spoken.ends_in_symbols() {
        Progress::Unknown
    } else if run.chars().count() >= 3
        || (run.len() == 2 && run.bytes().all(|it| it.is_ascii_digit()))
    {
        if number::is_complete(&run) { Progress::Unknown } else { Progress::Plausible }
    } else {
        Progress::Dictating
    }
}

#[cfg(test)]
mod tests;
