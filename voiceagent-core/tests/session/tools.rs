//! Tools, above all around interruptions.

use std::sync::Arc;

use voiceagent_core::{
    Event, GenerationId, SessionConfig,
    flow::Plan,
    llm::{Message, ToolChoice},
    session::{Command, Input},
    tool::Repeat,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone, tool},
    readings::{agent, events, last_message, synthesized},
};

fn config() -> SessionConfig {
    let mut search = tool("search");
    search.cancellable = true;
    let mut config = phone();
    config.tools = [tool("book"), search].into();
    config
}

fn results(messages: &[Message]) -> Vec<(String, String)> {
    messages
        .iter()
        .filter_map(|message| match message {
            Message::ToolResult { id, output } => Some((id.to_string(), output.to_string())),
            _ => None,
        })
        .collect()
}

#[test]
fn x8_parallel_calls_run_at_once_and_the_model_is_asked_when_all_have_finished() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book both").at(2_000).model_calls(&[("a", "book"), ("b", "book")]);
    assert_eq!(call.trace().matches("call tool book").count(), 2);
    call.at(2_100).tool("b", "second");
    assert_eq!(call.times_asked(), 1);
    call.at(2_200).tool("a", "first");
    assert_eq!(call.times_asked(), 2);
    let asked = call.asked();
    assert_eq!(
        results(&asked),
        [("a".to_owned(), "first".to_owned()), ("b".to_owned(), "second".to_owned())]
    );
}

#[test]
fn the_sentence_before_a_tool_call_is_spoken_and_kept() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000);
    call.writes("Let me do that");
    call.model_calls(&[("a", "book")]);
    assert!(call.trace().contains("synthesize 1: Let me do that"), "{}", call.trace());
    call.at(2_100).voice("Let me do that", 700).at(3_000).tool("a", "ok").model(" It is booked.");
    let asked = call.asked();
    assert!(
        matches!(&asked[1], Message::Assistant { text, .. } if &**text == "Let me do that"),
        "{asked:?}"
    );
    call.voice(" It is booked.", 700).at(5_000);
    let messages = call.session().messages();
    let kinds: Vec<&str> = messages
        .iter()
        .map(|message| match message {
            Message::User { .. } => "user",
            Message::Assistant { .. } => "agent",
            Message::ToolCall(_) => "call",
            Message::ToolResult { .. } => "result",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["user", "agent", "call", "result", "agent"]);
}

#[test]
fn what_follows_a_tool_is_a_sentence_of_its_own() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000);
    call.writes("One moment.");
    call.model_calls(&[("a", "book")]).voice("One moment.", 700).tool("a", "ok");
    call.model("It is booked.");
    assert!(call.trace().contains("synthesize 1:  It is booked."), "{}", call.trace());
    call.voice(" It is booked.", 700).at(5_000);
    let said = call.trace();
    assert!(said.contains("One moment. It is booked."), "{said}");
    let kept = agent("It is booked.");
    assert_eq!(last_message(&mut call), kept);
}

#[test]
fn x1_a_tool_goes_on_when_the_user_interrupts_and_x2_its_result_is_kept() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000);
    let first = call.generation();
    call.feed(Input::LlmText { generation: first, text: "One moment, please. ".into() });
    call.model_calls(&[("a", "book")]).voice("One moment, please.", 2_000);
    call.at(2_600).says("Are you there?").at(4_000);
    assert!(call.trace().contains("interrupted"), "{}", call.trace());
    let asked = call.asked();
    assert!(results(&asked)[0].1.contains("still running"), "x3: {asked:?}");

    call.feed(Input::ToolFinished { generation: first, id: "a".into(), output: "booked".into() });
    assert_eq!(results(&call.session().messages()), [("a".to_owned(), "booked".to_owned())]);
    assert_eq!(call.trace().matches("call tool").count(), 1, "x4: it was not called again");
}

#[test]
fn x5_a_cancelled_tool_has_a_result_too() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Find it").at(2_000).model_calls(&[("a", "search")]);
    call.at(2_500).feed(Input::Interrupt);
    let messages = call.session().messages();
    assert!(results(&messages)[0].1.contains("cancelled"), "{messages:?}");
}

#[test]
fn x9_after_five_rounds_the_model_must_answer_in_words() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000);
    for round in 0..5 {
        let id = format!("call{round}");
        call.model_calls(&[(&id, "book")]).tool(&id, "again");
    }
    assert_eq!(call.times_asked(), 6);
    let last = call.commands().iter().rev().find_map(|(_, command)| match command {
        Command::Generate { tool_choice, .. } => Some(*tool_choice),
        _ => None,
    });
    assert_eq!(last, Some(ToolChoice::None));
    call.model_calls(&[("sixth", "book")]).at(3_000);
    assert!(!call.trace().contains("sixth"));
    assert!(call.trace().contains("I am sorry"), "never silence: {}", call.trace());
}

#[test]
fn law_7_a_result_after_the_call_is_recorded() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]);
    call.at(2_300).feed(Input::HungUp).at(2_500).tool("a", "booked");
    assert_eq!(results(&call.session().messages()), [("a".to_owned(), "booked".to_owned())]);
}

#[test]
fn t24_a_user_who_speaks_while_a_tool_runs_is_not_talked_over() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000);
    call.writes("One moment, please. ");
    call.model_calls(&[("a", "book")]).voice("One moment, please.", 800).at(3_000);
    let before = call.samples_sent();
    call.speaks().tool("a", "ok").model("It is booked.").voice("It is booked.", 800).at(3_500);
    assert_eq!(call.samples_sent(), before, "the user has the floor");
    call.stops().at(5_000);
    assert_eq!(call.samples_sent(), before + 6_400, "it was only a noise");
}

#[test]
fn h10_the_sentence_before_a_tool_is_kept_whole_when_the_tool_is_interrupted() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000);
    call.writes("Let me do that");
    call.model_calls(&[("a", "book")]).voice("Let me do that", 800).at(4_000);
    call.feed(Input::Interrupt);
    let messages = call.session().messages();
    assert!(
        matches!(&messages[1], Message::Assistant { text, .. } if &**text == "Let me do that"),
        "{messages:?}"
    );
}

#[test]
fn a_name_stands_for_one_tool_call_of_the_conversation() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("0", "book")]).tool("0", "first");
    call.model_calls(&[("0", "search"), ("0", "search"), ("0", "book")]);
    assert_eq!(call.trace().matches("call tool").count(), 3, "told twice is one call");
    call.tool("0-3", "third").tool("0-2", "second");
    assert_eq!(call.times_asked(), 3);
    let expected = [("0", "first"), ("0-2", "second"), ("0-3", "third")];
    let expected = expected.map(|(id, output)| (id.to_owned(), output.to_owned()));
    assert_eq!(results(&call.asked()), expected);
    call.model("Done.").voice("Done.", 300).at(3_000).at(4_000).says("Again").at(5_200);
    call.model_calls(&[("0", "book")]).tool("0-4", "fourth");
    assert_eq!(results(&call.asked()).len(), 4);
}

/// Calls of `book` in two answers, the first of which has a result or, if that is `None`, is
/// interrupted while its tool runs. Returns how many calls were made.
fn repeated(repeat: Repeat, result: Option<&str>) -> (Scenario, usize) {
    let mut config = config();
    let mut book = config.tools[0].clone();
    book.repeat = repeat;
    config.tools = [book].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]);
    match result {
        Some(result) => {
            call.tool("a", result).model("Done.").voice("Done.", 300).at(3_000);
        }
        None => {
            call.at(2_500);
        }
    }
    call.says("Book it").at(4_500).model_calls(&[("b", "book")]);
    let calls = call.trace().matches("call tool book").count();
    (call, calls)
}

#[test]
fn x13_a_repeated_call_is_rejected_unless_the_first_failed() {
    let (call, calls) = repeated(Repeat::Reject, Some("1"));
    assert_eq!(calls, 1, "{}", call.trace());
    assert!(results(&call.asked())[1].1.contains("not called again"), "{:?}", call.asked());
    assert_eq!(repeated(Repeat::Reject, None).1, 1, "it still runs");
    assert_eq!(repeated(Repeat::Reject, Some(r#"{"error":"full"}"#)).1, 2, "nothing was done");
}

#[test]
fn x13_a_repeated_call_runs_again_where_that_is_allowed() {
    assert_eq!(repeated(Repeat::Allow, Some("1")).1, 2);
    assert_eq!(repeated(Repeat::Allow, None).1, 2);
}

#[test]
fn x13_a_repeated_call_takes_the_place_of_the_one_that_runs() {
    let (mut call, calls) = repeated(Repeat::Replace, None);
    assert_eq!(calls, 2);
    assert!(call.trace().contains("cancel tool a"), "{}", call.trace());
    assert!(results(&call.session().messages())[0].1.contains("stopped"));
    let (call, calls) = repeated(Repeat::Replace, Some("1"));
    assert_eq!(calls, 2);
    assert!(!call.trace().contains("cancel tool"), "{}", call.trace());
}

#[test]
fn x13_a_repeated_call_runs_once_the_user_can_have_been_asked() {
    let (mut call, calls) = repeated(Repeat::Confirm, Some("1"));
    assert_eq!(calls, 1);
    assert!(results(&call.asked())[1].1.contains("ask the user"), "{:?}", call.asked());
    call.model_calls(&[("c", "book")]);
    assert_eq!(call.trace().matches("call tool book").count(), 1, "nobody was asked yet");
    call.model("Again?").voice("Again?", 300).at(6_000).says("Yes").at(7_500);
    call.model_calls(&[("d", "book")]);
    assert_eq!(call.trace().matches("call tool book").count(), 2, "{}", call.trace());
}

#[test]
fn x13_another_tool_with_the_same_arguments_is_no_repetition() {
    let mut config = config();
    let mut tools = config.tools.to_vec();
    for tool in &mut tools {
        tool.repeat = Repeat::Reject;
    }
    config.tools = tools.into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "search"), ("b", "book")]);
    assert_eq!(call.trace().matches("call tool").count(), 2, "{}", call.trace());
}

#[test]
fn x7_a_tool_that_never_answers_is_given_up_and_a_later_result_still_counts() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]).at(12_999);
    assert_eq!(call.times_asked(), 1);
    call.at(13_000);
    assert_eq!(call.times_asked(), 2, "10 s and a second: {}", call.trace());
    assert!(results(&call.asked())[0].1.contains("in time"), "{:?}", call.asked());
    assert!(call.trace().contains("cancel tool a"), "{}", call.trace());
    call.model("I do not know.").voice("I do not know.", 500).at(14_000);
    call.feed(Input::ToolFinished {
        generation: GenerationId::new(1),
        id: "a".into(),
        output: "booked".into(),
    });
    assert_eq!(results(&call.session().messages()), [("a".to_owned(), "booked".to_owned())]);
    call.at(60_000);
    assert_eq!(call.times_asked(), 2, "it was told that nothing is known");
}

/// A call whose agent has said that it ordered two things, which arrive later.
fn ordering() -> (Scenario, GenerationId) {
    ordering_with(false)
}

fn ordering_with(drafts: bool) -> (Scenario, GenerationId) {
    let mut config = config();
    config.speculation.enabled = drafts;
    let mut order = config.tools[0].clone();
    (order.name, order.detached) = ("order".into(), true);
    config.tools = [order].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Order both").at(2_000);
    let generation = call.generation();
    call.model_calls(&[("a", "order"), ("b", "order")]);
    assert_eq!(call.times_asked(), 2, "nobody waits for them: {}", call.trace());
    let told = results(&call.asked());
    assert!(told[0].1.contains("background") && told[1].1.contains("background"), "{told:?}");
    call.model("I have ordered both.").voice("I have ordered both.", 1_000);
    (call, generation)
}

fn arrives(generation: GenerationId, id: &str) -> Input {
    Input::ToolFinished { generation, id: id.into(), output: format!("{id} is here").into() }
}

#[test]
fn x12_late_results_wait_for_silence_and_are_told_together() {
    let (mut call, generation) = ordering();
    call.at(2_500).feed(arrives(generation, "b"));
    assert_eq!(call.times_asked(), 2, "the agent speaks");
    call.at(2_900).speaks().at(3_100).feed(arrives(generation, "a")).at(3_500);
    assert_eq!(call.times_asked(), 2, "the user speaks");
    call.stops().at(4_299);
    assert_eq!(call.times_asked(), 2, "words may come: {}", call.trace());
    call.at(4_300);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
    let asked = call.asked();
    let [.., Message::ToolResult { .. }, Message::ToolResult { .. }] = &asked[..] else {
        panic!("they are the latest that happened: {asked:?}")
    };
    assert_eq!(results(&asked).len(), 2, "x5: {asked:?}");
    call.model("Both are here.").voice("Both are here.", 500).at(60_000);
    assert_eq!(call.times_asked(), 3, "once");
    assert!(call.trace().contains("agent stopped: Both are here."), "{}", call.trace());
}

#[test]
fn x12_a_turn_that_is_answered_first_tells_the_late_results() {
    let (mut call, generation) = ordering();
    call.at(4_000).speaks().at(4_300).feed(arrives(generation, "a")).at(4_800).stops();
    call.hears("What about it?").at(6_000);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
    let asked = call.asked();
    assert!(matches!(&asked[asked.len() - 3], Message::User { .. }), "{asked:?}");
    assert!(matches!(asked.last(), Some(Message::ToolResult { .. })), "{asked:?}");
    call.model("One is here.").voice("One is here.", 500).at(10_000);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
}

#[test]
fn x12_a_draft_that_was_begun_without_a_late_result_is_not_the_answer() {
    let (mut call, generation) = ordering_with(true);
    call.at(4_000).speaks().at(4_300).feed(arrives(generation, "a")).at(4_750);
    call.hears("What about it?").at(4_800).stops().at(6_000);
    let asked = call.asked();
    assert!(call.trace().contains("draft dropped"), "{}", call.trace());
    assert!(matches!(asked.last(), Some(Message::ToolResult { .. })), "{asked:?}");
    let times = call.times_asked();
    call.model("One is here.").voice("One is here.", 500).at(10_000);
    assert_eq!(call.times_asked(), times, "it was told: {}", call.trace());
}

#[test]
fn x12_a_result_whose_answer_was_superseded_is_told_too() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]);
    let generation = call.generation();
    call.at(2_500).says("Are you there?").at(4_000).model("Yes.").voice("Yes.", 300).at(6_000);
    assert_eq!(call.times_asked(), 2);
    call.feed(Input::ToolFinished { generation, id: "a".into(), output: "booked".into() });
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
    assert_eq!(results(&call.asked()), [("a".to_owned(), "booked".to_owned())]);
}

#[test]
fn x12_a_result_is_not_told_when_the_owner_of_the_call_stopped_the_answer() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]);
    call.at(2_500).feed(Input::Interrupt).at(3_000).tool("a", "booked").at(9_000);
    assert_eq!(call.times_asked(), 1, "{}", call.trace());
    assert_eq!(results(&call.session().messages()), [("a".to_owned(), "booked".to_owned())]);
}

#[test]
fn x14_and_p6_a_tool_waits_while_the_user_holds_the_floor() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).speaks().model_calls(&[("a", "book")]).at(2_400);
    assert!(!call.trace().contains("call tool"), "{}", call.trace());
    call.stops().at(3_199);
    assert!(!call.trace().contains("call tool"), "words may come: {}", call.trace());
    call.at(3_200);
    assert!(call.trace().contains("  3200 call tool book"), "a noise: {}", call.trace());

    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).speaks().model_calls(&[("a", "book")]).at(2_400);
    call.stops().hears("no, do not").at(4_000);
    assert!(!call.trace().contains("call tool"), "p6: {}", call.trace());
}

#[test]
fn x15_a_tool_that_outlives_its_answer_is_reported() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]);
    call.at(2_500).feed(Input::Interrupt).at(3_000).tool("a", "booked");
    let told: Vec<_> = events(&call)
        .filter_map(|(_, event)| match event {
            Event::ToolFinished { name, after, .. } => Some((name.to_string(), after.as_millis())),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("book".to_owned(), 1_000)]);
}

#[test]
fn x16_a_transfer_that_a_tool_asked_for_is_carried_out_though_interrupted() {
    let mut config = config();
    config.transfer = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("A human, please").at(2_000).model_calls(&[("a", "book")]);
    call.feed(Input::Transfer { to: "desk".into() }).at(2_500).feed(Input::Interrupt);
    call.at(3_000).tool("a", "handed over").feed(Input::Transferred);
    assert_eq!(call.trace().matches("transfer to desk").count(), 1, "{}", call.trace());
    assert!(call.trace().contains("ended: Transferred"), "{}", call.trace());
    assert_eq!(results(&call.session().messages()).len(), 1);
}

#[test]
fn x21_a_transfer_goes_to_a_configured_target_only() {
    let mut config = config();
    config.flow = true;
    config.transfer = true;
    config.transfer_targets = Some([Arc::from("desk")].into());
    let mut call = Scenario::new(config);
    call.at(500).feed(Input::Transfer { to: "+19005550100".into() });
    assert!(call.trace().contains("failed: Transport"), "it is reported: {}", call.trace());
    call.at(1_000).says("A human, please").at(2_000);
    let generation = call.generation();
    let plan = Some(Plan::Transfer { to: "+19005550100".into(), announcement: None });
    call.feed(Input::Planned { generation, plan }).at(2_500);
    assert!(call.trace().contains("I am sorry"), "{}", call.trace());
    assert!(!call.trace().contains("transfer to"), "{}", call.trace());
    call.feed(Input::Interrupt).feed(Input::Transfer { to: "desk".into() });
    assert!(call.trace().contains("transfer to desk"), "{}", call.trace());
}

#[test]
fn x19_a_call_that_the_model_writes_as_text_is_not_spoken() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000);
    let generation = call.generation();
    for text in ["Yes, I do that now. <tool", "_call>{\"name\":\"book\"}</tool", "_call> Done."] {
        call.feed(Input::LlmText { generation, text: text.into() });
    }
    call.model("");
    let said = synthesized(&call);
    assert_eq!(said, "Yes, I do that now.  Done.");

    let mut call = Scenario::new(config());
    let written = "{\"name\":\"book\",\"arguments\":{}}";
    call.at(1_000).says("Book it").at(2_000).model(written).model(written);
    assert!(call.trace().contains("I am sorry"), "never silence: {}", call.trace());
}

#[test]
fn x14_a_call_waits_for_the_words_of_a_noise_and_not_for_ever() {
    let mut config = config();
    config.endpointing.manual = true;
    let patience = u64::try_from(config.endpointing.transcript_timeout.as_millis()).unwrap();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it").feed(Input::CommitTurn).at(3_000).speaks().at(3_400).stops();
    call.model_calls(&[("a", "book")]).at(60_000);
    let called = call.when(|command| matches!(command, Command::CallTool { .. }));
    assert_eq!(called, Some(3_200 + patience), "{}", call.trace());
}

#[test]
fn x12_that_a_tool_of_an_earlier_answer_is_overdue_is_told_late() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]).at(3_000);
    call.says("What time is it?").at(4_900).model("Ten.").voice("Ten.", 300).at(12_999);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    call.at(13_001);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
}
