//! What holds on every leg: each story is told over audio and over text.

mod found;

use voiceagent_core::{
    GenerationId, SessionConfig,
    llm::{FinishReason, Message},
    session::{Command, Input},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone, pure_tool, tool},
    readings::{agent, cut, last_message, user},
};

fn config() -> SessionConfig {
    let mut config = phone();
    config.speculation.enabled = true;
    config.tools = [pure_tool("look"), tool("book")].into();
    config
}

/// Tells a story over both kinds of leg.
fn on_both(config: &SessionConfig, story: impl Fn(&mut Scenario)) {
    for mut call in [Scenario::new(config.clone()), Scenario::text(config.clone())] {
        story(&mut call);
    }
}

/// The user says this in 800 ms, and the turn is over soon after.
fn turn(call: &mut Scenario, at: u64, text: &str) {
    call.at(at).says(text).at(at + 1_200);
}

/// The agent answers in one sentence that the user hears to the end.
fn answers(call: &mut Scenario, text: &str) {
    call.model(text).voice(text, 1_000);
    let now = call.commands().last().map_or(0, |(at, _)| at.as_millis());
    call.at(now + 5_000);
}

#[test]
fn p10_and_h15_turns_and_answers_stand_in_order_on_every_leg() {
    on_both(&config(), |call| {
        turn(call, 0, "Are you open?");
        answers(call, "Yes, we are.");
        turn(call, 9_000, "Until when?");
        answers(call, "Until six.");
        let expected = [
            user("Are you open?"),
            agent("Yes, we are."),
            user("Until when?"),
            agent("Until six."),
        ];
        assert_eq!(*call.session().messages(), expected, "{}", call.trace());
        assert_eq!(call.session().poll_timeout(), None, "law 9");
    });
}

#[test]
fn h1_and_h14_only_what_was_heard_is_written_down_on_every_leg() {
    let text = "The first thing is this. The second thing is that.";
    on_both(&config(), |call| {
        turn(call, 0, "Tell me.");
        call.model(text).voice("The first thing is this. ", 1_500);
        call.voice("The second thing is that.", 1_500).at(1_900);
        call.feed(Input::Interrupt).at(4_000);
        let messages = call.session().messages();
        let heard = match messages.get(1) {
            Some(Message::Assistant { text, interrupted: true }) => text.to_string(),
            None => String::new(),
            other => panic!("{other:?}: {}", call.trace()),
        };
        assert!(text.starts_with(&heard) && heard.len() < text.len(), "{heard:?}");
        assert!(call.trace().contains(&format!("agent interrupted: {heard}")), "{}", call.trace());
    });
}

#[test]
fn h2_and_i10_an_answer_that_had_not_begun_leaves_nothing_on_every_leg() {
    on_both(&config(), |call| {
        turn(call, 0, "Tell me.");
        call.feed(Input::Interrupt).model("Well.").at(4_000);
        assert_eq!(*call.session().messages(), [user("Tell me.")]);
        assert!(call.trace().contains("cancel 1"), "{}", call.trace());
    });
}

#[test]
fn h15_what_the_agent_says_in_a_row_is_heard_in_a_row_on_every_leg() {
    on_both(&config(), |call| {
        for text in ["One.", "Two.", "Three."] {
            call.feed(Input::Say { text: text.into(), interruptible: true });
        }
        for (nth, text) in (1..).zip(["One.", "Two.", "Three."]) {
            call.voice(text, 500).at(nth * 2_000);
        }
        assert_eq!(*call.session().messages(), [agent("One."), agent("Two."), agent("Three.")]);
    });
}

#[test]
fn x1_and_x2_and_x15_a_tool_outlives_its_interrupted_answer_on_every_leg() {
    on_both(&config(), |call| {
        turn(call, 0, "Book it.");
        let generation = call.generation();
        call.model_calls(&[("a", "book")]).feed(Input::Interrupt).at(2_000);
        let output = "\"done\"".into();
        call.feed(Input::ToolFinished { generation, id: "a".into(), output });
        let messages = call.session().messages();
        let [_, Message::ToolCall(_), Message::ToolResult { output, .. }] = &messages[..] else {
            panic!("{messages:?}")
        };
        assert_eq!(&**output, "\"done\"");
    });
}

#[test]
fn x8_and_x5_a_round_of_tools_goes_on_when_all_are_done_on_every_leg() {
    on_both(&config(), |call| {
        turn(call, 0, "Book it.");
        call.model_calls(&[("a", "book"), ("b", "look")]).tool("a", "1");
        let before = call.times_asked();
        call.tool("b", "2");
        assert_eq!(call.times_asked(), before + 1);
        let calls = call.asked().iter().filter(|it| matches!(it, Message::ToolCall(_))).count();
        let results =
            call.asked().iter().filter(|it| matches!(it, Message::ToolResult { .. })).count();
        assert_eq!((calls, results), (2, 2));
    });
}

#[test]
fn d1_a_goodbye_is_heard_before_the_end_on_every_leg() {
    on_both(&config(), |call| {
        call.feed(Input::Say { text: "Goodbye!".into(), interruptible: true }).feed(Input::HangUp);
        call.voice("Goodbye!", 800).at(100);
        assert!(!call.session().is_ended(), "{}", call.trace());
        call.at(9_000);
        let trace = call.trace();
        let stopped = trace.find("agent stopped: Goodbye!").expect("it was heard");
        assert!(stopped < trace.find("hang up").expect("it ended"), "{trace}");
    });
}

#[test]
fn d4_a_caller_who_hangs_up_ends_everything_on_every_leg() {
    on_both(&config(), |call| {
        turn(call, 0, "Tell me.");
        call.model("One two three.").voice("One two three.", 2_000).at(1_300);
        call.feed(Input::HungUp).at(9_000);
        assert!(call.session().is_ended());
        assert_eq!(call.session().poll_timeout(), None);
        assert_eq!(call.session().messages()[0], user("Tell me."));
    });
}

#[test]
fn t22_a_newer_turn_takes_the_place_of_the_older_on_every_leg() {
    on_both(&config(), |call| {
        turn(call, 0, "Are you open?");
        let first = call.generation();
        turn(call, 2_000, "No, wait.");
        assert!(call.generation() > first, "{}", call.trace());
        assert!(call.trace().contains(&format!("cancel {first}")), "{}", call.trace());
    });
}

/// A text leg whose far end answers no marks.
fn without_marks() -> Scenario {
    let mut config = config();
    config.marks = false;
    config.greeting = Some("Good morning. How can I help you?".into());
    Scenario::text(config)
}

#[test]
fn h1_a_far_end_that_tells_afterwards_what_was_heard_is_believed() {
    let mut call = without_marks();
    call.at(1_000);
    assert_eq!(*call.session().messages(), [agent("Good morning. How can I help you?")]);
    call.feed(Input::PeerInterrupted { heard: Some("Good morning.".into()) });
    let cut = cut("Good morning.");
    assert_eq!(last_message(&mut call), cut);
    let trace = call.trace();
    assert!(trace.contains("interrupted: BargeIn"), "{trace}");
    assert!(trace.contains("agent interrupted: Good morning.\n"), "{trace}");
    call.feed(Input::PeerInterrupted { heard: Some("Good".into()) });
    assert_eq!(*call.session().messages(), [cut], "once");
}

#[test]
fn h2_a_far_end_that_heard_nothing_leaves_nothing() {
    let mut call = without_marks();
    call.at(1_000).feed(Input::PeerInterrupted { heard: Some("".into()) });
    assert_eq!(*call.session().messages(), []);
}

#[test]
fn a_far_end_that_heard_all_changes_nothing() {
    let mut call = without_marks();
    let heard = Some("Good morning. How can I help you?".into());
    call.at(1_000).feed(Input::PeerInterrupted { heard });
    assert_eq!(*call.session().messages(), [agent("Good morning. How can I help you?")]);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
}

#[test]
fn i7_a_late_cut_of_one_answer_does_not_touch_the_next() {
    let mut call = without_marks();
    turn(&mut call, 1_000, "Are you open?");
    call.feed(Input::PeerInterrupted { heard: Some("Good morning.".into()) });
    assert!(!call.trace().contains("cancel"), "{}", call.trace());
    call.model("Yes, we are.").at(9_000);
    let text = Command::Send {
        outbound: Outbound::Text { generation: GenerationId::new(2), text: "Yes, we are.".into() },
    };
    assert!(call.when(|command| *command == text).is_some(), "{}", call.trace());
    assert_eq!(call.session().messages().len(), 3);
}

/// A far end that shows what it is sent late, and an agent that covers a tool with words.
fn covered(shown_after: u64) -> Scenario {
    let mut config = config();
    config.barge_in.dtmf = true;
    let mut call = Scenario::text(config);
    call.marks_late_by(shown_after);
    call.at(1_000).hears("Do you have one?").at(2_000);
    let generation = call.generation();
    call.feed(Input::LlmText { generation, text: "Let me look that up. ".into() });
    call.model_calls(&[("t1", "look")]).at(2_900);
    call.feed(Input::Say { text: "One moment please.".into(), interruptible: true }).at(3_000);
    call
}

#[test]
fn i18_who_stops_the_words_over_a_tool_gets_the_answer() {
    let mut call = covered(500);
    call.feed(Input::Dtmf { digit: '1' }).at(10_000);
    assert!(call.trace().contains("interrupted: Dtmf"), "{}", call.trace());
    let generation = GenerationId::new(1);
    call.feed(Input::ToolFinished { generation, id: "t1".into(), output: "\"yes\"".into() });
    call.feed(Input::LlmText { generation, text: "Yes, we have one.".into() });
    call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop }).at(40_000);
    assert_eq!(last_message(&mut call), agent("Yes, we have one."));
    assert!(!call.trace().contains("failed"), "{}", call.trace());
}

#[test]
fn h1_words_that_were_not_shown_when_those_over_a_tool_were_stopped_are_not_written_down() {
    let mut call = covered(30_000);
    call.hears("stop").at(4_000);
    let said = |it: &Message| matches!(it, Message::Assistant { .. });
    assert!(!call.session().messages().iter().any(said), "{:?}", call.session().messages());
}

#[test]
fn f5_an_answer_that_a_noise_has_cut_before_it_was_heard_is_given_once_more() {
    let mut call = Scenario::text(config());
    turn(&mut call, 0, "Tell me.");
    call.model("The first thing is this.").feed(Input::SttSpeechStarted);
    assert!(call.trace().contains("interrupted"), "{}", call.trace());
    call.at(10_000);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    call.model("The first thing is this.").at(14_000);
    let told = [user("Tell me."), agent("The first thing is this.")];
    assert_eq!(*call.session().messages(), told, "{}", call.trace());
}

#[test]
fn i24_an_answer_that_a_far_end_has_stopped_unheard_is_given_when_no_words_come() {
    for heard in [Some("".into()), None] {
        let mut call = Scenario::text(config());
        turn(&mut call, 0, "Tell me.");
        call.model("The first thing is this.").feed(Input::PeerInterrupted { heard }).at(6_000);
        assert_eq!(call.times_asked(), 1, "words may come yet: {}", call.trace());
        call.at(10_000);
        assert_eq!(call.times_asked(), 2, "{}", call.trace());
        call.model("The first thing is this.").at(14_000);
        let told = [user("Tell me."), agent("The first thing is this.")];
        assert_eq!(*call.session().messages(), told, "{}", call.trace());
        assert_eq!(call.session().poll_timeout(), None, "law 9");
    }
}

#[test]
fn f5_an_answer_that_words_have_cut_is_not_given_once_more() {
    let mut call = Scenario::text(config());
    turn(&mut call, 0, "Tell me.");
    call.model("The first thing is this.").feed(Input::SttSpeechStarted);
    call.at(1_500).hears("No, wait.").feed(Input::EndOfTurn).at(2_000).model("Yes?").at(4_000);
    call.feed(Input::SttSpeechStarted).at(14_000);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
}

#[test]
fn who_sends_the_same_line_again_is_answered_again() {
    let mut call = Scenario::text(config());
    call.at(0).hears("Yes.").at(500);
    answers(&mut call, "All right.");
    call.at(9_000).hears("Yes.").at(9_500);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    call.model("Fine.").at(9_600).hears("Yes.").at(10_500);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
}
