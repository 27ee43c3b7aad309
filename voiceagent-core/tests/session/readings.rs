//! What a call has come to: its messages, its events, its turns.

use voiceagent_core::{
    CallTime, Event,
    llm::Message,
    session::{Command, EndReason},
};
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

/// When the call ended, in milliseconds.
pub(crate) fn ended_at(call: &Scenario) -> Option<u64> {
    call.when(|command| matches!(command, Command::Emit { event: Event::Ended { .. } }))
}

/// Why it ended, each time that it was told.
pub(crate) fn ends(call: &Scenario) -> Vec<EndReason> {
    let ends = events(call).filter_map(|(_, event)| match event {
        Event::Ended { reason } => Some(*reason),
        _ => None,
    });
    ends.collect()
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
