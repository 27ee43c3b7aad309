//! Answers that begin before the turn is over.

use voiceagent_core::{
    SessionConfig,
    audio::AudioFormat,
    llm::Message,
    session::{Command, Input},
    tool::{Effect, ToolSpec},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

fn config() -> SessionConfig {
    let mut read = ToolSpec::new("look", "Looks.", serde_json::json!({ "type": "object" }));
    read.effect = Effect::Pure;
    let write = ToolSpec::new("book", "Books.", serde_json::json!({ "type": "object" }));
    let mut config = SessionConfig::default();
    config.format = Some(AudioFormat::MULAW_8K);
    config.marks = true;
    config.vad = true;
    config.stt_finalize = true;
    config.tools = [read, write].into();
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
    assert_eq!(call.asked(), [Message::User { text: "Book it for Monday".into() }]);
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
    assert_eq!(
        *call.session().messages(),
        [
            Message::User { text: "Are you open?".into() },
            Message::Assistant { text: "Yes.".into(), interrupted: false }
        ]
    );
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
    config.endpointing.max_delay = std::time::Duration::from_secs(9);
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
    assert_eq!(call.asked(), [Message::User { text: "Look it up no, leave it".into() }]);
}
