//! Recognizers that predict when a turn is over, and can be asked for a final, which ends their own
//! turn.

use std::time::Duration;

use voiceagent_core::{
    SessionConfig,
    session::{Command, Input},
    turn::Expected,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{presets::phone_with_finalize, readings::turns};

fn predicted() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.stt_end_of_turn = true;
    config
}

/// When the recognizer was asked for finals.
fn asked(call: &Scenario) -> Vec<u64> {
    let asked = call.commands().iter();
    let asked = asked.filter(|(_, command)| matches!(command, Command::FinalizeTranscript));
    asked.map(|(at, _)| at.as_millis()).collect()
}

#[test]
fn t14_a_pause_is_left_to_a_recognizer_that_predicts() {
    let mut call = Scenario::new(predicted());
    call.at(1_000).speaks().at(1_600).interim("book a table").at(1_800).stops();
    call.at(2_300).speaks().at(2_900).interim("book a table for two").at(3_100).stops();
    call.at(3_300).hears("Book a table for two.").feed(Input::EndOfTurn).at(9_000);
    assert_eq!(turns(&call), ["3300 Book a table for two."], "{}", call.trace());
    assert_eq!(asked(&call), [0; 0], "{}", call.trace());
}

#[test]
fn t14_before_silence_decides_the_recognizer_is_asked_for_all_that_it_has() {
    let mut call = Scenario::new(predicted());
    call.at(1_000).speaks().at(1_600).interim("book a table").at(1_800).stops().at(3_600);
    call.hears("Book a table, please.").at(9_000);
    assert_eq!(asked(&call), [3_500], "0.6 s before the longest delay is over: {}", call.trace());
    assert_eq!(turns(&call), ["4100 Book a table, please."], "2.5 s after the last sound");
}

#[test]
fn t14_a_recognizer_that_does_not_answer_is_not_waited_for_longer() {
    let mut call = Scenario::new(predicted());
    call.at(1_000).speaks().at(1_600).interim("book a table").at(1_800).stops().at(9_000);
    assert_eq!(asked(&call), [3_500], "once: {}", call.trace());
    assert_eq!(turns(&call), ["4100 book a table"]);
    call.speaks().at(9_600).interim("for two").at(9_800).stops().at(15_000);
    assert_eq!(asked(&call), [3_500, 11_500], "and again in the next turn: {}", call.trace());
}

#[test]
fn t14_who_goes_on_after_the_recognizer_was_asked_has_the_longest_delay_anew() {
    let mut call = Scenario::new(predicted());
    call.at(1_000).speaks().at(1_600).interim("book a table").at(1_800).stops().at(3_600);
    call.hears("Book a table").at(3_800).speaks().at(4_400).interim("for two").at(4_600).stops();
    call.at(9_000);
    assert_eq!(asked(&call), [3_500, 6_300], "{}", call.trace());
    assert_eq!(turns(&call), ["6900 Book a table for two"]);
}

#[test]
fn t12_a_recognizer_that_predicts_is_asked_at_once_for_a_number_that_is_complete() {
    let mut call = Scenario::new(predicted());
    call.at(500).feed(Input::Expect { what: Some(Expected::Phone) }).at(1_000).speaks();
    call.at(2_600).interim("415 555 1234").at(2_800).stops();
    assert_eq!(asked(&call), [2_800], "the session decides: {}", call.trace());
    call.at(2_850).hears("415 555 1234").at(9_000);
    assert_eq!(turns(&call), ["2900 415 555 1234"]);
}

#[test]
fn t21_a_recognizer_that_predicts_is_asked_when_the_owner_ends_the_turn() {
    let mut config = predicted();
    config.endpointing.manual = true;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_600).interim("book a table").at(1_800).stops().at(9_000);
    assert_eq!(asked(&call), [0; 0], "{}", call.trace());
    call.feed(Input::CommitTurn).at(9_100).hears("Book a table.").at(12_000);
    assert_eq!(asked(&call), [9_000]);
    assert_eq!(turns(&call), ["9100 Book a table."]);
}

#[test]
fn t14_a_recognizer_that_predicts_without_interims_is_asked_in_a_pause() {
    let mut config = predicted();
    config.stt_interim = false;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_800).stops();
    assert_eq!(asked(&call), [1_800], "nothing is known of what was said: {}", call.trace());
}

#[test]
fn p1_a_draft_begins_on_the_words_of_a_pause_that_is_left_to_the_recognizer() {
    let mut config = predicted();
    config.speculation.enabled = true;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_600).interim("are you").at(1_800).stops();
    call.at(1_900).interim("are you open");
    assert_eq!(call.times_asked(), 2, "the last word came late: {}", call.trace());
    call.at(2_200).hears("Are you open?").feed(Input::EndOfTurn).at(2_300);
    assert_eq!(turns(&call), ["2200 Are you open?"]);
    assert_eq!(call.times_asked(), 2, "it is kept: {}", call.trace());
}

#[test]
fn t14_the_longest_delay_may_be_shorter_than_an_answer_takes() {
    let mut config = predicted();
    config.endpointing.max_delay = Duration::from_millis(500);
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_600).interim("book it").at(1_800).stops().at(1_950);
    call.hears("Book it.").at(9_000);
    assert_eq!(asked(&call), [1_800], "{}", call.trace());
    assert_eq!(turns(&call), ["2100 Book it."]);
}
