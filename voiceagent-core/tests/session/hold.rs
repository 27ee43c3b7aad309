//! A call that the far end holds: nobody hears the agent, and nobody is waited for.

use std::time::Duration;

use bytes::Bytes;
use voiceagent_core::{
    Event, SessionConfig,
    session::{AgentState, Command, IdleConfig, IdlePrompt, Input},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{presets::phone_with_finalize, readings::events};

const ON_HOLD: Input = Input::Held { held: true };
const TAKEN_BACK: Input = Input::Held { held: false };

fn idle() -> SessionConfig {
    let mut config = phone_with_finalize();
    let mut idle = IdleConfig::default();
    idle.prompts = [IdlePrompt::new(Duration::from_secs(8), "Are you still there?")].into();
    idle.hang_up_after = Some(Duration::from_secs(5));
    config.idle = idle;
    config
}

/// Audio of which each frame has a value of its own.
fn pattern(millis: usize) -> Bytes {
    (0..millis * 8).map(|at| (at / 160 % 100) as u8).collect()
}

/// The agent speaks [`pattern`] from 2,100 to 4,100 ms.
fn speaking(config: SessionConfig) -> Scenario {
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello?").at(2_000).model("Good day to you.").at(2_100);
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: pattern(2_000) });
    call.feed(Input::SynthesisFinished { generation });
    call
}

fn sent(call: &Scenario, from: u64, to: u64) -> Vec<u8> {
    let sent = call.commands().iter().filter(|(at, _)| (from..to).contains(&at.as_millis()));
    let audio = sent.filter_map(|(_, command)| match command {
        Command::Send { outbound: Outbound::Audio(frame) } => Some(frame.payload.to_vec()),
        _ => None,
    });
    audio.flatten().collect()
}

fn stops(call: &Scenario) -> Vec<(u64, bool)> {
    let stops = events(call).filter_map(|(at, event)| match event {
        Event::AgentStopped { interrupted, .. } => Some((at.as_millis(), *interrupted)),
        _ => None,
    });
    stops.collect()
}

#[test]
fn f10_what_is_said_waits_for_the_end_of_a_hold_and_goes_on_at_the_sample_that_was_heard() {
    let mut call = speaking(idle());
    call.at(3_100).feed(ON_HOLD).at(60_000);
    assert!(sent(&call, 3_101, 60_001).is_empty(), "{}", call.trace());
    assert_eq!(stops(&call), [], "nothing of it was heard since");
    call.feed(TAKEN_BACK).at(70_000);
    let (before, after) = (sent(&call, 0, 3_101), sent(&call, 60_000, 70_000));
    assert!(before.len() > 8_000, "it was ahead by its lead: {}", before.len());
    assert_eq!(after, pattern(2_000)[8_000..], "one second of it was heard");
    assert_eq!(stops(&call), [(61_000, false)], "{}", call.trace());
}

#[test]
fn f10_a_turn_that_ends_on_hold_is_answered_behind_it() {
    let mut call = Scenario::new(idle());
    call.at(1_000).says("Hello?").feed(ON_HOLD).at(2_200).model("Good day.").at(2_300);
    call.voice("Good day.", 1_000).at(40_000);
    assert!(sent(&call, 0, 40_001).is_empty(), "{}", call.trace());
    let states = events(&call).filter_map(|(_, event)| match event {
        Event::AgentState { state } => Some(*state),
        _ => None,
    });
    assert_eq!(states.last(), Some(AgentState::Paused));
    call.feed(TAKEN_BACK).at(45_000);
    assert_eq!(stops(&call), [(41_000, false)], "{}", call.trace());
}

#[test]
fn u8_who_holds_the_call_is_neither_asked_nor_left_and_has_all_the_time_afterwards() {
    let mut call = speaking(idle());
    // 900 ms before the agent would ask, and long after it would leave.
    call.at(11_200).feed(ON_HOLD).at(600_000);
    let asked = |call: &Scenario| {
        let asked = events(call).filter(|(_, event)| matches!(event, Event::IdlePrompted { .. }));
        asked.map(|(at, _)| at.as_millis()).collect::<Vec<_>>()
    };
    assert_eq!(asked(&call), [0_u64; 0], "{}", call.trace());
    assert!(!call.session().is_ended());
    call.feed(TAKEN_BACK).at(609_000);
    assert_eq!(asked(&call), [608_000]);
}

#[test]
fn u8_a_question_that_a_hold_cut_off_is_no_reason_to_leave() {
    let mut call = speaking(idle());
    call.at(12_200).voice("Are you still there?", 1_000).at(12_500).feed(ON_HOLD).at(90_000);
    call.feed(TAKEN_BACK).at(96_000);
    assert!(!call.session().is_ended(), "{}", call.trace());
}

#[test]
fn f10_a_hold_that_is_told_twice_is_one() {
    let mut call = speaking(idle());
    call.at(3_100).feed(ON_HOLD).feed(ON_HOLD).at(9_000).feed(TAKEN_BACK).feed(TAKEN_BACK);
    call.at(20_000);
    let cleared =
        |command: &Command| matches!(command, Command::Send { outbound: Outbound::Clear });
    assert_eq!(call.commands().iter().filter(|(_, command)| cleared(command)).count(), 1);
    assert_eq!(stops(&call), [(10_000, false)], "{}", call.trace());
}
