//! Patience with what the agent asked for, and with the pauses of a caller.

use std::time::Duration;

use serde_json::json;
use voiceagent_core::{
    flow::{Generate, Plan},
    session::Input,
    tool::ToolSpec,
    turn::Expected,
};
use voiceagent_testkit::scenario::Scenario;

use crate::presets::phone_with_finalize;

fn expecting(what: Expected) -> Scenario {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(500).feed(Input::Expect { what: Some(what) }).at(1_000);
    call
}

/// When the first turn was taken, if it was.
fn turn(call: &Scenario, text: &str) -> Option<u64> {
    let trace = call.trace();
    let line = trace.lines().find(|line| line.ends_with(&format!("user turn: {text}")))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn t12_a_number_may_pause_and_is_taken_at_once_when_it_is_complete() {
    let mut call = expecting(Expected::Phone);
    call.says("four one five").at(3_500).speaks().at(4_000);
    assert!(!call.trace().contains("user turn"), "1.9 s of pause: {}", call.trace());
    call.stops().hears("five five five").at(5_000).says("one two three four").at(9_000);
    let whole = "four one five five five five one two three four";
    assert_eq!(turn(&call, whole), Some(5_900), "300 ms after the last sound: {}", call.trace());
}

#[test]
fn t12_what_never_becomes_complete_is_taken_after_the_longest_delay() {
    let mut call = expecting(Expected::Vin);
    call.says("one h g b h").at(20_000);
    assert_eq!(turn(&call, "one h g b h"), Some(5_600), "4 s after 1,600: {}", call.trace());
}

#[test]
fn t12_answers_of_another_kind_are_as_quick_as_ever() {
    for expected in [Expected::Phone, Expected::Email, Expected::Date, Expected::Vin] {
        for text in ["yes", "no", "never mind", "I don't have one"] {
            let mut call = expecting(expected);
            call.says(text).at(9_000);
            assert_eq!(turn(&call, text), Some(1_900), "{expected:?}: {text}");
        }
    }
}

#[test]
fn t12_an_expectation_holds_for_one_turn() {
    let mut call = expecting(Expected::Phone);
    call.says("never mind").at(2_000).model("Fine.").voice("Fine.", 300).at(5_000);
    call.says("two tires at 415").at(9_000);
    assert_eq!(turn(&call, "two tires at 415"), Some(5_900), "{}", call.trace());
}

#[test]
fn t12_the_recognizers_end_of_a_number_that_must_go_on_is_not_believed() {
    let mut call = expecting(Expected::Phone);
    call.says("four one five").feed(Input::EndOfTurn).at(20_000);
    assert_eq!(turn(&call, "four one five"), Some(5_600), "{}", call.trace());
}

#[test]
fn t12_the_flow_tells_what_its_answer_asks_for() {
    let mut config = phone_with_finalize();
    config.flow = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello").at(2_000);
    let generation = call.generation();
    let plan = Plan::from(Generate::new("Ask for the number.", []).expecting(Expected::Phone));
    call.feed(Input::Planned { generation, plan: Some(plan) });
    call.model("What is your number?").voice("What is your number?", 900).at(4_000);
    call.says("four one five").at(20_000);
    assert_eq!(turn(&call, "four one five"), Some(8_600), "{}", call.trace());
}

#[test]
fn t12_a_question_for_an_argument_with_a_format_is_one_for_what_has_that_form() {
    let ask = |question: &str| {
        let schema = json!({ "type": "object", "properties": {
            "callback_phone": { "type": "string", "format": "phone" },
            "tires": { "type": "integer" },
        }});
        let mut config = phone_with_finalize();
        config.tools = [ToolSpec::new("book", "", schema)].into();
        config.greeting = Some(question.into());
        let mut call = Scenario::new(config);
        call.at(100).voice(question, 900).at(2_000).says("415").at(20_000);
        turn(&call, "415")
    };
    assert_eq!(ask("What is your phone number?"), Some(6_600));
    assert_eq!(ask("How many tires do you have?"), Some(2_900));
}

#[test]
fn t12_what_is_read_out_unasked_gets_some_time() {
    let taken = |text: &str| {
        let mut call = Scenario::new(phone_with_finalize());
        call.at(1_000).says(text).at(20_000);
        turn(&call, text)
    };
    assert_eq!(taken("it is four one five"), Some(3_000), "half way to the longest delay");
    assert_eq!(taken("two"), Some(1_900), "a single digit is an answer");
}

#[test]
fn t12_what_is_typed_is_complete() {
    let mut call = Scenario::text(phone_with_finalize());
    call.at(500)
        .feed(Input::Expect { what: Some(Expected::Phone) })
        .at(1_000)
        .says("415")
        .at(9_000);
    assert!(turn(&call, "415").is_some_and(|at| at < 2_000), "{}", call.trace());
}

/// A caller who pauses for 700 ms within each turn.
fn slow_caller(learn: bool) -> Scenario {
    let mut config = phone_with_finalize();
    config.endpointing.learn = learn;
    config.endpointing.min_delay = Duration::from_millis(400);
    config.turn_detector = true;
    let mut call = Scenario::new(config);
    for turn in 0..4_u64 {
        let at = 1_000 + 10_000 * turn;
        call.at(at).says("I would").at(at + 700 + 600 + 60).says("like that").at(at + 5_000);
        call.model("Good.").voice("Good.", 300);
    }
    call.at(50_000);
    call
}

#[test]
fn t11_the_delay_learns_from_the_pauses_of_a_caller() {
    let taken = |learn: bool| {
        let mut call = slow_caller(learn);
        call.says("yes").at(60_000);
        turn(&call, "yes")
    };
    assert_eq!(taken(false), Some(51_000), "400 ms after the last sound");
    assert_eq!(taken(true), Some(51_400), "a little more than the caller's pause of 700 ms");
    let cuts = |learn: bool| slow_caller(learn).trace().matches("user turn: I would\n").count();
    assert_eq!((cuts(false), cuts(true)), (4, 3), "it is cut off until it has been learned");
}

#[test]
fn t12_what_the_owner_expects_holds_though_the_flow_expects_nothing() {
    let mut config = phone_with_finalize();
    config.flow = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello").at(2_000);
    let generation = call.generation();
    call.feed(Input::Expect { what: Some(Expected::Phone) });
    let plan = Plan::from(Generate::new("Ask for the number.", []));
    call.feed(Input::Planned { generation, plan: Some(plan) });
    call.model("What is your number?").voice("What is your number?", 900).at(4_000);
    call.says("four one five").at(20_000);
    assert_eq!(turn(&call, "four one five"), Some(8_600), "{}", call.trace());
}
