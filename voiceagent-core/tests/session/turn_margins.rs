//! Turns at their margins: what counts into them, and what is too little to change them.

use std::time::Duration;

use voiceagent_core::{
    CallTime, GenerationId,
    session::{Command, Input, OwedReplyConfig},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone_with_finalize, tool},
    readings::{turns, user},
};

#[test]
fn t29_time_is_counted_until_the_agent_really_speaks() {
    let mut config = phone_with_finalize();
    config.endpointing.max_turn = Some(Duration::from_secs(6));
    let mut call = Scenario::new(config);
    call.at(1_060).speaks().at(5_200).stops().hears("I do not know").at(7_000);
    assert_eq!(turns(&call), ["5300 I do not know"], "{}", call.trace());
    // 4.3 s went by until that turn was taken.
    call.at(7_060).speaks().at(8_000).interim("what to").at(12_000);
    assert_eq!(turns(&call)[1..], ["8700 what to"], "{}", call.trace());
}

#[test]
fn t6_the_final_of_a_turn_that_was_taken_early_is_known_while_the_voice_goes_on() {
    let mut config = phone_with_finalize();
    config.endpointing.max_turn = Some(Duration::from_secs(6));
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_500).interim("hello").at(5_000).interim("hello there");
    call.at(7_500).hears("Hello there.").at(7_900).hears("Hello again.").at(8_000).stops();
    call.at(10_000);
    assert_eq!(turns(&call), ["6940 hello there", "8100 Hello again."], "{}", call.trace());
}

#[test]
fn t6_the_final_of_a_turn_is_known_when_a_detector_that_was_reset_hears_the_same_voice() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("hello there").at(6_770);
    assert_eq!(turns(&call).len(), 1, "{}", call.trace());
    call.at(6_780).speaks().at(7_200).hears("Hello there.").at(20_000);
    assert_eq!(turns(&call).len(), 1, "{}", call.trace());
}

#[test]
fn t6_a_recognizer_has_time_for_its_final_though_the_end_of_the_speech_is_told_late() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("hello there").at(3_000);
    call.feed(Input::SpeechStopped { since: CallTime::from_millis(1_800) });
    call.at(3_060).speaks().at(3_450).hears("Hello there.").at(3_900).stops().at(6_000);
    assert_eq!(turns(&call), ["4000 Hello there."], "{}", call.trace());
}

#[test]
fn t5_a_final_without_words_opens_no_turn_again() {
    let taken = |empty: bool| {
        let mut call = Scenario::new(phone_with_finalize());
        call.at(1_000).speaks().at(1_400).hears("Yes.").at(1_500).feed(Input::EndOfTurn);
        if empty {
            call.at(1_550).hears("");
        }
        // The detector goes on to hear a voice.
        call.at(60_000);
        turns(&call)
    };
    assert_eq!(taken(false).len(), 1);
    assert_eq!(taken(true), taken(false));
}

#[test]
fn t25_who_is_understood_holds_the_floor_for_longer_than_a_noise() {
    let first_audio = |words: &str| {
        let mut config = phone_with_finalize();
        config.owed_reply = Some(OwedReplyConfig::new(Duration::from_secs(2), "One moment."));
        let mut call = Scenario::new(config);
        call.at(1_000).speaks();
        if !words.is_empty() {
            call.at(1_500).interim(words);
        }
        call.feed(Input::Say { text: "Hello.".into(), interruptible: true });
        call.voice("Hello.", 500).at(6_400);
        call.when(|command| matches!(command, Command::Send { outbound: Outbound::Audio(_) }))
    };
    assert_eq!(first_audio(""), Some(2_940), "two seconds after the first sound");
    assert_eq!(first_audio("I would"), None, "five seconds after the last word");
}

/// A call whose answer waits for a tool since 2,000 ms, and something is said from 2,100 to
/// 3,100 ms meanwhile.
fn said_meanwhile(interruptible: bool) -> Scenario {
    let mut config = phone_with_finalize();
    config.barge_in.pause = None;
    config.tools = [tool("search")].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Find it").at(2_000).model_calls(&[("a", "search")]);
    call.at(2_100).feed(Input::Say { text: "I ask.".into(), interruptible }).voice("I ask.", 1_000);
    call
}

#[test]
fn i24_a_noise_over_words_on_the_side_does_not_stop_the_answer_behind_them() {
    let mut call = said_meanwhile(true);
    let generation = GenerationId::new(1);
    call.at(2_900).speaks().at(3_200);
    call.feed(Input::ToolFinished { generation, id: "a".into(), output: "found".into() });
    call.model("It is there.").voice("It is there.", 500).at(3_900).stops().at(6_000);
    let trace = call.trace();
    assert!(trace.contains("agent stopped: It is there."), "{trace}");
}

#[test]
fn t22_an_answer_makes_room_for_a_turn_when_what_cannot_be_stopped_on_its_side_is_over() {
    let mut call = said_meanwhile(false);
    call.at(2_260).speaks().at(2_700).stops().hears("For Monday").at(3_050);
    assert_eq!(turns(&call).len(), 2, "{}", call.trace());
    assert_eq!(call.times_asked(), 1, "{}", call.trace());
    call.at(3_200);
    assert_eq!(call.asked().last(), Some(&user("For Monday")), "{}", call.trace());
}
