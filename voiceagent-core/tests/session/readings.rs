//! What a call has come to: its messages, its events, its turns.

use voiceagent_core::{CallTime, Event, llm::Message, session::Command};
use voiceagent_testkit::scenario::Scenario;

pub(crate) fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

pub(crate) fn agent(text: &str) -> Message {
    Message::Assistant { text: text.into(), interrupted: false }
}

/// What was heard of the agent before it was cut.
pub(crate) fn cut(text: &str) -> Message {
    Message::Assistant { text: text.into(), interrupted: true }
}

pub(crate) fn last_message(call: &mut Scenario) -> Message {
    call.session().messages().last().cloned().expect("somebody has spoken")
}

/// Everything that was told, and when.
pub(crate) fn events(call: &Scenario) -> impl Iterator<Item = (CallTime, &Event)> {
    call.commands().iter().filter_map(|(at, command)| match command {
        Command::Emit { event } => Some((*at, event)),
        _ => None,
    })
}

/// The user's turns and when they were taken.
pub(crate) fn turns(call: &Scenario) -> Vec<String> {
    let trace = call.trace();
    let turns = trace.lines().filter(|line| line.contains("user turn: "));
    turns.map(|line| line.trim().replace("user turn: ", "")).collect()
}

/// Everything that the voice was given.
pub(crate) fn synthesized(call: &Scenario) -> String {
    let texts = call.commands().iter().filter_map(|(_, command)| match command {
        Command::Synthesize { text, .. } => Some(&**text),
        _ => None,
    });
    texts.collect()
}
