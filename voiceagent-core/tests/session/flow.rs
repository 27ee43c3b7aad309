//! Tools that a flow offers, and those that it does not.

use voiceagent_core::{
    flow::{Generate, Plan},
    llm::Message,
    session::{Command, Input},
    tool::ToolSpec,
};
use voiceagent_testkit::scenario::Scenario;

use crate::presets::{phone, tool};

/// A user who has said a turn, which a flow plans with these tools; it is not over yet.
fn planned(tools: Vec<ToolSpec>) -> Scenario {
    let mut config = phone();
    config.tools = [tool("book"), tool("look")].into();
    config.speculation.enabled = true;
    config.flow = true;
    let mut call = Scenario::new(config);
    call.speaks().at(800).stops().hears("Book it.");
    let generation = call.generation();
    let plan = Some(Plan::from(Generate::new("Look it up.", tools)));
    call.feed(Input::Planned { generation, plan });
    call
}

#[test]
fn x14_a_draft_does_not_run_a_tool_that_its_plan_does_not_offer() {
    let mut call = planned(vec![tool("look")]);
    assert!(call.trace().contains("draft"), "{}", call.trace());
    call.model_calls(&[("a", "book")]).at(5_000);
    let runs = call.when(|command| matches!(command, Command::CallTool { .. }));
    assert_eq!(runs, None, "{}", call.trace());
}

#[test]
fn x6_a_tool_that_is_not_offered_is_answered_as_one_that_is_not_there() {
    let mut call = planned(vec![]);
    call.at(5_000).model_calls(&[("a", "book")]).at(6_000);
    let Some(Message::ToolResult { output, .. }) = call.asked().last().cloned() else {
        panic!("{}", call.trace())
    };
    assert!(output.contains("no tool named `book`"), "{output}");
}

#[test]
fn f5_an_answer_that_noises_cut_again_and_again_is_planned_once() {
    let mut config = phone();
    config.flow = true;
    let mut call = Scenario::text(config);
    call.at(0).says("Book it.").at(1_200);
    let generation = call.generation();
    let plan = Some(Plan::from(Generate::new("Look it up.", vec![])));
    call.feed(Input::Planned { generation, plan });
    for cut in 0..2 {
        call.at(1_200 + cut * 6_000).model("Here it is.").feed(Input::SttSpeechStarted);
    }
    call.at(13_000);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
    let plans = call.commands().iter().filter(|(_, it)| matches!(it, Command::Plan { .. }));
    assert_eq!(plans.count(), 1, "{}", call.trace());
}
