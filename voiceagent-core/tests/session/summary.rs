//! Long conversations are summed up beside the call.

use std::time::Duration;

use voiceagent_core::{
    Event, GenerationId, SessionConfig,
    llm::{Message, Usage},
    session::{Command, Input, SummaryConfig},
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone, tool},
    readings::{agent, events, user},
};

/// Each is some 24 tokens.
const ASKS: [&str; 4] = [
    "I have a question about the oil change that you made on my red car yesterday morning.",
    "It still makes a noise whenever I turn to the left, and the noise is louder in the rain.",
    "I wonder whether you could have another look at it some time in the course of this week.",
    "The morning would be best for me, as I have to be at work from noon until late at night.",
];
const SAYS: &str =
    "I see. Thank you for telling me. What else can I do for you and your car today?";

fn config(budget: u32, keep: u32) -> SessionConfig {
    let mut summary = SummaryConfig::default();
    summary.budget = budget;
    summary.keep = keep;
    let mut config = phone();
    config.tools = [tool("book")].into();
    config.summary = Some(summary);
    config
}

/// A turn of each side, of four seconds.
fn turn(call: &mut Scenario, number: usize) {
    let begin = 1_000 + 4_000 * u64::try_from(number).expect("a call is short");
    call.at(begin).says(ASKS[number % ASKS.len()]).at(begin + 1_500);
    call.model(SAYS).voice(SAYS, 700).at(begin + 3_500);
}

/// A call of two turns of each side, of which the first is being summed up.
fn long_call() -> (Scenario, GenerationId) {
    let mut call = Scenario::new(config(80, 50));
    turn(&mut call, 0);
    assert_eq!(asked(&call), []);
    turn(&mut call, 1);
    let [(generation, transcript)] = &asked(&call)[..] else { panic!("{}", call.trace()) };
    assert_eq!(*transcript, format!("Caller: {}\nAgent: {SAYS}\n", ASKS[0]));
    let generation = *generation;
    (call, generation)
}

/// What is to be summed up.
fn asked(call: &Scenario) -> Vec<(GenerationId, String)> {
    let asked = call.commands().iter().filter_map(|(_, command)| match command {
        Command::Summarize { generation, transcript, .. } => {
            Some((*generation, transcript.to_string()))
        }
        _ => None,
    });
    asked.collect()
}

fn summed_up(generation: GenerationId, text: &str) -> Input {
    Input::Summarized { generation, text: Some(text.into()), usage: None }
}

fn summary(text: &str) -> Message {
    Message::Summary { text: format!("What was said before, in short: {text}").into() }
}

#[test]
fn without_the_setting_nothing_is_ever_summed_up() {
    let mut call = Scenario::new(phone());
    (0..8).for_each(|number| turn(&mut call, number));
    assert_eq!((asked(&call), call.asked().len()), (vec![], 15));
}

#[test]
fn a_summary_takes_the_place_of_the_turns_that_it_is_of() {
    let (mut call, generation) = long_call();
    call.feed(summed_up(generation, " The caller has a red car. "));
    let kept = [summary("The caller has a red car."), user(ASKS[1]), agent(SAYS)];
    assert_eq!(*call.session().messages(), kept);
    turn(&mut call, 2);
    assert_eq!(call.asked(), [&kept[..], &[user(ASKS[2])]].concat());
    let [_, (_, transcript)] = &asked(&call)[..] else { panic!("{}", call.trace()) };
    let first = "What was said before, in short: The caller has a red car.\n";
    assert!(transcript.starts_with(first), "the summary is of all that it replaces: {transcript}");
    assert!(!transcript.contains(ASKS[2]), "{transcript}");
}

#[test]
fn no_answer_waits_for_a_summary_nor_is_it_asked_for_anew() {
    let (mut call, generation) = long_call();
    call.at(9_000).says(ASKS[2]).at(10_500);
    assert_eq!(call.asked().len(), 5, "the whole conversation, as long as there is no summary");
    let answer = call.generation();
    call.writes("I see. ").feed(summed_up(generation, "A red car."));
    assert_eq!((call.generation(), call.times_asked()), (answer, 3));
    call.model("Well.").voice("I see. Well.", 700).at(13_000);
    assert!(call.trace().contains("agent stopped: I see. Well."), "{}", call.trace());
}

#[test]
fn p4_a_draft_is_kept_when_a_summary_comes() {
    let mut config = config(80, 50);
    config.speculation.enabled = true;
    let mut call = Scenario::new(config);
    turn(&mut call, 0);
    turn(&mut call, 1);
    let (generation, _) = asked(&call)[0].clone();
    call.at(9_000).says(ASKS[2]);
    let drafted = call.times_asked();
    call.feed(summed_up(generation, "A red car.")).at(11_000);
    assert_eq!(call.times_asked(), drafted, "{}", call.trace());
    assert!(!call.trace().contains("draft dropped"), "{}", call.trace());
}

#[test]
fn a_call_of_a_tool_that_waits_for_its_result_is_not_summed_up() {
    let mut slow = tool("book");
    slow.timeout = Duration::from_secs(60);
    let mut config = config(80, 50);
    config.tools = [slow].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says(ASKS[0]).at(2_500).model_calls(&[("a", "book")]);
    let first = call.generation();
    // The caller goes on, so that the tool runs beside the conversation.
    call.at(3_000).says(ASKS[1]).at(4_500).model(SAYS).voice(SAYS, 700).at(6_900);
    (2..5).for_each(|number| turn(&mut call, number));
    assert_eq!(asked(&call), [], "{}", call.trace());
    call.feed(Input::ToolFinished { generation: first, id: "a".into(), output: "booked".into() });
    (5..7).for_each(|number| turn(&mut call, number));
    let [(_, transcript)] = &asked(&call)[..] else { panic!("{}", call.trace()) };
    assert!(transcript.contains("Function called: book {}\nFunction returned: booked\n"));
}

#[test]
fn law_7_a_result_that_comes_behind_a_summary_of_its_call_is_shown_behind_it() {
    let mut stopped = tool("book");
    stopped.cancellable = true;
    let mut config = config(80, 50);
    config.tools = [stopped].into();
    for is_written in [false, true] {
        let mut call = Scenario::new(config.clone());
        call.at(1_000).says(ASKS[0]).at(2_500).model_calls(&[("a", "book")]);
        let first = call.generation();
        call.feed(Input::Interrupt).at(4_500);
        (1..3).for_each(|number| turn(&mut call, number));
        let [(generation, transcript)] = &asked(&call)[..] else { panic!("{}", call.trace()) };
        assert!(transcript.contains("cancelled"), "{transcript}");
        let summary = summed_up(*generation, "A red car.");
        let output = "booked".into();
        let result = Input::ToolFinished { generation: first, id: "a".into(), output };
        let inputs = if is_written { [summary, result] } else { [result, summary] };
        inputs.into_iter().for_each(|input| _ = call.feed(input));
        let messages = call.session().messages();
        let [Message::Summary { .. }, .., Message::ToolCall(_), Message::ToolResult { output, .. }] =
            &messages[..]
        else {
            panic!("{messages:?}")
        };
        assert_eq!(&**output, "booked");
    }
}

#[test]
fn a_summary_that_fails_changes_nothing_and_is_tried_again_after_the_next_turn() {
    let (mut call, generation) = long_call();
    let before = call.session().messages();
    call.feed(Input::Summarized { generation, text: None, usage: None });
    call.feed(summed_up(generation, "too late"));
    assert_eq!((call.session().messages(), asked(&call).len()), (before.clone(), 1));
    turn(&mut call, 2);
    let [_, (second, transcript)] = &asked(&call)[..] else { panic!("{}", call.trace()) };
    assert!(transcript.contains(ASKS[1]), "{transcript}");
    for useless in [" ", &"longer than what it is of ".repeat(30)] {
        call.feed(summed_up(*second, useless));
        assert_eq!(call.session().messages()[..4], before[..]);
    }
}

#[test]
fn m18_what_a_summary_costs_is_told() {
    let (mut call, generation) = long_call();
    let usage = Some(Usage::new(900, 0, 90));
    call.feed(Input::Summarized { generation, text: Some("A car.".into()), usage });
    let told = events(&call).any(|(_, event)| {
        *event == Event::UsageReported { generation, usage: Usage::new(900, 0, 90) }
    });
    assert!(told, "{}", call.trace());
}

#[test]
fn messages_are_counted_where_there_is_a_limit_of_them() {
    let mut config = config(6_000, 2_000);
    let limits = config.summary.as_mut().unwrap();
    (limits.messages, limits.keep_messages) = (Some(5), 2);
    let mut call = Scenario::new(config);
    (0..2).for_each(|number| turn(&mut call, number));
    assert_eq!(asked(&call), [], "four messages are within the limit");
    turn(&mut call, 2);
    let [(generation, transcript)] = &asked(&call)[..] else { panic!("{}", call.trace()) };
    assert!(transcript.contains(ASKS[1]) && !transcript.contains(ASKS[2]), "{transcript}");
    call.feed(summed_up(*generation, "A red car."));
    assert_eq!(*call.session().messages(), [summary("A red car."), user(ASKS[2]), agent(SAYS)]);
    turn(&mut call, 3);
    assert_eq!(asked(&call).len(), 1, "a summary counts as one message");
}

#[test]
fn a_budget_that_leaves_nothing_to_sum_up_is_refused() {
    let error = config(50, 50).validate().unwrap_err();
    assert!(error.message().starts_with("field `summary.keep` is 50"), "{error}");
    config(51, 50).validate().unwrap();
    let mut counted = config(51, 50);
    let summary = counted.summary.as_mut().unwrap();
    (summary.messages, summary.keep_messages) = (Some(20), 20);
    let error = counted.validate().unwrap_err();
    assert!(error.message().starts_with("field `summary.keep_messages` is 20"), "{error}");
}
