//! What simulated calls have found with far ends that speak by themselves and answer no marks.

use voiceagent_core::{
    SessionConfig,
    llm::{FinishReason, Message},
    session::{Command, Input},
    stt::Transcript,
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::tool,
    readings::{agent, cut, user},
};

fn far_end() -> Scenario {
    let mut config = SessionConfig::default();
    config.tools = [tool("book")].into();
    config.marks = false;
    Scenario::text(config)
}

fn say(text: &str) -> Input {
    Input::Say { text: text.into(), interruptible: true }
}

/// What the agent has said, as the history has it.
fn said(call: &mut Scenario) -> Vec<String> {
    let messages = call.session().messages();
    let said = messages.iter().filter_map(|message| match message {
        Message::Assistant { text, .. } if !text.is_empty() => Some(text.to_string()),
        _ => None,
    });
    said.collect()
}

fn stopped_after(heard: &str) -> Input {
    Input::PeerInterrupted { heard: Some(heard.into()) }
}

#[test]
fn h1_what_comes_after_what_a_far_end_has_stopped_was_not_heard() {
    let mut call = far_end();
    call.feed(say("The first thing.")).at(100).feed(say("The second thing.")).at(1_000);
    call.feed(stopped_after("The first"));
    assert_eq!(*call.session().messages(), [cut("The first")], "{}", call.trace());
    let clears = Command::Send { outbound: Outbound::Clear };
    assert!(
        call.when(|command| *command == clears).is_some(),
        "it goes on with what is on its way"
    );
}

#[test]
fn h1_an_answer_that_was_cut_here_is_cut_where_the_far_end_says() {
    let mut call = far_end();
    call.at(0).says("Tell me.").at(1_200);
    let generation = call.generation();
    let text = "One thing. Another thing. ".into();
    call.feed(Input::LlmText { generation, text }).at(1_500).feed(Input::Interrupt).at(1_600);
    call.feed(stopped_after("One"));
    assert_eq!(call.session().messages().last(), Some(&cut("One")), "{}", call.trace());
}

#[test]
fn h14_words_on_the_side_are_left_whole_when_their_answer_is_cut() {
    let mut call = far_end();
    call.at(0).says("Book it.").at(1_200);
    let generation = call.generation();
    call.model_calls(&[("a", "book")]).feed(say("One moment.")).at(1_500);
    let output = "1".into();
    call.feed(Input::ToolFinished { generation, id: "a".into(), output });
    call.feed(Input::LlmText { generation, text: "It is booked for Monday.".into() });
    call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop }).at(3_000);
    call.feed(stopped_after("It is"));
    let messages = call.session().messages();
    let said: Vec<&Message> =
        messages.iter().filter(|one| matches!(one, Message::Assistant { .. })).collect();
    assert_eq!(said, [&agent("One moment."), &cut("It is")], "{}", call.trace());
}

#[test]
fn h1_words_on_the_side_behind_the_place_that_was_heard_were_not_heard_either() {
    let mut call = far_end();
    call.at(0).says("Book it.").at(1_200);
    let generation = call.generation();
    call.feed(Input::LlmText { generation, text: "I see. Let me book it. ".into() });
    call.model_calls(&[("a", "book")]).feed(say("One moment.")).at(1_500);
    let output = "1".into();
    call.feed(Input::ToolFinished { generation, id: "a".into(), output });
    call.feed(Input::LlmText { generation, text: "It is booked for Monday.".into() });
    call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop }).at(3_000);
    call.feed(stopped_after("I see."));
    let messages = call.session().messages();
    let said: Vec<&Message> =
        messages.iter().filter(|one| matches!(one, Message::Assistant { .. })).collect();
    assert_eq!(said, [&cut("I see.")], "{}", call.trace());
}

#[test]
fn p4_a_draft_that_does_not_know_a_turn_that_waited_is_not_the_answer_to_both() {
    let mut config = SessionConfig::default();
    config.marks = true;
    let mut call = Scenario::text(config);
    let hears = |call: &mut Scenario, text: &str| {
        call.feed(Input::Transcript { transcript: Transcript::final_(text) });
        call.feed(Input::EndOfTurn);
    };
    call.feed(Input::Transcript { transcript: Transcript::interim("Book") }).at(100);
    call.feed(say("One moment, please, I will be with you.")).at(200);
    hears(&mut call, "Book it.");
    call.at(400);
    hears(&mut call, "On Monday.");
    call.at(3_000);
    assert_eq!(call.asked().last(), Some(&user("Book it. On Monday.")), "{}", call.trace());
}

#[test]
fn h1_words_on_the_side_are_dropped_with_the_words_before_them() {
    let mut call = far_end();
    call.at(0).says("Book it.").at(1_200);
    let generation = call.generation();
    call.feed(Input::LlmText { generation, text: "Let me have a look at that. ".into() });
    call.model_calls(&[("a", "book")]).feed(say("One moment.")).at(1_500);
    call.feed(stopped_after("Let me")).at(3_000);
    let trace = call.trace();
    assert!(trace.contains("agent interrupted: Let me\n"), "{trace}");
    let messages = call.session().messages();
    assert!(messages.contains(&cut("Let me")), "{messages:?}");
    assert!(!messages.contains(&agent("One moment.")), "{messages:?}");
}

#[test]
fn h1_a_far_end_that_has_said_nothing_of_words_on_the_side_means_nothing_before_them() {
    for is_over in [false, true] {
        let mut call = far_end();
        call.feed(say("Good day.")).at(1_000).says("Book it.").at(1_500);
        call.model_calls(&[("a", "book")]).feed(say("One moment.")).at(1_600);
        if is_over {
            call.feed(Input::Opened);
        }
        call.feed(stopped_after(""));
        let messages = call.session().messages();
        assert_eq!(messages.first(), Some(&agent("Good day.")), "{}", call.trace());
    }
}

#[test]
fn h1_words_on_the_side_do_not_count_into_what_was_heard_before_them() {
    let mut call = far_end();
    call.at(0).says("Book it.").at(1_200);
    let generation = call.generation();
    call.feed(Input::LlmText { generation, text: "Let me have a look at that. ".into() });
    call.model_calls(&[("a", "book")]).feed(say("One moment.")).at(1_500);
    // They are over.
    call.feed(Input::Opened).feed(stopped_after("Let me"));
    assert!(call.trace().contains("agent interrupted: Let me\n"), "{}", call.trace());
}

#[test]
fn h1_a_far_end_that_was_stopped_in_words_on_the_side_has_said_what_came_before_and_no_more() {
    let heard = |heard: &str, is_over: bool| {
        let mut call = far_end();
        call.at(0).says("Book it.").at(1_200);
        let generation = call.generation();
        call.feed(Input::LlmText { generation, text: "Let me see. ".into() });
        call.model_calls(&[("a", "book")]).feed(say("One moment.")).at(1_500);
        if is_over {
            let output = "1".into();
            call.feed(Input::ToolFinished { generation, id: "a".into(), output });
            call.feed(Input::LlmText { generation, text: "It is booked.".into() });
            call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop });
        }
        said(call.feed(Input::Opened).feed(stopped_after(heard)))
    };
    for is_over in [false, true] {
        assert_eq!(heard("One ", is_over), ["Let me see.", "One"], "{is_over}");
        assert_eq!(heard("", is_over), ["Let me see.", "One moment."], "{is_over}");
    }
}

#[test]
fn h1_a_far_end_that_was_stopped_in_words_on_the_side_has_not_said_those_behind_them() {
    let heard = |heard: &str, is_over: bool| {
        let mut call = far_end();
        call.at(0).says("Book it.").at(1_200);
        let generation = call.generation();
        call.model_calls(&[("a", "book")]).feed(say("One moment.")).feed(say("Two moments."));
        call.at(1_500).feed(Input::ToolFinished { generation, id: "a".into(), output: "1".into() });
        call.feed(Input::LlmText { generation, text: "It is booked. ".into() });
        if is_over {
            call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop });
        }
        said(call.feed(stopped_after(heard)))
    };
    for is_over in [false, true] {
        assert_eq!(heard("Two ", is_over), ["One moment.", "Two"], "{is_over}");
        assert_eq!(heard("One ", is_over), ["One"], "{is_over}");
    }
}

#[test]
fn h1_words_on_the_side_of_an_answer_were_not_heard_when_the_answer_before_it_was_stopped() {
    for is_over in [false, true] {
        let mut call = far_end();
        call.at(0).says("Tell me.").at(1_200).model("One thing. Another thing.").at(1_300);
        call.says("Book it.").at(2_600);
        let generation = call.generation();
        call.model_calls(&[("a", "book")]).feed(say("One moment.")).at(2_700);
        if is_over {
            call.feed(Input::ToolFinished { generation, id: "a".into(), output: "1".into() });
        }
        call.feed(stopped_after("One thing.")).at(2_800);
        if !is_over {
            call.feed(Input::ToolFinished { generation, id: "a".into(), output: "1".into() });
        }
        call.feed(Input::LlmText { generation, text: "It is booked.".into() });
        call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop }).at(9_000);
        assert_eq!(said(&mut call), ["One thing.", "It is booked."], "{}", call.trace());
    }
}

#[test]
fn h1_words_on_the_side_of_an_answer_that_was_never_begun_are_cut_where_the_far_end_says() {
    let mut call = far_end();
    call.at(0).says("Book it.").at(1_200);
    call.model_calls(&[("a", "book")]).feed(say("One moment.")).feed(say("Two moments."));
    call.at(1_400).feed(Input::Interrupt).at(1_500);
    assert_eq!(said(&mut call), ["One moment.", "Two moments."], "{}", call.trace());
    call.feed(stopped_after("One "));
    assert_eq!(said(&mut call), ["One"], "{}", call.trace());
}

#[test]
fn h4_what_a_far_end_has_answered_with_marks_it_cannot_take_back() {
    let mut config = SessionConfig::default();
    config.marks = true;
    let mut call = Scenario::text(config);
    call.feed(say("The first thing.")).at(5_000).feed(stopped_after("The first"));
    assert_eq!(*call.session().messages(), [agent("The first thing.")], "{}", call.trace());
}
