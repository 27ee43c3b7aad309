//! Answers that begin before the turn is over.

use std::time::Duration;

use voiceagent_core::{
    Event, SessionConfig,
    flow::{Generate, Plan},
    llm::Message,
    session::{Command, Input},
    tool::Effect,
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone_with_finalize, tool},
    readings::{agent, events, last_message, user},
};

fn config() -> SessionConfig {
    let mut look = tool("look");
    look.effect = Effect::Pure;
    let mut config = phone_with_finalize();
    config.speculation.enabled = true;
    config.tools = [look, tool("book")].into();
    config
}

fn first_audio(call: &Scenario) -> Option<u64> {
    call.when(|command| matches!(command, Command::Send { outbound: Outbound::Audio(_) }))
}

#[test]
fn p1_a_draft_begins_with_the_final_and_p7_is_heard_when_the_turn_is_over() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_750).hears("Are you open?").at(1_800).stops();
    assert!(call.trace().contains("  1750 draft started 1"), "{}", call.trace());
    call.model("Yes, we are.").at(1_850).voice("Yes, we are.", 800).at(1_899);
    assert_eq!(first_audio(&call), None);
    call.at(1_900);
    assert_eq!(first_audio(&call), Some(1_900), "at the moment the turn was over");
    assert_eq!(call.times_asked(), 1);
}

#[test]
fn p4_a_draft_for_other_words_is_dropped_unheard() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_750).hears("Book it").model("Done.").voice("Done.", 500);
    call.at(2_200).hears("for Monday").at(2_400).stops().at(4_000);
    assert!(call.trace().contains("draft dropped 1"), "{}", call.trace());
    assert_eq!(first_audio(&call), None);
    assert_eq!(call.asked(), [user("Book it for Monday")]);
    assert!(!call.trace().contains("interrupted"), "p8: a dropped draft is no interruption");
}

#[test]
fn p8_a_draft_that_is_open_when_the_caller_leaves_is_dropped_before_the_end() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_750).hears("Are you open?").model("Yes.");
    call.feed(Input::HungUp);
    let trace = call.trace();
    let dropped = trace.find("draft dropped 1").expect("the draft was dropped");
    assert!(trace[dropped..].contains("ended"), "{trace}");
}

#[test]
fn p10_the_users_words_are_written_down_once() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(1_850).model("Yes.").voice("Yes.", 300).at(3_000);
    assert_eq!(*call.session().messages(), [user("Are you open?"), agent("Yes.")]);
}

#[test]
fn p6_a_tool_that_changes_something_waits_for_the_turn_to_be_over() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(1_850).model_calls(&[("a", "look"), ("b", "book")]);
    assert!(call.trace().contains("  1850 call tool look"));
    assert!(!call.trace().contains("call tool book"));
    call.at(2_000);
    assert!(call.trace().contains("  1900 call tool book"), "{}", call.trace());
    call.tool("a", "1").tool("b", "2");
    assert_eq!(call.times_asked(), 2);
}

#[test]
fn p6_a_detached_tool_waits_for_it_too_though_it_changes_nothing() {
    let mut config = config();
    let mut look = config.tools[0].clone();
    look.detached = true;
    config.tools = [look].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Look").at(1_850).model_calls(&[("a", "look")]).at(2_000);
    assert!(call.trace().contains("  1900 call tool look"), "{}", call.trace());
}

#[test]
fn x11_a_filler_is_waited_for_from_the_end_of_the_turn_though_its_draft_has_called_before() {
    let mut config = config();
    config.tool_use.fillers = ["One moment, please.".into()].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Look").at(1_850).model_calls(&[("a", "look")]).at(4_000);
    assert!(call.trace().contains("  1850 call tool look"), "{}", call.trace());
    assert!(call.trace().contains("  2800 synthesize 2: One moment"), "{}", call.trace());
}

#[test]
fn x14_a_held_tool_never_runs_for_a_draft_that_is_dropped() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_750).hears("Book it").model_calls(&[("b", "book")]);
    call.at(2_200).hears("no do not").at(2_400).stops().at(4_000);
    assert!(!call.trace().contains("call tool"), "{}", call.trace());
}

#[test]
fn p2_a_turn_costs_no_more_drafts_than_allowed() {
    let mut config = config();
    config.speculation.max_drafts = 2;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks();
    for (at, words) in [(1_500, "one"), (2_000, "two"), (2_500, "three"), (3_000, "four")] {
        call.at(at).hears(words);
    }
    assert_eq!(call.times_asked(), 2);
    call.at(3_200).stops().at(5_000);
    assert_eq!(call.times_asked(), 3, "the turn itself is always answered");
}

#[test]
fn t15_a_resumed_turn_drops_the_draft() {
    let mut config = config();
    config.stt_end_of_turn = true;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_700).interim("Book it").feed(Input::EagerEndOfTurn);
    assert!(call.trace().contains("draft started 1"));
    call.at(1_900).feed(Input::TurnResumed);
    assert!(call.trace().contains("draft dropped 1"));
    call.at(2_500).interim("Book it for noon").feed(Input::EagerEndOfTurn).at(2_700).stops();
    call.hears("Book it for noon").feed(Input::EndOfTurn).at(2_800);
    assert!(call.trace().contains("  2700 user turn: Book it for noon"), "{}", call.trace());
    assert_eq!(call.times_asked(), 2, "the second draft was kept");
}

#[test]
fn p4_a_draft_for_words_that_were_none_is_dropped_with_their_turn() {
    let mut config = config();
    config.stt_end_of_turn = true;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_700).interim("Book it").feed(Input::EagerEndOfTurn);
    assert!(call.trace().contains("draft started 1"), "{}", call.trace());
    call.at(1_800).stops().hears("").at(6_000);
    assert!(call.trace().contains("turn dropped"), "{}", call.trace());
    assert!(call.trace().contains("draft dropped 1"), "{}", call.trace());
    assert!(!call.trace().contains("user turn"), "{}", call.trace());
    call.says("Are you open?").feed(Input::EndOfTurn).at(8_000);
    assert_eq!(call.asked(), [user("Are you open?")]);
}

#[test]
fn speculation_can_be_turned_off() {
    let mut config = config();
    config.speculation.enabled = false;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Are you open?").at(1_899);
    assert_eq!(call.times_asked(), 0);
    call.at(1_900);
    assert_eq!(call.times_asked(), 1);
}

#[test]
fn p7_a_draft_is_held_however_long_its_turn_takes() {
    let mut config = config();
    config.stt_end_of_turn = true;
    config.endpointing.max_delay = Duration::from_secs(9);
    let mut call = Scenario::new(config);
    call.at(1_000).says("Are you open?").feed(Input::EagerEndOfTurn);
    call.model("Yes, we are.").voice("Yes, we are.", 500).at(10_599);
    assert_eq!(first_audio(&call), None);
    call.at(10_600);
    assert_eq!(first_audio(&call), Some(10_600));
}

#[test]
fn p3_a_dropped_draft_leaves_no_tool_call_in_the_conversation() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_750).hears("Look it up").model_calls(&[("a", "look")]);
    assert!(call.trace().contains("call tool look"), "it has no effect: {}", call.trace());
    call.tool("a", "found").at(2_200).hears("no, leave it").at(2_400).stops().at(4_000);
    assert_eq!(call.asked(), [user("Look it up no, leave it")]);
}

#[test]
fn p2_no_draft_begins_in_a_very_long_turn_or_while_the_agent_speaks() {
    let mut config = config();
    config.speculation.max_turn = Some(Duration::from_secs(3));
    let mut call = Scenario::new(config.clone());
    call.at(1_000).speaks().at(3_940).hears("I have been thinking");
    assert_eq!(call.times_asked(), 1, "three seconds are not too long: {}", call.trace());
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(3_000).hears("I have been thinking");
    assert_eq!(call.times_asked(), 1);
    call.at(4_500).hears("about my car");
    assert_eq!(call.times_asked(), 1, "{}", call.trace());
    call.at(4_700).stops().at(6_000).model("I see.").voice("I see.", 1_000);
    assert_eq!(call.times_asked(), 2, "the turn itself is always answered");
    call.at(6_100).speaks().at(6_150).hears("and");
    assert_eq!(call.times_asked(), 2, "the agent speaks: {}", call.trace());
}

#[test]
fn p4_a_draft_is_kept_when_a_number_is_spelled_otherwise() {
    let mut config = config();
    config.stt_end_of_turn = true;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_700).interim("at twenty five").feed(Input::EagerEndOfTurn);
    call.at(1_800).stops().hears("At 25.").feed(Input::EndOfTurn).at(2_500);
    assert_eq!(call.times_asked(), 1, "{}", call.trace());
    assert!(!call.trace().contains("draft dropped"), "{}", call.trace());
}

#[test]
fn p4_a_draft_does_not_survive_a_change_of_the_conversation() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Book it").at(2_000).model_calls(&[("a", "book")]);
    let generation = call.generation();
    call.at(2_100).feed(Input::Interrupt).at(3_000).speaks().at(3_700).hears("Is it booked?");
    assert!(call.trace().contains("draft started 2"), "{}", call.trace());
    call.feed(Input::ToolFinished { generation, id: "a".into(), output: "booked".into() });
    call.at(3_800).stops().at(4_500);
    assert!(call.trace().contains("draft dropped 2"), "{}", call.trace());
    let asked = call.asked();
    assert!(
        asked.iter().any(
            |message| matches!(message, Message::ToolResult { output, .. } if &**output == "booked")
        ),
        "{asked:?}"
    );
}

fn with_flow() -> SessionConfig {
    let mut config = config();
    config.flow = true;
    config.stt_end_of_turn = true;
    config
}

fn planned(call: &mut Scenario, answer: Generate) {
    let generation = call.generation();
    call.feed(Input::Planned { generation, plan: Some(answer.into()) });
}

#[test]
fn p5_the_flow_is_told_the_final_words() {
    let mut call = Scenario::new(with_flow());
    call.at(1_000).speaks().at(1_700).interim("at ten").feed(Input::EagerEndOfTurn);
    planned(&mut call, Generate::new("Answer.", []));
    call.at(1_800).stops().hears("At 10.").feed(Input::EndOfTurn).at(2_500);
    let told = call.commands().iter().find_map(|(_, command)| match command {
        Command::CommitPlan { text, .. } => Some(text.to_string()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some("At 10."), "{}", call.trace());
    assert_eq!(call.times_asked(), 1, "the draft was kept");
}

#[test]
fn p5_a_draft_does_not_survive_an_edit_of_other_words() {
    let mut call = Scenario::new(with_flow());
    call.at(1_000).speaks().at(1_700).interim("at ten").feed(Input::EagerEndOfTurn);
    planned(&mut call, Generate::new("Answer.", []).with_edit("AT TEN"));
    assert_eq!(call.asked(), [user("AT TEN")]);
    call.at(1_800).stops().hears("At 10.").feed(Input::EndOfTurn).at(2_500);
    assert!(call.trace().contains("draft dropped 1"), "{}", call.trace());
    assert_eq!(call.trace().matches("plan ").count(), 2, "{}", call.trace());
}

#[test]
fn t23_an_edit_stands_in_the_place_of_the_users_words() {
    for draft in [true, false] {
        let mut config = with_flow();
        config.speculation.enabled = draft;
        let mut call = Scenario::new(config);
        call.at(1_000).says("My card is 4111").feed(Input::EndOfTurn).at(2_500);
        planned(&mut call, Generate::new("Answer.", []).with_edit("My card is [hidden]"));
        call.at(3_000);
        let expected = [user("My card is [hidden]")];
        assert_eq!(call.asked(), expected, "draft: {draft}");
        assert_eq!(*call.session().messages(), expected, "draft: {draft}");
    }
}

#[test]
fn t23_a_flow_may_refuse_to_answer_and_m4_its_time_is_told() {
    let mut call = Scenario::new(with_flow());
    call.at(1_000).says("Hm").feed(Input::EndOfTurn).at(2_100);
    let generation = call.generation();
    call.feed(Input::Planned { generation, plan: Some(Plan::Stay) }).at(9_000);
    assert!(!call.trace().contains("agent started"), "{}", call.trace());
    assert_eq!(*call.session().messages(), [user("Hm")]);
    let after = events(&call).find_map(|(_, event)| match event {
        Event::Planned { after, .. } => Some(after.as_millis()),
        _ => None,
    });
    assert_eq!(after, Some(300), "{}", call.trace());
    call.says("Are you open?").feed(Input::EndOfTurn).at(11_000);
    planned(&mut call, Generate::new("Answer.", []));
    assert_eq!(call.times_asked(), 1, "the next turn is answered");
}

#[test]
fn p7_drafts_can_be_kept_from_the_voice() {
    let mut config = config();
    config.speculation.synthesis = false;
    config.stt_end_of_turn = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Are you open?").model("Yes, we are open. Do come.").at(4_000);
    assert!(call.trace().contains("draft started"), "{}", call.trace());
    assert!(!call.trace().contains("synthesize"), "{}", call.trace());
    call.feed(Input::EndOfTurn);
    assert!(call.trace().contains("  4000 synthesize"), "{}", call.trace());
    assert_eq!(call.times_asked(), 1);
    call.voice("Yes, we are open. Do come.", 1_000).at(6_000);
    assert!(call.trace().contains("agent stopped: Yes, we are open. Do come."), "{}", call.trace());
}

#[test]
fn p2_no_draft_begins_without_words_or_when_the_agent_leaves() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_500).feed(Input::EagerEndOfTurn);
    assert_eq!(call.times_asked(), 0, "nothing was understood");

    let mut call = Scenario::new(config());
    call.feed(Input::Say { text: "Goodbye!".into(), interruptible: true }).feed(Input::HangUp);
    call.voice("Goodbye!", 1_000).at(900).speaks().at(1_900).stops().hears("Wait, one thing.");
    call.at(9_000);
    assert_eq!(call.times_asked(), 0, "{}", call.trace());
    let said = user("Wait, one thing.");
    assert_eq!(last_message(&mut call), said, "{}", call.trace());
}

#[test]
fn p3_a_draft_that_says_nothing_waits_for_its_turn() {
    let mut config = config();
    config.flow = true;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_500).hears("Thanks.");
    let generation = call.generation();
    call.feed(Input::Planned { generation, plan: Some(Plan::Stay) }).at(1_800).stops().at(4_000);
    let trace = call.trace();
    assert_eq!(trace.matches("plan ").count(), 1, "the draft still fits: {trace}");
}

#[test]
fn p2_the_drafts_of_one_turn_are_not_counted_in_the_next() {
    let mut config = config();
    config.speculation.max_drafts = 1;
    let mut call = Scenario::new(config);
    for at in [1_000, 6_000, 11_000] {
        call.at(at).says("Are you open?").at(at + 850).model("Yes.").voice("Yes.", 300);
    }
    call.at(16_000);
    assert_eq!(call.trace().matches("draft started").count(), 3, "{}", call.trace());
}
