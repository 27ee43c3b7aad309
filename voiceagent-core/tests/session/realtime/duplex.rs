//! Models that take turns by themselves.

use voiceagent_core::{
    ErrorKind, GenerationId,
    realtime::Prompt,
    session::{Command, Input, Leg, RealtimeConfig},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use super::{EIGHT, config, prompts};
use crate::readings::{agent, cut, user};

/// A duplex model, and a user who spoke from 0 to 600 ms.
fn duplex() -> Scenario {
    let mut call = Scenario::realtime(config(), true);
    call.speaks().at(800).stops().at(1_000);
    call
}

/// The attempt to speak for which a tool was called first.
fn caller_of_tool(call: &Scenario) -> GenerationId {
    let found = call.commands().iter().find_map(|(_, command)| match command {
        Command::CallTool { generation, .. } => Some(*generation),
        _ => None,
    });
    found.expect("a tool was called")
}

#[test]
fn a_duplex_model_answers_when_it_likes() {
    let mut call = duplex();
    call.speech_of(Scenario::own(1), "Yes.", 500).told(None, "Open?").at(3_000);
    let trace = call.trace();
    assert!(
        trace.contains("1000 user turn:") && trace.contains("user words of 1: Open?"),
        "{trace}"
    );
    assert!(!trace.contains("speak ") && !trace.contains("commit audio"), "{trace}");
    assert_eq!(*call.session().messages(), [user("Open?"), agent("Yes.")]);
}

#[test]
fn a_duplex_model_is_not_held_back_by_the_user() {
    let mut call = Scenario::realtime(config(), true);
    call.speaks().at(500).speech_of(Scenario::own(1), "Mhm.", 300).at(1_000);
    assert!(call.trace().contains("500 agent started"), "{}", call.trace());
}

#[test]
fn h13_when_a_duplex_model_hears_the_user_the_line_falls_silent_at_once() {
    let mut call = duplex();
    call.speech_of(Scenario::own(1), EIGHT, 4_000).speech_of(Scenario::own(2), "And more.", 800);
    call.at(3_000).speaks();
    let cleared = call.when(|it| matches!(it, Command::Send { outbound: Outbound::Clear }));
    assert_eq!(cleared, Some(3_000));
    let cuts = call.truncated(Scenario::own(1));
    assert!(matches!(cuts[..], [(_, 1_900..=2_000)]), "{}", call.trace());
    let forgotten = Command::Forget { generation: Scenario::own(2) };
    assert!(call.when(|it| *it == forgotten).is_some(), "what waited is forgotten");
    let sent = call.samples_sent();
    call.partly(Scenario::own(2), "late", 500).at(3_400);
    assert_eq!(call.samples_sent(), sent, "i7");
    assert_eq!(*call.session().messages(), [cut("one two three four")]);
}

#[test]
fn what_a_duplex_model_says_in_a_row_is_heard_in_a_row() {
    let mut call = duplex();
    call.speech_of(Scenario::own(1), "First.", 1_000).speech_of(Scenario::own(2), "Second.", 1_000);
    call.at(4_000);
    assert_eq!(*call.session().messages(), [agent("First."), agent("Second.")]);
    assert_eq!(call.samples_sent(), 16_000);
}

#[test]
fn a_duplex_model_goes_on_by_itself_when_it_has_the_results() {
    let mut call = duplex();
    let own = Scenario::own(1);
    call.speech_calls(own, "a", "book").speech_of(own, "", 0);
    let generation = caller_of_tool(&call);
    call.feed(Input::ToolFinished { generation, id: "a".into(), output: "1".into() });
    assert!(call.trace().contains("tell result of a: 1"), "{}", call.trace());
    assert_eq!(prompts(&call), []);
    call.speech_of(Scenario::own(2), "Booked.", 500).at(3_000);
    let messages = call.session().messages();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[2], agent("Booked."));
}

#[test]
fn a_duplex_model_that_was_interrupted_says_so_itself() {
    let mut call = duplex();
    call.speech_of(Scenario::own(1), EIGHT, 4_000).at(3_000);
    call.feed(Input::ModelInterrupted { generation: Scenario::own(9) }).at(3_010);
    assert!(!call.trace().contains("interrupted"), "another was meant");
    call.feed(Input::ModelInterrupted { generation: Scenario::own(1) });
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn a_sound_that_a_duplex_model_does_not_answer_is_no_turn() {
    let mut call = duplex();
    call.at(9_000);
    assert!(call.trace().contains("turn dropped 1"), "{}", call.trace());
    assert_eq!(call.session().poll_timeout(), None);
    call.speaks().at(9_800).told(None, "I see.").stops().at(20_000);
    assert_eq!(*call.session().messages(), [user("I see.")]);
}

#[test]
fn a_duplex_model_may_be_silent_and_goes_on_without_a_detector() {
    let mut call = duplex();
    call.speech_of(Scenario::own(1), "", 0).at(5_000);
    assert!(!call.trace().contains("failed"), "it may have nothing to say: {}", call.trace());
    call.feed(Input::LegLost { leg: Leg::Vad, kind: ErrorKind::Disconnected }).at(60_000);
    assert!(!call.session().is_ended(), "{}", call.trace());
}

#[test]
fn the_owner_of_the_call_does_not_end_turns_for_a_duplex_model() {
    let mut call = duplex();
    call.at(2_000).speaks().at(2_500).feed(Input::CommitTurn).at(3_000);
    assert!(!call.trace().contains("reset detector"), "{}", call.trace());
}

#[test]
fn a_duplex_model_that_answers_before_it_has_greeted_is_heard_at_once() {
    for interruptible in [true, false] {
        let mut settings = config();
        let mut model = RealtimeConfig::default();
        model.greeting = Some("Greet.".into());
        settings.realtime = Some(model);
        settings.greeting_interruptible = interruptible;
        let mut call = Scenario::realtime(settings, true);
        call.at(200).speaks().at(800).stops();
        call.at(1_000).speech_of(Scenario::own(1), "Yes.", 500).at(1_020);
        assert!(call.trace().contains("1000 agent started"), "{}", call.trace());
        call.at(3_000);
        let greeting = Prompt::Follow("Greet.".into());
        let asked: Vec<Prompt> = prompts(&call).into_iter().map(|(_, prompt)| prompt).collect();
        // Who may be interrupted was; what must be said is asked for once more.
        let times = if interruptible { 1 } else { 2 };
        assert_eq!(asked, vec![greeting; times], "{}", call.trace());
    }
}

#[test]
fn d1_a_duplex_model_is_not_asked_to_greet_in_a_call_that_is_being_left() {
    let mut settings = config();
    let mut model = RealtimeConfig::default();
    model.greeting = Some("Greet.".into());
    settings.realtime = Some(model);
    settings.greeting_interruptible = false;
    let mut call = Scenario::realtime(settings, true);
    call.at(1_000).speech_of(Scenario::own(1), "Yes.", 500).at(1_200).feed(Input::HangUp);
    call.at(20_000);
    assert_eq!(prompts(&call).len(), 1, "{}", call.trace());
}
