//! When a turn is over: what the detector, the recognizer and the owner of the call say about it.

use std::time::Duration;

use voiceagent_core::{
    ErrorKind, Event, SessionConfig, TurnId,
    session::{Command, EndpointingConfig, Input, Leg},
    stt::{Transcript, WordTiming},
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::phone_with_finalize,
    readings::{events, turns},
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn without_edges() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.vad = false;
    config
}

fn scored(probability: f32) -> Input {
    let turn = TurnId::new(1);
    Input::EndOfTurnScore { turn, text_len: 7, probability, backchannel: 0.0 }
}

#[test]
fn t3_while_the_user_is_heard_the_turn_is_not_over_whatever_words_and_models_say() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks();
    // Words keep coming, each time as the last of the turn.
    for at in (1_500..12_000).step_by(500) {
        call.at(at).interim("book it").hears("book it").feed(Input::EndOfTurn).feed(scored(1.0));
    }
    assert_eq!(turns(&call), [""; 0], "{}", call.trace());
    assert!(!call.trace().contains("reset detector"), "{}", call.trace());
    call.stops().at(15_000);
    assert_eq!(turns(&call).len(), 1);
}

#[test]
fn t5_an_interim_after_the_final_opens_the_turn_again() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").feed(Input::EndOfTurnScore {
        turn: TurnId::new(1),
        text_len: 4,
        probability: 1.0,
        backchannel: 0.0,
    });
    call.at(1_850).interim("but").at(5_000);
    assert_eq!(turns(&call), ["2600 Yes. but"]);
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_400).hears("Yes.").at(1_500).feed(Input::EndOfTurn).interim("but");
    call.at(1_800).stops().at(5_000);
    assert_eq!(turns(&call), ["2600 Yes. but"], "nor does the recognizer's end count any more");
}

#[test]
fn t6_a_late_final_in_other_words_neither_starts_a_turn_nor_ends_the_next() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("hello there").at(1_800).stops().at(2_700);
    call.hears("Hello their.").at(6_000);
    assert_eq!(turns(&call), ["2600 hello there"]);
    assert_eq!(call.times_asked(), 1, "the answer goes on");

    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("hello there").at(1_800).stops().at(2_700);
    call.speaks().at(2_800).hears("Hello there.").at(3_400).interim("book it").at(3_600).stops();
    call.at(6_000);
    assert_eq!(turns(&call), ["2600 hello there", "4400 book it"]);
}

#[test]
fn t6_who_goes_on_in_the_same_breath_is_not_taken_to_repeat_it() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("hello there").at(1_800).stops().at(2_700);
    call.speaks().at(3_400).interim("hello there my name is").at(3_800).stops();
    call.hears("Hello there, my name is Bob.").at(6_000);
    assert_eq!(turns(&call), ["2600 hello there", "3900 my name is Bob."]);
}

#[test]
fn t6_a_recognizer_that_was_opened_again_owes_nothing_of_what_it_heard_before() {
    // Each word lasts 250 ms.
    let heard = |text: &str, starts: &[u64]| {
        let words = text.split(' ').zip(starts);
        let timing = |(word, start): (&str, &u64)| WordTiming {
            word: word.into(),
            start: ms(*start),
            end: ms(start + 250),
        };
        Input::Transcript {
            transcript: Transcript::interim(text).with_words(words.map(timing).collect()),
        }
    };
    let mut call = Scenario::new(without_edges());
    call.at(1_000).feed(heard("hello there", &[400, 700])).at(3_000);
    call.feed(Input::SttReopened).at(4_000).feed(heard("book it", &[100, 400])).at(6_000);
    // Its times are those of other words, in the stream before.
    call.feed(heard("book it now", &[100, 400, 700])).at(8_000);
    assert_eq!(turns(&call), ["2000 hello there", "5000 book it", "7000 now"]);
}

#[test]
fn t7_noise_of_which_nothing_is_understood_is_dropped_and_does_not_come_back() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(30_000);
    assert_eq!(call.trace().matches("turn dropped").count(), 1, "{}", call.trace());
    assert!(call.trace().contains("  5940 turn dropped 1"), "{}", call.trace());
    assert!(call.session().poll_timeout().is_none(), "law 9");
    call.interim("hello").at(30_500).stops().at(33_000);
    assert_eq!(turns(&call), ["31300 hello"], "{}", call.trace());
}

#[test]
fn t25_where_words_come_behind_the_voice_nobody_talks_over_a_caller_who_goes_on() {
    let begun = |interim| {
        let mut config = phone_with_finalize();
        config.stt_interim = interim;
        let mut call = Scenario::new(config);
        call.at(1_000).says("Do you have one?").at(1_950).speaks().at(2_000).model("Yes.");
        call.at(2_100).voice("Yes.", 400).at(10_000).stops().at(10_300).hears("A red one?");
        call.at(12_000);
        call.when(|command| matches!(command, Command::Emit { event: Event::AgentStarted { .. } }))
    };
    assert_eq!(begun(true), Some(6_890), "of a caller there would be words by now");
    assert_eq!(begun(false), None, "the answer is another one now");
}

#[test]
fn t7_without_edges_speech_without_words_is_dropped_too() {
    let mut call = Scenario::new(without_edges());
    call.at(1_000).feed(Input::SttSpeechStarted).at(20_000);
    assert!(call.trace().contains("  6000 turn dropped 1"), "{}", call.trace());
    assert!(call.session().poll_timeout().is_none(), "law 9");
}

#[test]
fn t9_where_the_recognizer_heard_the_end_the_detector_is_reset() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(2_000).hears("book it").at(2_100).feed(Input::EndOfTurn).at(9_000);
    assert!(call.trace().contains("  2700 reset detector"), "{}", call.trace());
    assert_eq!(turns(&call), ["2950 book it"], "the detector had time to hear again");
}

#[test]
fn t9_a_user_whom_the_detector_hears_again_is_not_cut_off_and_noise_is_not_waited_for() {
    let spoken = |more: bool| {
        let mut call = Scenario::new(phone_with_finalize());
        call.at(1_000).speaks().at(2_000).hears("book it").at(2_100).feed(Input::EndOfTurn);
        call.at(2_780).speaks();
        if more {
            call.at(3_200).interim("for Monday").at(4_200).stops().hears("for Monday");
        }
        call.at(9_000);
        turns(&call)
    };
    assert_eq!(spoken(true), ["4300 book it for Monday"]);
    assert_eq!(spoken(false), ["3300 book it"], "600 ms after the reset it is noise");
}

#[test]
fn t9_noise_that_was_doubted_does_not_hold_back_the_answer_nor_stop_it() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(2_000).hears("book it").at(7_080).speaks().at(7_700);
    assert_eq!(turns(&call), ["7600 book it"], "{}", call.trace());
    call.at(7_680).speaks().model("It is booked.").voice("It is booked.", 2_000).at(11_000);
    assert!(call.trace().contains("agent stopped: It is booked."), "{}", call.trace());
}

#[test]
fn t9_words_that_go_on_after_the_detector_heard_the_end_are_waited_for() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("I would").at(1_700).stops();
    for (at, words) in [
        (2_000, "I would like"),
        (2_300, "I would like an"),
        (2_600, "I would like an oil"),
        (2_900, "I would like an oil change"),
    ] {
        call.at(at).interim(words);
    }
    call.at(3_000).hears("I would like an oil change").at(9_000);
    assert_eq!(turns(&call), ["3000 I would like an oil change"], "and not 1 s after 1,500");
}

#[test]
fn t13_digits_that_are_never_finalised_are_a_turn() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_700).interim("forty five").at(1_800).stops().at(9_000);
    assert_eq!(turns(&call), ["2600 forty five"]);
    let mut call = Scenario::new(without_edges());
    call.at(1_700).interim("forty five").at(9_000);
    assert_eq!(turns(&call), ["2700 forty five"]);
}

#[test]
fn t14_a_lost_end_of_turn_is_replaced_by_silence() {
    let mut semantic = phone_with_finalize();
    semantic.stt_end_of_turn = true;
    let mut call = Scenario::new(semantic.clone());
    call.at(1_000).says("Yes.").at(9_000);
    assert_eq!(turns(&call), ["4100 Yes."]);
    semantic.vad = false;
    let mut call = Scenario::new(semantic);
    call.at(1_000).hears("Yes.").at(9_000);
    assert_eq!(turns(&call), ["3500 Yes."]);
}

#[test]
fn t6_a_final_of_a_turn_that_is_over_is_no_beginning_of_another_where_beginnings_are_told() {
    let mut config = without_edges();
    config.stt_end_of_turn = true;
    let told = |config: &SessionConfig, starts: bool| {
        let mut call = Scenario::new(config.clone());
        if starts {
            call.at(1_000).feed(Input::SttSpeechStarted);
        }
        call.interim("my name").at(1_300).interim("is Bob").hears("is Bob");
        call.feed(Input::EndOfTurn).at(3_000).hears("my name").at(9_000);
        turns(&call)
    };
    assert_eq!(told(&config, true), ["1300 is Bob", "3300 my name"], "it was said before");
    assert_eq!(told(&config, false), ["1300 is Bob", "5500 my name"], "it may have just begun");
    config.stt_interim = false;
    assert_eq!(told(&config, true).last().unwrap(), "5500 my name", "a voice may go on");
}

#[test]
fn t6_words_of_a_voice_that_was_given_up_are_not_waited_on_as_if_it_went_on() {
    let more = |text_len| Input::EndOfTurnScore {
        turn: TurnId::new(2),
        text_len,
        probability: 0.0,
        backchannel: 0.0,
    };
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_600).stops().at(4_000);
    assert!(call.trace().contains("turn dropped 1"), "{}", call.trace());
    call.hears("And then").feed(more(8)).at(9_000);
    assert_eq!(turns(&call), ["4300 And then"], "it was said before 1,600");
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(4_000).hears("And then").feed(more(8)).at(9_000);
    assert_eq!(turns(&call)[1..], ["6500 And then"], "the detector may have missed it");
}

#[test]
fn t16_edges_are_told_with_the_times_at_which_they_were() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(3_000);
    let edges: Vec<u64> = events(&call)
        .filter_map(|(_, event)| match event {
            Event::UserStarted { since, .. } | Event::UserStopped { since, .. } => {
                Some(since.as_millis())
            }
            _ => None,
        })
        .collect();
    assert_eq!(edges, [940, 1_600], "and not 1,000 and 1,800");
}

#[test]
fn t18_a_final_that_comes_twice_is_said_once() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(1_820).hears("Yes.").at(4_000);
    assert_eq!(turns(&call), ["1900 Yes."]);

    let words = vec![WordTiming { word: "Yes.".into(), start: ms(900), end: ms(1_200) }];
    let timed = Transcript::final_("Yes.").with_words(words);
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("").feed(Input::Transcript { transcript: timed.clone() }).at(3_000);
    call.speaks().at(3_500).feed(Input::Transcript { transcript: timed }).stops().at(9_000);
    assert_eq!(turns(&call), ["1900 Yes."], "after a noise it is not said again either");
    call.at(10_000).says("Yes.").at(12_000);
    assert_eq!(turns(&call).len(), 2, "but who says it again is heard");
}

#[test]
fn t20_a_user_in_mid_speech_counts_as_silent_when_the_detector_is_lost() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_600).hears("book it").at(2_000);
    call.feed(Input::LegLost { leg: Leg::Vad, kind: ErrorKind::Protocol }).at(5_000);
    assert_eq!(turns(&call), ["3000 book it"], "{}", call.trace());
    assert!(call.trace().contains("failed: Vad"));
    // From now on the recognizer alone tells when the user speaks.
    call.model("It is booked.").voice("It is booked.", 3_000).at(6_000);
    call.feed(Input::SttSpeechStarted).hears("please").at(9_000);
    assert!(call.trace().contains("  6000 interrupted: BargeIn"), "{}", call.trace());
    assert_eq!(turns(&call)[1..], ["6300 please"], "{}", call.trace());
}

fn manual() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.endpointing.manual = true;
    config
}

#[test]
fn t21_the_owner_ends_the_turn_and_nobody_else() {
    let mut call = Scenario::new(manual());
    call.at(1_000).says("I would like").feed(Input::EndOfTurn).at(9_000);
    assert_eq!(turns(&call), [""; 0]);
    call.at(9_500).speaks().at(10_000).interim("an oil change").feed(Input::CommitTurn);
    assert!(call.trace().contains(" 10000 finalize"), "{}", call.trace());
    call.at(10_100).hears("an oil change").at(12_000);
    assert_eq!(turns(&call), ["10100 I would like an oil change"]);
}

#[test]
fn t21_the_final_is_waited_for_a_bounded_time_and_what_comes_later_is_not_taken() {
    let mut config = manual();
    config.stt_finalize = false;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_500).interim("book it").at(2_000).feed(Input::CommitTurn);
    assert!(call.trace().contains("  2000 flush"), "trailing silence: {}", call.trace());
    assert!(call.trace().contains("  2000 reset detector"), "the owner says that it is over");
    call.at(3_200).hears("tomorrow at noon").at(9_000);
    assert_eq!(turns(&call), ["3000 book it"]);
    call.speaks().at(9_500).hears("thanks").feed(Input::CommitTurn).at(12_000);
    assert_eq!(turns(&call)[1..], ["9500 thanks"], "the next turn is taken");
}

#[test]
fn t21_a_key_that_was_pressed_without_a_word_is_no_turn() {
    let mut call = Scenario::new(manual());
    call.at(1_000).speaks().at(2_000).feed(Input::CommitTurn).at(9_000);
    assert!(call.trace().contains("  3000 turn dropped 1"), "{}", call.trace());
    assert!(call.session().poll_timeout().is_none());
    call.feed(Input::CommitTurn).at(20_000);
    assert_eq!(call.trace().matches("dropped").count(), 1, "nothing was begun");
}

#[test]
fn t26_a_gap_in_the_voice_is_no_stop() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(2_000).model("Good, that is booked.");
    let generation = call.generation();
    let piece = || bytes::Bytes::from(vec![0x55; 2_400]);
    call.feed(Input::Synthesized { generation, payload: piece() }).at(3_300);
    call.feed(Input::Synthesized { generation, payload: piece() }).at(60_000);
    let trace = call.trace();
    let stops = trace.matches("agent stopped").count() + trace.matches("agent interrupted").count();
    assert_eq!((trace.matches("agent started").count(), stops), (1, 1), "{trace}");
}

#[test]
fn t29_a_user_who_does_not_stop_is_interrupted_by_the_agent() {
    let mut config = phone_with_finalize();
    config.endpointing.max_turn = Some(ms(6_000));
    let mut call = Scenario::new(config);
    call.at(1_000).speaks();
    for at in (2_000..20_000).step_by(500) {
        call.at(at).interim(&format!("and {at}"));
        if at == 7_500 {
            call.model("Let me stop you here.").voice("Let me stop you here.", 2_000);
        }
    }
    assert_eq!(turns(&call)[0], "6940 and 6500", "6 s after the first sound");
    let trace = call.trace();
    assert!(trace.contains("agent stopped: Let me stop you here."), "{trace}");
    assert!(!trace.contains("interrupted"), "the agent has the floor: {trace}");
    assert_eq!(turns(&call)[1], "13500 and 13000", "6 s after the agent was heard: {trace}");
}

#[test]
fn t29_words_are_counted_until_the_agent_really_speaks() {
    let mut config = phone_with_finalize();
    config.endpointing.max_turn_words = Some(6);
    let mut call = Scenario::new(config);
    call.at(1_000).says("I do not know").at(2_000);
    assert_eq!(turns(&call), ["1900 I do not know"]);
    // The answer was not heard yet: the words before still count.
    call.speaks().at(2_500).interim("what to").at(2_600);
    assert_eq!(turns(&call)[1..], ["2500 what to"], "{}", call.trace());
    let mut call = Scenario::new(without_edges());
    call.at(1_000).interim("I do not know what to do").at(1_500);
    assert_eq!(turns(&call), [""; 0], "there is no limit unless it is set");
}

#[test]
fn t6_a_final_of_a_turn_that_is_over_is_not_waited_on_for_another_end() {
    let mut config = phone_with_finalize();
    config.stt_end_of_turn = true;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_500).stops().feed(Input::EndOfTurn).at(4_000);
    assert!(call.trace().contains("turn dropped 1"), "{}", call.trace());
    call.hears("Are you open?").at(4_299);
    assert_eq!(turns(&call).len(), 0, "{}", call.trace());
    call.at(4_301);
    assert_eq!(turns(&call).len(), 1, "{}", call.trace());
    // Words that are still being understood may go on: their end will be told.
    call.model("Yes.").voice("Yes.", 300).at(9_000);
    call.interim("And on").at(9_100).hears("And on Monday?").at(11_000);
    assert_eq!(turns(&call).len(), 1, "{}", call.trace());
}

#[test]
fn t6_nobody_says_so_many_words_in_so_short_a_time() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(2_000).interim("I need an oil change today").at(2_600).stops();
    call.at(4_000);
    assert_eq!(turns(&call).len(), 1, "{}", call.trace());
    // A sound, and the late final.
    call.at(4_100).speaks().at(4_400).stops().at(5_000).hears("I need an oil change today.");
    call.at(8_000);
    assert_eq!(turns(&call).len(), 1, "{}", call.trace());
}

#[test]
fn t4_a_turn_whose_words_a_final_takes_back_is_waited_on_no_longer_than_for_words() {
    let mut call = Scenario::new(without_edges());
    call.at(1_000).feed(Input::SttSpeechStarted).at(1_500).interim("book").at(2_000).hears("");
    call.at(10_000);
    let dropped = call.when(|command| match command {
        Command::Emit { event } => matches!(event, Event::TurnDropped { .. }),
        _ => false,
    });
    assert_eq!(dropped, Some(2_500), "{}", call.trace());
}

#[test]
fn t7_where_the_owner_ends_turns_the_longest_turn_lets_go_of_a_key_whose_release_is_lost() {
    let taken = |longest: Option<u64>| {
        let mut config = phone_with_finalize();
        config.endpointing.manual = true;
        config.endpointing.max_turn = longest.map(Duration::from_secs);
        let mut call = Scenario::new(config);
        call.at(1_060).speaks().at(1_800).interim("are you open").at(2_200).stops();
        call.at(2_300).hears("Are you open?").at(60_000);
        call.when(|command| matches!(command, Command::Emit { event: Event::UserTurn { .. } }))
    };
    assert_eq!(taken(None), None);
    assert_eq!(taken(Some(10)), Some(11_000));
}

#[test]
fn t7_a_final_that_only_repeats_its_interim_does_not_prolong_a_noise() {
    let taken = |repeated: bool| {
        let mut call = Scenario::new(phone_with_finalize());
        call.at(1_000).says("Do you").at(2_000).speaks().at(2_500).interim("have one");
        if repeated {
            call.at(7_300).hears("Have one.");
        }
        call.at(30_000);
        let turns = events(&call).filter(|(_, event)| matches!(event, Event::UserTurn { .. }));
        turns.map(|(at, _)| at.as_millis()).collect::<Vec<_>>()
    };
    assert_eq!(taken(false), [1_900, 7_750]);
    assert_eq!(taken(true), taken(false));
}

#[test]
fn t7_noises_after_words_that_may_go_on_do_not_put_the_answer_off_for_ever() {
    for every in [1_000, 1_500, 2_000] {
        let mut config = phone_with_finalize();
        config.endpointing = EndpointingConfig::default();
        let mut call = Scenario::new(config);
        call.at(1_000).says("hello there").at(1_850).feed(Input::EndOfTurn);
        for bang in (3_000..30_000).step_by(every) {
            call.at(bang).speaks().at(bang + 400).stops();
        }
        // Two seconds after the words, and for as long as a voice without words is believed.
        let asked = call.when(|command| matches!(command, Command::Generate { .. }));
        assert!(asked.is_some_and(|at| at < 10_000), "{asked:?}: {}", call.trace());
    }
}

#[test]
fn t11_a_turn_detector_is_waited_for_where_a_recognizer_that_counts_silence_ends_the_turn() {
    let decided = |score: Option<f32>| {
        let mut config = phone_with_finalize();
        config.turn_detector = true;
        let mut call = Scenario::new(config);
        call.at(1_000).says("Hola, quisiera").at(1_850).feed(Input::EndOfTurn);
        if let Some(probability) = score {
            let (turn, text_len) = (TurnId::new(1), "Hola, quisiera".len());
            let score = Input::EndOfTurnScore { turn, text_len, probability, backchannel: 0.0 };
            call.at(1_890).feed(score);
        }
        call.at(9_000);
        call.when(|command| matches!(command, Command::Generate { .. }))
    };
    assert_eq!(decided(Some(0.0)), Some(4_100), "more comes");
    assert_eq!(decided(Some(1.0)), Some(1_890));
    assert_eq!(decided(None), Some(2_000), "it is late");
}
