//! Turn-taking: when a turn is over, and what answers it.

use std::time::Duration;

use voiceagent_core::{
    CallTime, ErrorKind, Event,
    session::{Command, EndpointingConfig, Input, Leg, SettingsChange},
    stt::Transcript,
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::phone_with_finalize,
    readings::{agent, cut, events, user},
};

#[test]
fn a_turn_is_answered_and_the_answer_is_written_down_when_it_was_heard() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Are you open on Monday?").at(2_000);
    call.model("Yes, we are open. Come by.").at(2_100);
    call.voice("Yes, we are open. Come by.", 1_000);
    assert_eq!(*call.session().messages(), [user("Are you open on Monday?")], "not heard yet");
    call.at(4_000);
    assert_eq!(
        *call.session().messages(),
        [user("Are you open on Monday?"), agent("Yes, we are open. Come by.")]
    );
}

#[test]
fn t2_the_delay_counts_from_the_last_speech() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(3_000);
    // Speech ended at 1,600; the detector told at 1,800.
    let asked = call.when(|command| matches!(command, Command::Generate { .. }));
    assert_eq!(asked, Some(1_900));
}

/// How long after the beginning of a call its only turn is decided in which this is said, with and
/// without a recognizer that notices 300 ms of silence.
fn decided(words: &str, by_words: Option<bool>) -> [Duration; 2] {
    [false, true].map(|ends| {
        let mut config = phone_with_finalize();
        config.endpointing = EndpointingConfig::default();
        config.endpointing.by_words = by_words.unwrap_or(config.endpointing.by_words);
        let mut call = Scenario::new(config);
        call.at(1_000).says(words);
        if ends {
            call.at(1_850).feed(Input::EndOfTurn);
        }
        call.at(8_000);
        let mut turns = events(&call).filter(|(_, event)| matches!(event, Event::UserTurn { .. }));
        let (at, _) = turns.next().expect("somebody has spoken");
        assert!(turns.next().is_none(), "{}", call.trace());
        at.elapsed()
    })
}

#[test]
fn t11_unless_told_otherwise_the_words_tell_how_long_is_waited() {
    let EndpointingConfig { min_delay, max_delay, .. } = EndpointingConfig::default();
    let open = "hello there";
    let (silence, words) = (decided(open, Some(false)), decided(open, None));
    for (words, silence) in words.into_iter().zip(silence) {
        let more = words - silence;
        let most = max_delay - min_delay;
        assert!(more > most / 2 && more <= most, "{words:?} by words, {silence:?} by silence");
    }
    let complete = "Are you open on Monday?";
    assert_eq!(decided(complete, None), decided(complete, Some(false)));
}

#[test]
fn t1_a_pause_does_not_end_the_turn_when_the_user_goes_on() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("I would like").at(1_880).speaks().at(2_500);
    assert!(!call.trace().contains("user turn"), "{}", call.trace());
    call.stops().hears("an oil change").at(4_000);
    assert!(call.trace().contains("user turn: I would like an oil change"));
}

#[test]
fn t4_a_final_that_never_comes_is_not_waited_for_for_ever() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("hello").at(1_800).stops().at(5_000);
    assert!(call.trace().contains("  2600 user turn: hello"), "{}", call.trace());
}

#[test]
fn t6_a_final_that_comes_after_its_turn_starts_no_other() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_500).interim("hello there").at(1_800).stops().at(2_700);
    call.hears("Hello there.").at(6_000);
    assert_eq!(call.trace().matches("user turn").count(), 1);
    assert_eq!(call.times_asked(), 1);
}

#[test]
fn t7_speech_that_never_ends_is_decided_by_the_watchdog() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(2_000).hears("book it").at(8_000);
    assert!(call.trace().contains("  7000 reset detector\n"), "{}", call.trace());
    assert!(call.trace().contains("  7250 user turn: book it"), "{}", call.trace());
}

#[test]
fn t7_a_cough_is_no_turn() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).speaks().at(1_300).stops().at(9_000);
    assert_eq!(call.times_asked(), 0);
    assert!(call.trace().contains("  2100 turn dropped 1"), "{}", call.trace());
    assert!(call.session().poll_timeout().is_none(), "law 9: it came to rest");
}

#[test]
fn the_recognizers_end_of_turn_ends_the_turn_at_once() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(1_850).feed(Input::EndOfTurn);
    assert!(call.trace().contains("  1850 user turn: Yes."), "{}", call.trace());
}

#[test]
fn t25_an_answer_is_held_while_the_user_speaks_again_and_f5_begins_after_a_noise() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(2_000).model("Good.").at(2_100).speaks();
    call.voice("Good.", 500).at(2_400);
    assert_eq!(call.samples_sent(), 0, "the user has the floor");
    call.stops().at(3_000);
    assert_eq!(call.samples_sent(), 4_000, "it was only a noise");
}

#[test]
fn t22_more_words_before_the_answer_was_heard_make_a_new_answer() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("I need").at(2_000).at(2_050).says("new tires").at(4_000);
    assert_eq!(call.asked(), [user("I need new tires")]);
    assert!(call.trace().contains("interrupted: UserResumed"));
}

#[test]
fn t28_the_greeting_is_said_first_and_kept() {
    let mut config = phone_with_finalize();
    config.greeting = Some("Hello, this is the garage.".into());
    let mut call = Scenario::new(config);
    call.at(100).voice("Hello, this is the garage.", 1_500).at(3_000);
    assert_eq!(*call.session().messages(), [agent("Hello, this is the garage.")]);
}

#[test]
fn d1_the_call_ends_when_the_goodbye_was_heard() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(500)
        .feed(Input::Say { text: "Goodbye!".into(), interruptible: true })
        .feed(Input::HangUp);
    call.at(700).voice("Goodbye!", 1_000).at(5_000);
    let hung_up = call
        .when(|command| matches!(command, Command::Send { outbound: Outbound::HangUp }))
        .unwrap();
    assert_eq!(hung_up, 1_700, "200 ms of synthesis and 1 s of speech later");
    assert!(call.trace().contains("ended: AgentHungUp"));
}

#[test]
fn d4_a_caller_who_hangs_up_stops_everything_at_once() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Hi.").at(2_000).model("Hello, how can I help?").at(2_100);
    call.voice("Hello, how can I help?", 2_000).at(3_100).feed(Input::HungUp);
    assert!(call.trace().contains("ended: UserHungUp"));
    assert_eq!(
        *call.session().messages(),
        [user("Hi."), cut("Hello, how")],
        "half of it was heard"
    );
    assert!(call.session().poll_timeout().is_none());
}

#[test]
fn a19_three_failures_in_a_row_end_the_call_with_an_apology() {
    let mut config = phone_with_finalize();
    config.apology = "Sorry, call later.".into();
    let mut call = Scenario::new(config);
    for at in [1_000, 11_000, 21_000] {
        call.at(at).says("Hello?").at(at + 1_100);
        for _ in 0..2 {
            let generation = call.generation();
            call.feed(Input::LlmFailed { generation, kind: ErrorKind::Timeout, retry_after: None });
        }
        call.voice("Sorry, call later.", 800).at(at + 3_000);
    }
    assert!(call.trace().contains("ended: Failed"), "{}", call.trace());
    assert_eq!(call.trace().matches("agent stopped: Sorry").count(), 3);
}

#[test]
fn a_model_that_says_nothing_is_asked_again_and_then_apologised_for() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Hello?").at(20_000);
    assert_eq!(call.times_asked(), 2);
    assert!(call.trace().contains("synthesize 1: I am sorry"), "{}", call.trace());
}

#[test]
fn a_lost_recognizer_ends_the_call_with_an_apology() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(500).feed(Input::LegLost { leg: Leg::Stt, kind: ErrorKind::Disconnected });
    call.at(600).voice("I am sorry", 900).at(900);
    assert!(call.trace().contains("failed: Stt"));
    call.at(9_000);
    assert!(call.trace().contains("ended: Failed"), "{}", call.trace());
}

#[test]
fn a_text_leg_is_answered_without_a_voice() {
    let mut config = phone_with_finalize();
    config.format = None;
    config.vad = false;
    let mut call = Scenario::new(config);
    call.at(10).feed(Input::Transcript { transcript: Transcript::final_("Hi") });
    call.feed(Input::EndOfTurn).model("Hello there! How are you?").at(3_000);
    assert!(call.trace().contains("text: Hello there! \n"), "{}", call.trace());
    assert_eq!(*call.session().messages(), [user("Hi"), agent("Hello there! How are you?")]);
}

#[test]
fn words_without_edges_long_after_the_last_turn_are_waited_for() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(2_000).model("Good.").voice("Good.", 300).at(20_000);
    call.interim("and").at(20_200).interim("and then").at(20_400).hears("and then what").at(23_000);
    assert!(call.trace().contains(" 20700 user turn: and then what"), "{}", call.trace());
}

#[test]
fn t28_a_turn_before_the_greeting_was_heard_is_answered_after_it() {
    let mut config = phone_with_finalize();
    config.greeting = Some("Hello, this is the garage.".into());
    let mut call = Scenario::new(config);
    call.at(200).says("Hello?").at(1_500);
    call.voice("Hello, this is the garage.", 1_500).at(4_000);
    assert!(call.trace().contains("agent stopped: Hello, this is the garage."), "{}", call.trace());
    assert_eq!(call.asked().last(), Some(&user("Hello?")));
}

#[test]
fn on_a_text_leg_without_marks_what_was_sent_was_read() {
    let mut config = phone_with_finalize();
    config.format = None;
    config.vad = false;
    config.marks = false;
    let mut call = Scenario::new(config);
    call.at(10).feed(Input::Transcript { transcript: Transcript::final_("Hi") });
    call.feed(Input::EndOfTurn).model("Hello there! How are you?");
    assert_eq!(*call.session().messages(), [user("Hi"), agent("Hello there! How are you?")]);
    assert!(call.session().poll_timeout().is_none(), "nobody is waited for");
}

#[test]
fn turns_that_wait_for_an_answer_are_answered_in_their_order() {
    let mut config = phone_with_finalize();
    config.greeting = Some("Hello, this is the garage, how can I help you?".into());
    config.greeting_interruptible = false;
    let mut call = Scenario::new(config);
    call.at(200).says("Hello?").at(1_500).voice("Hello, this is the garage", 3_000).at(1_600);
    call.says("Are you there?").at(5_000);
    assert_eq!(call.asked().last(), Some(&user("Hello? Are you there?")), "{}", call.trace());
    assert_eq!(call.times_asked(), 1);
}

#[test]
fn a_prediction_for_the_turn_before_does_not_count() {
    let mut config = phone_with_finalize();
    config.turn_detector = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Yes.").at(2_000).model("Good.").voice("Good.", 300).at(5_000);
    call.says("Yes.");
    let old = voiceagent_core::TurnId::new(1);
    call.feed(Input::EndOfTurnScore { turn: old, text_len: 4, probability: 0.0, backchannel: 0.0 })
        .at(9_000);
    assert!(call.trace().contains("  5900 user turn: Yes."), "{}", call.trace());
}

#[test]
fn t17_time_that_steps_back_changes_nothing() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Yes.").at(1_850);
    let session = call.session();
    let due = session.poll_timeout();
    session.handle(CallTime::from_millis(400), Input::Timeout);
    assert!(session.poll().is_none(), "nothing happens again, nor early");
    assert_eq!(session.poll_timeout(), due);
    call.at(1_900);
    assert!(call.trace().contains("  1900 user turn: Yes."), "{}", call.trace());
}

#[test]
fn a_turn_is_answered_on_a_text_leg_too() {
    let mut call = Scenario::text(phone_with_finalize());
    call.at(1_000).says("Are you open?").model("Yes, we are.").at(4_000);
    assert_eq!(
        *call.session().messages(),
        [user("Are you open?"), agent("Yes, we are.")],
        "{}",
        call.trace()
    );
}

#[test]
fn settings_that_change_hold_from_then_on() {
    let mut call = Scenario::new(phone_with_finalize());
    let mut slow = EndpointingConfig::default();
    slow.min_delay = Duration::from_millis(800);
    call.feed(Input::Configure {
        change: Box::new(SettingsChange::default().with_endpointing(slow)),
    });
    slow.min_delay = Duration::from_secs(60);
    call.feed(Input::Configure {
        change: Box::new(SettingsChange::default().with_endpointing(slow)),
    });
    call.at(1_000).says("Yes.").at(5_000);
    assert!(call.trace().contains("  2400 user turn: Yes."), "{}", call.trace());
}
