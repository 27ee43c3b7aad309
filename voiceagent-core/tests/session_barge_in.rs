//! Interruption: when the user stops the agent, and what was heard.

use std::time::Duration;

use voiceagent_core::{
    MarkId, SessionConfig,
    audio::AudioFormat,
    llm::Message,
    session::{Command, Input},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

const REPLY: &str = "Yes, we have one. It is a red car and it is at the front of the shop.";

fn config() -> SessionConfig {
    let mut config = SessionConfig::default();
    config.format = Some(AudioFormat::MULAW_8K);
    config.marks = true;
    config.vad = true;
    config.speculation.enabled = false;
    // Pauses and what comes of them: see `session_resume.rs`.
    config.barge_in.pause = None;
    config
}

/// The agent has been answering since 2,100 ms, and will until 6,100 ms.
fn speaking(config: SessionConfig) -> Scenario {
    let mut call = Scenario::new(config);
    call.at(1_000).says("Do you have one?").at(2_000).model(REPLY).at(2_100).voice(REPLY, 4_000);
    call
}

fn last_words(call: &mut Scenario) -> (String, bool) {
    match call.session().messages().last() {
        Some(Message::Assistant { text, interrupted }) => (text.to_string(), *interrupted),
        other => panic!("{other:?}"),
    }
}

#[test]
fn h1_the_history_ends_where_the_caller_stopped_hearing() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300);
    // 3,100 is the onset, 160 ms later is the decision: 1,160 ms of 4,000 were heard.
    let cleared =
        call.when(|command| matches!(command, Command::Send { outbound: Outbound::Clear }));
    assert_eq!(cleared, Some(3_260));
    assert_eq!(last_words(&mut call), ("Yes, we have one. It".to_owned(), true));
    assert!(call.trace().contains("interrupted: BargeIn"));
}

#[test]
fn a_cough_does_not_interrupt() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_250).stops().at(9_000);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    assert_eq!(last_words(&mut call), (REPLY.to_owned(), false));
}

#[test]
fn i1_words_are_needed_when_they_are_asked_for() {
    let mut config = config();
    config.barge_in.min_words = 2;
    let mut call = speaking(config);
    call.at(3_160).speaks().at(3_500).interim("uh").at(3_800);
    assert!(!call.trace().contains("interrupted"));
    call.interim("uh wait").at(3_900);
    assert!(call.trace().contains("  3800 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i2_without_a_detector_words_interrupt() {
    let mut config = config();
    config.vad = false;
    let mut call = Scenario::new(config);
    call.at(1_000).hears("Do you have one?").at(2_000).model(REPLY).at(2_100).voice(REPLY, 4_000);
    call.at(3_000).interim("wait").at(3_100);
    assert!(call.trace().contains("  3000 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i6_the_carrier_is_cleared_even_when_everything_was_sent() {
    let mut call = speaking(config());
    call.at(5_960).speaks().at(6_080);
    assert_eq!(call.samples_sent(), 32_000, "all of it had left");
    assert!(call.trace().contains("  6060 clear"), "{}", call.trace());
}

#[test]
fn i7_audio_of_the_stopped_answer_is_ignored() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300);
    let sent = call.samples_sent();
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: vec![0; 8_000].into() });
    call.feed(Input::LlmText { generation, text: "And more.".into() });
    call.feed(Input::SynthesisFinished { generation }).at(9_000);
    assert_eq!(call.samples_sent(), sent);
}

#[test]
fn h4_marks_that_clear_brings_back_are_not_heard() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300);
    let before = call.session().messages();
    for mark in 0..60 {
        call.feed(Input::MarkPlayed { mark: MarkId::new(mark) });
    }
    assert_eq!(call.session().messages(), before);
}

#[test]
fn h2_nothing_is_written_down_of_an_answer_that_was_not_heard() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Do you have one?").at(2_000).model(REPLY);
    call.feed(Input::Interrupt).at(3_000);
    assert!(matches!(&*call.session().messages(), [Message::User { .. }]));
    assert!(!call.trace().contains("clear"), "nothing was sent");
}

#[test]
fn h10_an_answer_that_was_heard_to_its_end_is_kept_whole() {
    let mut call = speaking(config());
    call.at(6_101).speaks().at(6_500);
    assert_eq!(last_words(&mut call), (REPLY.to_owned(), false));
}

#[test]
fn i12_uninterruptible_speech_goes_on_and_i14_what_was_said_is_answered_after_it() {
    let mut config = config();
    config.barge_in.enabled = false;
    let mut call = speaking(config);
    call.at(3_000).says("And a blue one?").at(6_000);
    assert_eq!(call.times_asked(), 1);
    call.at(6_500);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    assert!(!call.trace().contains("interrupted"));
    assert_eq!(
        call.asked(),
        [
            Message::User { text: "Do you have one?".into() },
            Message::Assistant { text: REPLY.into(), interrupted: false },
            Message::User { text: "And a blue one?".into() },
        ]
    );
}

#[test]
fn i23_the_goodbye_cannot_be_interrupted() {
    let mut call = Scenario::new(config());
    call.at(500)
        .feed(Input::Say { text: "Goodbye and thank you!".into(), interruptible: true })
        .feed(Input::HangUp);
    call.at(700).voice("Goodbye and thank you!", 1_500).at(1_000).speaks().at(1_800).stops();
    call.hears("wait").at(6_000);
    assert!(!call.trace().contains("interrupted"));
    assert!(call.trace().contains("agent stopped: Goodbye and thank you!"));
    assert!(call.trace().contains("ended: AgentHungUp"));
}

#[test]
fn i19_one_overlap_is_one_interruption() {
    let mut call = speaking(config());
    call.at(3_160).speaks().feed(Input::Interrupt).at(3_300).speaks().at(3_900).stops();
    call.hears("wait").feed(Input::Interrupt).at(4_000);
    assert_eq!(call.trace().matches("interrupted:").count(), 2, "{}", call.trace());
}

#[test]
fn m11_the_interruption_tells_how_long_it_took() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300);
    let after = call.commands().iter().find_map(|(_, command)| match command {
        Command::Emit { event: voiceagent_core::Event::Interrupted { after, .. } } => Some(*after),
        _ => None,
    });
    assert_eq!(after, Some(Duration::from_millis(160)));
}

#[test]
fn h11_a_peer_that_decides_itself_tells_what_was_heard() {
    let mut config = config();
    config.format = None;
    config.vad = false;
    let mut call = Scenario::new(config);
    call.feed(Input::Say {
        text: "Welcome to the garage. How can I help you today?".into(),
        interruptible: true,
    });
    call.at(500).feed(Input::PeerInterrupted { heard: Some("Welcome to the".into()) });
    assert_eq!(last_words(&mut call), ("Welcome to the".to_owned(), true));
}

#[test]
fn i23_a_goodbye_that_has_not_begun_is_not_dropped_for_a_late_turn() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_700).hears("Well then").stops();
    call.feed(Input::Say { text: "Goodbye!".into(), interruptible: true })
        .feed(Input::HangUp)
        .at(2_200);
    assert!(call.trace().contains("user turn: Well then"), "{}", call.trace());
    call.voice("Goodbye!", 800).at(5_000);
    assert!(call.trace().contains("agent stopped: Goodbye!"), "{}", call.trace());
    assert!(call.trace().contains("ended: AgentHungUp"));
}

#[test]
fn t22_what_the_owner_has_said_is_not_lost_to_a_turn_that_ends_first() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_700).hears("Is it done").stops();
    call.feed(Input::Say { text: "Your car is ready.".into(), interruptible: true }).at(2_200);
    call.voice("Your car is ready.", 800).at(4_000);
    assert!(call.trace().contains("agent stopped: Your car is ready."), "{}", call.trace());
    assert_eq!(call.times_asked(), 1, "and then the turn is answered");
    assert_eq!(
        call.asked(),
        [
            Message::Assistant { text: "Your car is ready.".into(), interrupted: false },
            Message::User { text: "Is it done".into() },
        ]
    );
}

#[test]
fn an_overlap_ends_with_the_speech_that_it_overlapped() {
    let mut call = Scenario::new(config());
    call.feed(Input::Say { text: "One moment.".into(), interruptible: true });
    call.feed(Input::Say { text: "We are back.".into(), interruptible: true });
    call.at(500).voice("One moment.", 1_000).at(1_490).speaks().at(1_700);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    call.voice("We are back.", 500).stops().at(4_000);
    assert!(call.trace().contains("agent stopped: We are back."), "{}", call.trace());
}

#[test]
fn i2_each_time_the_recognizer_hears_speech_it_interrupts() {
    let mut config = config();
    config.vad = false;
    let mut call = Scenario::new(config);
    call.at(500).feed(Input::SttSpeechStarted).at(1_000);
    call.feed(Input::Say { text: REPLY.into(), interruptible: true })
        .at(1_100)
        .voice(REPLY, 4_000)
        .at(2_000);
    call.feed(Input::SttSpeechStarted);
    assert!(call.trace().contains("  2000 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i1_a_user_who_spoke_before_the_agent_did_interrupts_with_words() {
    let mut call = Scenario::new(config());
    // Noise that never ends: after the watchdog the agent speaks all the same.
    call.at(1_000).speaks().feed(Input::Say { text: REPLY.into(), interruptible: true });
    call.at(2_000).voice(REPLY, 4_000).at(7_000);
    assert!(call.trace().contains("agent started"), "{}", call.trace());
    call.interim("wait").at(7_100);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    call.interim("wait a moment").at(7_300);
    assert!(call.trace().contains("  7160 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn h3_what_was_heard_counts_from_where_the_answer_began() {
    let mut config = config();
    config.greeting = Some("Hello.".into());
    let mut call = Scenario::new(config);
    // Not a whole number of frames: the rest is filled up and belongs to no text.
    call.at(100).voice("Hello.", 1_013).at(2_000).says("Do you have one?").at(3_000);
    call.model(REPLY).at(3_100).voice(REPLY, 4_000).at(4_160).speaks().at(4_300);
    assert_eq!(last_words(&mut call), ("Yes, we have one. It".to_owned(), true));
}

#[test]
fn what_is_announced_cannot_be_interrupted() {
    let mut config = config();
    config.greeting = Some("This call is recorded.".into());
    config.greeting_interruptible = false;
    let mut call = Scenario::new(config);
    call.at(100).voice("This call is recorded.", 2_000).at(1_000).speaks().at(1_700).stops();
    call.at(2_500).feed(Input::Say { text: "Please listen.".into(), interruptible: false });
    call.at(2_600).voice("Please listen.", 2_000).at(3_000).speaks().at(3_700).stops().at(5_000);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    assert!(call.trace().contains("agent stopped: Please listen."), "{}", call.trace());
}

#[test]
fn h5_a_report_that_is_still_on_its_way_is_not_counted_on() {
    let heard = |late: u64| {
        let mut call = Scenario::new(config());
        call.marks_late_by(late).at(1_000).says("Do you have one?").at(2_000).model(REPLY);
        call.at(2_100).voice(REPLY, 4_000).at(3_160).speaks().at(4_000);
        last_words(&mut call)
    };
    assert_eq!(heard(0), ("Yes, we have one. It".to_owned(), true));
    assert_eq!(heard(80), ("Yes, we have one.".to_owned(), true), "less rather than too much");
}
