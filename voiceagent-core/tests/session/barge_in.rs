//! Interruption: when the user stops the agent, and what was heard.

use std::time::Duration;

use voiceagent_core::{
    Event, MarkId, SessionConfig,
    llm::Message,
    session::{BargeInConfig, Command, Input, SettingsChange, Uninterruptible},
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{REPLY, phone, speaking, tool},
    readings::{agent, cut, events, last_message, user},
};

fn config() -> SessionConfig {
    let mut config = phone();
    // The voice alone decides here; `backchannel.rs` is about what its words tell.
    config.barge_in.backchannel = None;
    // Pauses and what comes of them: see `resume.rs`.
    config.barge_in.pause = None;
    config
}

#[test]
fn h1_the_history_ends_where_the_caller_stopped_hearing() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300);
    // 3,100 is the onset, 160 ms later is the decision: 1,160 ms of 4,000 were heard.
    let cleared =
        call.when(|command| matches!(command, Command::Send { outbound: Outbound::Clear }));
    assert_eq!(cleared, Some(3_260));
    assert_eq!(last_message(&mut call), cut("Yes, we have one. It"));
    assert!(call.trace().contains("interrupted: BargeIn"));
}

#[test]
fn a_cough_does_not_interrupt() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_250).stops().at(9_000);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    assert_eq!(last_message(&mut call), agent(REPLY));
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
    assert_eq!(last_message(&mut call), agent(REPLY));
}

#[test]
fn i2_with_a_detector_words_wait_for_it() {
    let mut call = speaking(config());
    call.at(3_000).interim("wait").at(3_900);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    call.speaks().at(4_100);
    assert!(call.trace().contains("  4000 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i14_what_was_said_over_uninterruptible_speech_is_answered_after_it() {
    let mut config = config();
    config.barge_in.enabled = false;
    let mut call = speaking(config);
    call.at(3_000).says("And a blue one?").at(6_000);
    assert_eq!(call.times_asked(), 1);
    call.at(6_500);
    assert_eq!(call.times_asked(), 2, "{}", call.trace());
    assert!(!call.trace().contains("interrupted"));
    assert_eq!(call.asked(), [user("Do you have one?"), agent(REPLY), user("And a blue one?"),]);
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
    let trace = call.trace();
    assert_eq!(trace.matches("interrupted: Requested").count(), 1, "{trace}");
    let stopped: Vec<&str> = trace.lines().filter(|line| line.contains("interrupted:")).collect();
    let reported = ["  3160 interrupted: Requested", "  3160 agent interrupted: Yes, we have one."];
    assert_eq!(stopped, reported, "one interruption, and what was heard until then");
}

#[test]
fn m11_the_interruption_tells_how_long_it_took() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300);
    let after = events(&call).find_map(|(_, event)| match event {
        Event::Interrupted { after, .. } => Some(*after),
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
    assert_eq!(last_message(&mut call), cut("Welcome to the"));
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
    assert_eq!(call.asked(), [agent("Your car is ready."), user("Is it done"),]);
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
    assert_eq!(last_message(&mut call), cut("Yes, we have one. It"));
}

#[test]
fn t28_a_greeting_may_be_uninterruptible_and_i12_so_is_what_is_announced() {
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
        last_message(&mut call)
    };
    assert_eq!(heard(0), cut("Yes, we have one. It"));
    assert_eq!(heard(80), cut("Yes, we have one."), "less rather than too much");
}

#[test]
fn t28_what_is_said_over_the_greeting_is_kept_and_answered() {
    let mut config = config();
    config.greeting = Some("This call is recorded.".into());
    config.greeting_interruptible = false;
    let mut call = Scenario::new(config);
    call.at(100).voice("This call is recorded.", 3_000).at(1_000).says("A red one.").at(3_050);
    assert_eq!(call.times_asked(), 0);
    call.at(3_200);
    assert_eq!(call.asked(), [agent("This call is recorded."), user("A red one."),]);
}

#[test]
fn i4_hang_up_and_settings_and_tool_results_outlive_an_interruption() {
    let mut config = config();
    let tool = tool("book");
    config.tools = [tool].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it.").at(2_000);
    let mut barge_in = BargeInConfig::default();
    barge_in.dtmf = true;
    let change = Box::new(SettingsChange::default().with_barge_in(barge_in));
    call.feed(Input::Configure { change }).model_calls(&[("t1", "book")]);
    call.feed(Input::Interrupt).tool("t1", "\"booked\"");
    let messages = call.session().messages();
    assert!(matches!(messages.last(), Some(Message::ToolResult { output, .. })
        if &**output == "\"booked\""));
    call.feed(Input::Say { text: REPLY.into(), interruptible: true }).at(3_000).voice(REPLY, 4_000);
    call.at(4_000).feed(Input::Dtmf { digit: '1' }).at(4_100);
    assert!(call.trace().contains("  4000 interrupted: Dtmf"), "{}", call.trace());
    call.feed(Input::Say { text: "Goodbye!".into(), interruptible: true }).feed(Input::HangUp);
    call.at(4_200).voice("Goodbye!", 800).at(4_500).feed(Input::Interrupt).at(6_000);
    assert!(call.trace().contains("ended: AgentHungUp"), "{}", call.trace());
}

#[test]
fn i8_nothing_of_the_last_answer_is_in_the_next() {
    let mut call = speaking(config());
    let old = call.generation();
    call.at(3_160).speaks().at(3_300).feed(Input::LlmText { generation: old, text: "Or".into() });
    call.at(4_000).stops().hears("Is it blue?").at(5_000);
    let new = call.generation();
    assert_ne!(new, old);
    call.feed(Input::LlmText { generation: old, text: "not that one.".into() });
    call.feed(Input::SynthesisSpoken { generation: old, texts: 9 });
    call.feed(Input::SynthesisFinished { generation: old });
    call.model("It is red.").at(5_100);
    let texts: String = call
        .commands()
        .iter()
        .filter_map(|(_, command)| match command {
            Command::Synthesize { generation, text } if *generation == new => Some(&**text),
            _ => None,
        })
        .collect();
    assert_eq!(texts, "It is red.");
    call.voice("It is red.", 600).at(9_000);
    assert_eq!(last_message(&mut call), agent("It is red."));
}

#[test]
fn i11_a_call_that_comes_after_the_interruption_is_not_made() {
    let mut config = config();
    config.tools = [tool("book")].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it.").at(2_000);
    let before = call.session().messages();
    call.feed(Input::Interrupt).model_calls(&[("t1", "book")]).at(3_000);
    assert!(!call.trace().contains("call tool"), "{}", call.trace());
    assert_eq!(call.session().messages(), before);
}

#[test]
fn i12_a_barge_in_drops_what_is_queued_up_to_what_must_be_said() {
    let say = |text: &str, interruptible| Input::Say { text: text.into(), interruptible };
    let mut call = speaking(config());
    call.feed(say("And a blue one.", true)).feed(say("And a green one.", true));
    call.feed(say("This is recorded.", false)).feed(say("Any other?", true));
    call.at(3_160).speaks().at(3_300);
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
    call.voice("This is recorded.", 500).at(4_000).stops().at(4_100).voice("Any other?", 500);
    call.at(9_000);
    let trace = call.trace();
    assert!(!trace.contains("And a blue") && !trace.contains("And a green"), "{trace}");
    assert!(trace.contains("agent stopped: This is recorded."), "{trace}");
    assert!(trace.contains("agent stopped: Any other?"), "{trace}");
}

#[test]
fn i13_over_uninterruptible_speech_the_recognizer_can_be_given_silence() {
    let mut config = config();
    config.barge_in.uninterruptible = Uninterruptible::Discard;
    config.greeting = Some("This call is recorded.".into());
    config.greeting_interruptible = false;
    let mut call = Scenario::new(config);
    call.at(100).voice("This call is recorded.", 1_000).at(2_000);
    let silence = |on: bool| move |command: &Command| *command == Command::FeedSilence { on };
    assert_eq!(call.when(silence(true)), Some(100));
    assert_eq!(call.when(silence(false)), Some(1_100), "when it was heard");
    call.says("Do you have one?").at(3_200).model(REPLY).at(3_300).voice(REPLY, 4_000).at(9_000);
    assert_eq!(call.trace().matches("feed silence").count(), 1, "{}", call.trace());
}

#[test]
fn i16_the_first_moments_can_be_closed_to_barge_in() {
    let warmed = |warm_up: u64| {
        let mut config = config();
        config.barge_in.warm_up = Duration::from_millis(warm_up);
        let mut call = speaking(config);
        call.at(2_300).speaks().at(5_000);
        call.when(|command| matches!(command, Command::Send { outbound: Outbound::Clear }))
    };
    assert_eq!(warmed(0), Some(2_400));
    assert_eq!(warmed(1_000), Some(3_260), "the speech began at 2,100");
    assert_eq!(SessionConfig::default().barge_in.warm_up, Duration::ZERO);
}

#[test]
fn i16_what_is_said_in_these_moments_is_answered_after_the_speech() {
    let mut config = config();
    config.barge_in.warm_up = Duration::from_secs(3);
    let mut call = speaking(config);
    call.at(2_300).says("And a blue one?").at(6_000);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    assert_eq!(call.at(6_200).times_asked(), 2, "{}", call.trace());
}

#[test]
fn i24_a_noise_before_the_answer_does_not_cost_it() {
    for drafts in [false, true] {
        let mut config = config();
        config.speculation.enabled = drafts;
        let mut call = Scenario::new(config);
        call.at(1_000).says("Do you have one?").at(2_160).speaks().at(2_400).model(REPLY);
        call.at(2_500).voice(REPLY, 4_000).at(2_800).stops().at(9_000);
        assert!(!call.trace().contains("interrupted"), "{}", call.trace());
        assert!(call.trace().contains("  2800 agent started"), "{}", call.trace());
        assert_eq!(last_message(&mut call), agent(REPLY));
    }
}

#[test]
fn i24_a_peer_that_stops_what_has_finished_does_not_cost_the_next_answer() {
    let mut call = Scenario::text(config());
    call.at(1_000).hears("Do you have one?").at(2_000);
    call.feed(Input::PeerInterrupted { heard: None }).model(REPLY).at(9_000);
    assert_eq!(last_message(&mut call), agent(REPLY));
}

#[test]
fn i25_a_key_stops_the_agent_where_that_is_set_apart_from_speech() {
    let pressed = |dtmf: bool, enabled: bool| {
        let mut config = config();
        config.barge_in.dtmf = dtmf;
        config.barge_in.enabled = enabled;
        let mut call = speaking(config);
        call.at(3_000).feed(Input::Dtmf { digit: '1' }).at(3_100);
        call.when(|command| matches!(command, Command::Send { outbound: Outbound::Clear }))
    };
    assert_eq!(pressed(true, true), Some(3_000));
    assert_eq!(pressed(true, false), Some(3_000), "though the voice cannot");
    assert_eq!(pressed(false, true), None);
    let mut config = config();
    config.barge_in.dtmf = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Do you have one?").at(2_000).feed(Input::Dtmf { digit: '1' }).model(REPLY);
    call.at(2_100).voice(REPLY, 4_000).at(9_000);
    assert_eq!(last_message(&mut call), agent(REPLY), "it had not begun");
}

#[test]
fn i13_a_goodbye_is_not_such_speech_and_who_speaks_over_it_is_heard() {
    let mut config = config();
    config.barge_in.uninterruptible = Uninterruptible::Discard;
    let mut call = speaking(config);
    call.at(3_000).feed(Input::HangUp).at(9_000);
    assert!(call.trace().contains("ended"), "{}", call.trace());
    assert!(!call.trace().contains("feed silence"), "{}", call.trace());
}

#[test]
fn i12_what_is_queued_is_said_though_the_owner_stops_what_sounds() {
    let mut call = speaking(config());
    call.feed(Input::Say { text: "And a blue one.".into(), interruptible: true });
    call.at(3_000).feed(Input::Interrupt).at(3_100).voice("And a blue one.", 500).at(5_000);
    let trace = call.trace();
    assert!(trace.contains("interrupted: Requested"), "{trace}");
    assert!(trace.contains("agent stopped: And a blue one."), "{trace}");
}
