use crate::brain::{
    Reading,
    dialogue::{Aside, Task},
    question::Question,
    words::Words,
};

use super::intent::{self, Intent};

/// What the caller's last turn says: what the routers may decide on, beside the facts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Signals {
    /// What goes before everything else.
    pub(crate) interrupt: Option<Interrupt>,
    /// What the talk is about.
    pub(crate) task: Option<Task>,
    pub(crate) aside: Beside,
    pub(crate) choice: Choice,
    /// Whether anything new was understood.
    pub(crate) progress: bool,
}

/// What goes before everything else, in every node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interrupt {
    /// Somebody is in danger.
    Emergency,
    Goodbye,
    Human,
    OptOut,
}

/// What is said beside the task.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Beside {
    #[default]
    Nothing,
    Objection,
    /// A question, and nothing else.
    Question,
}

/// How far the talk has come with what is to be done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Choice {
    #[default]
    None,
    /// The visit that is to be changed is known.
    Visit,
    /// The time is known.
    Time,
    /// The caller said yes to a read-back that was heard to its end.
    Agreed,
}

/// The key of the keypad that asks for a person.
pub(crate) const HUMAN_KEY: &str = "0";

impl Signals {
    /// What a reading of the talk says.
    pub(crate) fn of(reading: &Reading, text: &str) -> Self {
        let dialogue = &reading.dialogue;
        let words = Words::new(text);
        let intent = Intent::of(text);
        // A digit that was asked for is a digit.
        let by_key = text.trim() == HUMAN_KEY
            && !matches!(reading.asked, Question::Phone | Question::Zip | Question::Code);
        let interrupt = if dialogue.in_danger {
            Some(Interrupt::Emergency)
        } else if dialogue.wants_out {
            Some(Interrupt::OptOut)
        } else if by_key || dialogue.aside == Some(Aside::Human) || dialogue.wants_callback {
            Some(Interrupt::Human)
        } else if dialogue.aside == Some(Aside::Goodbye) {
            Some(Interrupt::Goodbye)
        } else {
            None
        };
        let is_question = matches!(
            dialogue.aside,
            Some(Aside::Clocks | Aside::Hours | Aside::Location | Aside::Robot)
        ) || matches!(intent, Intent::HoursInquiry | Intent::ServiceInquiry);
        let aside = if reading.objects || intent::is_objection(&words) {
            Beside::Objection
        } else if is_question && !reading.progress {
            Beside::Question
        } else {
            Beside::Nothing
        };
        let choice = if dialogue.agreed || reading.agrees {
            Choice::Agreed
        } else if dialogue.chosen.is_some() {
            Choice::Time
        } else if dialogue.appointment.is_some() {
            Choice::Visit
        } else {
            Choice::None
        };
        Self { interrupt, task: dialogue.task, aside, choice, progress: dialogue.misses == 0 }
    }
}
