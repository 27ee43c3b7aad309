//! Results that come when no answer waits for them any more: when they are told, and whether.

use std::time::Duration;

use voiceagent_core::{
    Event, GenerationId, SessionConfig,
    llm::Message,
    session::{Command, IdlePrompt, Input},
    turn::Expected,
};
use voiceagent_testkit::scenario::Scenario;

use crate::presets::{phone_with_finalize, tool};

/// An agent who has said from 2,000 to 3,000 ms that it ordered something, which arrives later.
fn ordering(mut config: SessionConfig) -> (Scenario, GenerationId) {
    let mut order = tool("order");
    order.detached = true;
    order.timeout = Duration::from_secs(600);
    config.tools = [order].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Order one").at(2_000);
    let generation = call.generation();
    call.model_calls(&[("a", "order")]).model("It is ordered.").voice("It is ordered.", 1_000);
    (call, generation)
}

fn arrives(generation: GenerationId) -> Input {
    Input::ToolFinished { generation, id: "a".into(), output: "it is here".into() }
}

fn is_told(messages: &[Message]) -> bool {
    let here = |message: &Message| matches!(message, Message::ToolResult { output, .. } if &**output == "it is here");
    messages.iter().any(here)
}

#[test]
fn x12_a_late_result_is_told_in_a_noise_that_never_ends() {
    let (mut call, generation) = ordering(phone_with_finalize());
    call.at(5_000).speaks().at(8_000).feed(arrives(generation)).at(9_939);
    assert_eq!(call.times_asked(), 2, "the noise may be a user: {}", call.trace());
    call.at(9_940);
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
    assert!(is_told(&call.asked()));
    call.model("It is here.").voice("It is here.", 500).at(60_000);
    assert!(call.trace().contains("agent stopped: It is here."), "{}", call.trace());
    assert_eq!(call.times_asked(), 3, "once");
}

#[test]
fn u2_nobody_is_idle_while_a_late_result_waits_to_be_told() {
    let mut config = phone_with_finalize();
    let after = Duration::from_secs(8);
    config.idle.prompts = [IdlePrompt::new(after, "Are you still there?")].into();
    config.idle.hang_up_after = Some(Duration::from_secs(5));
    let (mut call, generation) = ordering(config);
    call.at(9_000).speaks().at(10_900).feed(arrives(generation)).at(14_000);
    let asked =
        |command: &Command| matches!(command, Command::Emit { event: Event::IdlePrompted { .. } });
    assert_eq!(call.when(asked), None, "{}", call.trace());
    call.model("It is here.").voice("It is here.", 1_000).at(23_000);
    assert_eq!(call.when(asked), Some(23_000), "{}", call.trace());
}

#[test]
fn x12_a_late_result_waits_until_the_user_has_said_all_of_a_number() {
    let (mut call, generation) = ordering(phone_with_finalize());
    call.feed(Input::Expect { what: Some(Expected::Phone) });
    call.at(5_000).speaks().at(5_800).stops().hears("four one five");
    call.at(6_000).feed(arrives(generation)).at(9_500);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    call.at(12_000);
    assert_eq!(call.times_asked(), 3, "the turn and the result are told together");
    assert!(is_told(&call.asked()), "{}", call.trace());
}

#[test]
fn d2_a_late_result_that_comes_during_the_goodbye_is_written_down_and_not_told() {
    let (mut call, generation) = ordering(phone_with_finalize());
    call.at(5_000).feed(Input::Say { text: "Goodbye!".into(), interruptible: true });
    call.feed(Input::HangUp).at(5_200).voice("Goodbye!", 1_000).at(5_500);
    call.feed(arrives(generation)).at(60_000);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    assert!(call.trace().contains("  6200 ended: AgentHungUp"), "{}", call.trace());
    assert!(is_told(&call.session().messages()), "it is written down");
}
