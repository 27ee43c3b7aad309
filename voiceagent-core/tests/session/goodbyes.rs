//! Tools that end the call, and the last words of the model that calls them.

use std::time::Duration;

use voiceagent_core::{
    SessionConfig,
    session::{Input, OwedReplyConfig},
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone, phone_with_finalize, tool},
    readings::user,
};

fn config() -> SessionConfig {
    let mut config = phone();
    config.tools = [tool("book")].into();
    config
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
fn x17_a_model_that_says_goodbye_with_its_end_call_is_not_asked_again() {
    let hang_up = |generation, id: &str| Input::HangUpByTool { generation, id: id.into() };
    let mut call = Scenario::new(config());
    call.at(1_000).says("Bye").at(2_000).writes("Goodbye, have a nice day!");
    let generation = call.model_calls(&[("a", "book")]).generation();
    call.feed(hang_up(generation, "a")).at(2_100).tool("a", "ok");
    assert_eq!(call.times_asked(), 1, "{}", call.trace());
    call.voice("Goodbye, have a nice day!", 1_000).at(4_000);
    assert!(call.trace().contains("agent stopped: Goodbye, have a nice day!"), "{}", call.trace());
    assert!(call.trace().contains("ended: AgentHungUp"), "{}", call.trace());

    // What else it has called is to be told, and so is what comes of a call of the owner's.
    let mut busy = Scenario::new(config());
    busy.at(1_000).says("Book it, bye").at(2_000).writes("Goodbye!");
    let generation = busy.model_calls(&[("a", "book"), ("b", "book")]).generation();
    busy.feed(hang_up(generation, "a")).at(2_100).tool("a", "ok").tool("b", "booked");
    assert_eq!(busy.times_asked(), 2, "{}", busy.trace());
    let mut owner = Scenario::new(config());
    owner.at(1_000).says("Book it").at(2_000).writes("One moment.");
    owner.model_calls(&[("a", "book")]).feed(Input::HangUp).at(2_100).tool("a", "booked");
    assert_eq!(owner.times_asked(), 2, "{}", owner.trace());
}

#[test]
fn x17_words_of_an_earlier_round_or_of_the_line_are_no_goodbye() {
    let mut config = config();
    config.owed_reply = Some(OwedReplyConfig::new(Duration::from_secs(1), "One moment."));
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it, bye").at(2_000).writes("I will.").model_calls(&[("a", "book")]);
    call.at(2_100).tool("a", "booked").voice("I will.", 300).at(4_500);
    assert!(call.trace().contains("One moment."), "{}", call.trace());
    let generation = call.model_calls(&[("b", "book")]).generation();
    call.feed(Input::HangUpByTool { generation, id: "b".into() }).tool("b", "ok");
    assert_eq!(call.times_asked(), 3, "{}", call.trace());
}

#[test]
fn d3_last_words_are_awaited_again_after_a_goodbye_that_was_taken_back() {
    let mut config = phone_with_finalize();
    config.farewell.reopen = true;
    let mut call = Scenario::new(config);
    let bye = |call: &mut Scenario, at: u64| {
        call.at(at).feed(Input::Say { text: "Bye!".into(), interruptible: true });
        call.feed(Input::HangUp).at(at + 200).voice("Bye!", 500);
    };
    bye(&mut call, 500);
    // The turn is over before the wait for its last words is.
    call.at(1_000).speaks().at(1_500).interim("Wait, my tires!").at(1_800).stops();
    call.feed(Input::EndOfTurn).at(3_500).model("Ready.").voice("Ready.", 500);
    bye(&mut call, 12_000);
    call.at(12_600).speaks().at(13_500).stops().at(13_900).hears("And my brakes?").at(15_000);
    assert!(!call.trace().contains("ended"), "{}", call.trace());
    assert_eq!(call.asked().last(), Some(&user("And my brakes?")));
}
