//! Tools, above all around interruptions.

use voiceagent_core::{
    SessionConfig,
    audio::AudioFormat,
    llm::{Message, ToolChoice},
    session::{Command, Input},
    tool::ToolSpec,
};
use voiceagent_testkit::scenario::Scenario;

fn config() -> SessionConfig {
    let object = serde_json::json!({ "type": "object" });
    let book = ToolSpec::new("book", "Books.", object.clone());
    let mut search = ToolSpec::new("search", "Searches.", object);
    search.cancellable = true;
    let mut config = SessionConfig::default();
    config.format = Some(AudioFormat::MULAW_8K);
    config.marks = true;
    config.vad = true;
    config.speculation.enabled = false;
    config.tools = [book, search].into();
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
    let generation = call.generation();
    call.feed(Input::LlmText { generation, text: "Let me do that".into() });
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
fn x17_an_end_call_tool_lets_the_model_say_goodbye() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Bye").at(2_000).model_calls(&[("a", "book")]).feed(Input::HangUp);
    call.at(2_100).tool("a", "ok").model("Goodbye, have a nice day!").at(2_200);
    call.voice("Goodbye, have a nice day!", 1_000).at(4_000);
    assert!(call.trace().contains("agent stopped: Goodbye, have a nice day!"));
    assert!(call.trace().contains("ended: AgentHungUp"));
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
    let generation = call.generation();
    call.feed(Input::LlmText { generation, text: "One moment, please. ".into() });
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
    let generation = call.generation();
    call.feed(Input::LlmText { generation, text: "Let me do that".into() });
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
