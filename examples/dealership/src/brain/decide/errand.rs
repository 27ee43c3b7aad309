use jiff::ToSpan;

use super::{Step, ask, farewell};
use crate::{
    brain::{
        dialogue::{Dialogue, Met},
        errand::Errand,
        replies,
    },
    spoken,
};

/// What comes next in a call that we have made, where it is about nothing else yet.
pub(super) fn step(dialogue: &Dialogue) -> Option<Step> {
    let errand = dialogue.errand.as_ref()?;
    match dialogue.met {
        Met::Wrong => return Some(farewell(dialogue, "wrong_number")),
        Met::Away => return Some(farewell(dialogue, "done")),
        // Whoever fetches somebody is waited for.
        Met::Unknown if !dialogue.notices.is_empty() => return Some(Step::Say(String::new())),
        Met::Unknown => return Some(Step::Say(who(errand))),
        Met::Right => {}
    }
    match errand {
        Errand::Callback { .. } => None,
        Errand::Lead { id, .. } => Some(super::lead::step(dialogue, id)),
        Errand::Reminder { start, .. } if dialogue.task.is_none() && !dialogue.finished => {
            if dialogue.wants_change {
                return Some(ask(replies::MOVE_OR_CANCEL));
            }
            let tomorrow = dialogue.today.saturating_add(1.day());
            let day = if start.date() == tomorrow { "tomorrow, " } else { "on " };
            let (date, time) = (spoken::date(start.date()), spoken::time(start.time()));
            let words = format!(
                "This is a reminder of your appointment {day}{date} at {time}. Will you be there?"
            );
            Some(Step::Say(words))
        }
        Errand::Reminder { .. } => None,
    }
}

fn who(errand: &Errand) -> String {
    let about = match errand {
        Errand::Lead { .. } => "It is about the car that you asked us about.",
        Errand::Callback { .. } | Errand::Reminder { .. } => "It is about an appointment.",
    };
    match errand.first_name() {
        Some(name) => format!("{about} Am I speaking with {name}?"),
        None => format!("{about} Am I speaking with the right person?"),
    }
}

/// With whom somebody wants to talk who asked to be called back.
pub(super) fn department(dialogue: &Dialogue) -> Option<String> {
    match &dialogue.errand {
        Some(Errand::Callback { department }) => Some(department.clone()),
        Some(Errand::Lead { .. } | Errand::Reminder { .. }) | None => None,
    }
}
