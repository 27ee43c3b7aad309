//! What a session makes of parts that fail: nobody is left in silence, and nothing is made up.

use std::time::Duration;

use voiceagent_core::{
    ErrorKind, SessionConfig,
    flow::Plan,
    llm::{FinishReason, Message},
    session::{Command, EndReason, Input, Leg},
    stt::WordTiming,
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::phone_with_finalize,
    readings::{agent, last_message, synthesized, user},
};

fn config() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.apology = "Sorry, say that again.".into();
    config
}

fn hang_ups(call: &Scenario) -> usize {
    let is_hang_up =
        |command: &Command| matches!(command, Command::Send { outbound: Outbound::HangUp });
    call.commands().iter().filter(|(_, command)| is_hang_up(command)).count()
}

#[test]
fn re1_a_voice_that_finishes_without_a_sound_is_asked_again_and_nothing_was_heard() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000).model("Yes, we are.");
    let generation = call.generation();
    call.at(2_100).feed(Input::SynthesisFinished { generation });
    assert_eq!(call.trace().matches(": Yes, we are.").count(), 2, "{}", call.trace());
    let generation = call.generation();
    call.at(2_200).feed(Input::SynthesisFinished { generation }).at(3_000);
    assert_eq!(*call.session().messages(), [user("Are you open?")]);
}

#[test]
fn text_that_nobody_can_speak_is_no_failure() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000).model("…");
    let generation = call.generation();
    call.at(2_100).feed(Input::SynthesisFinished { generation }).at(3_000);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
}

/// The voice fails at an answer until it is given up.
fn fails(call: &mut Scenario, at: u64) {
    for after in [0, 0, 600] {
        call.at(at + after).feed(Input::SynthesisFailed { kind: ErrorKind::Overloaded });
    }
}

#[test]
fn a_voice_that_fails_twice_at_an_answer_rests_and_says_it_then() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000).model("Yes, until six.");
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Stalled });
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Stalled }).at(2_499);
    let made = |call: &Scenario| call.trace().matches(": Yes, until six.").count();
    assert_eq!(made(&call), 2, "{}", call.trace());
    call.at(2_500).voice("Yes, until six.", 800).at(6_000);
    assert!(call.trace().matches(": Yes, until six.").count() >= 3, "{}", call.trace());
    let said = agent("Yes, until six.");
    assert_eq!(last_message(&mut call), said, "{}", call.trace());
}

#[test]
fn a19_a_voice_that_fails_for_three_answers_in_a_row_ends_the_call() {
    let mut call = Scenario::new(config());
    for at in [1_000, 11_000, 21_000] {
        call.at(at).says("Hello?").at(at + 1_100).model("Good day.");
        fails(&mut call, at + 1_100);
    }
    assert!(call.trace().contains("ended: Failed"), "{}", call.trace());
    assert_eq!(hang_ups(&call), 1);
}

#[test]
fn a19_an_answer_that_was_heard_forgives_the_failures_before_it() {
    let mut call = Scenario::new(config());
    for at in [1_000, 11_000, 21_000, 31_000] {
        call.at(at).says("Hello?").at(at + 1_100).model("Good day.");
        if at == 21_000 {
            call.voice("Good day.", 500).at(at + 2_000);
        } else {
            fails(&mut call, at + 1_100);
        }
    }
    assert!(!call.trace().contains("ended"), "{}", call.trace());
}

#[test]
fn a_voice_that_is_lost_does_not_leave_the_caller_on_a_dead_line() {
    let mut call = Scenario::new(config());
    call.at(1_000).feed(Input::LegLost { leg: Leg::Tts, kind: ErrorKind::Disconnected });
    assert_eq!(hang_ups(&call), 1);
    assert!(call.trace().contains("ended: Failed"));
}

#[test]
fn audio_of_a_voice_that_was_given_up_is_not_played() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hello?").at(2_000).model("Good day to you and all the others.");
    let generation = call.generation();
    let payload = vec![0x55; 4_000];
    call.feed(Input::Synthesized { generation, payload: payload.clone().into() }).at(2_100);
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Disconnected });
    call.feed(Input::Synthesized { generation, payload: payload.into() }).at(5_000);
    assert_eq!(call.samples_sent(), 4_000);
    assert!(call.trace().contains("agent interrupted: Good"), "{}", call.trace());
}

#[test]
fn what_a_voice_that_broke_off_leaves_behind_ends_in_silence() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hello?").at(2_000).model("Good day to you and all the others.");
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: vec![0x10; 4_000].into() }).at(2_100);
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Disconnected }).at(5_000);
    let sent = call.commands().iter().filter_map(|(_, command)| match command {
        Command::Send { outbound: Outbound::Audio(frame) } => Some(frame.payload.clone()),
        _ => None,
    });
    let sent: Vec<u8> = sent.flatten().collect();
    assert_eq!((sent.len(), sent[0]), (4_000, 0x10));
    assert!(sent[3_999] & 0x7f > 0x60, "close to silence: {:#x}", sent[3_999]);
}

#[test]
fn a_voice_that_fails_behind_a_user_who_speaks_still_says_what_it_has() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hello?").at(2_000).model("Good day to you.").speaks();
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: vec![0x55; 4_000].into() }).at(2_400);
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Timeout }).at(2_500).stops().at(4_000);
    assert_eq!(call.samples_sent(), 4_000, "{}", call.trace());
}

#[test]
fn h1_the_silence_that_fills_up_a_frame_says_no_word() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000).model("Yes, we are.");
    let generation = call.generation();
    let end = |millis| Duration::from_millis(millis);
    let words = [("Yes,", 20), ("we", 30), ("are.", 60)].map(|(word, at)| WordTiming {
        word: word.into(),
        start: end(0),
        end: end(at),
    });
    call.feed(Input::Words { generation, words: words.into() });
    // 25 ms, which leave as two frames of 20 ms.
    call.feed(Input::Synthesized { generation, payload: vec![0x55; 200].into() });
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Disconnected }).at(4_000);
    assert!(call.trace().contains("agent interrupted: Yes,\n"), "{}", call.trace());
}

#[test]
fn rd12_an_empty_answer_is_asked_for_again_and_then_apologised_for() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hello?").at(2_000);
    let generation = call.generation();
    let empty = Input::LlmFinished { generation, reason: FinishReason::Stop };
    call.feed(empty.clone());
    assert_eq!(call.times_asked(), 2);
    call.feed(empty);
    assert!(call.trace().contains("synthesize 1: Sorry, say that again."), "{}", call.trace());
}

#[test]
fn a19_answers_that_break_in_mid_sentence_are_failures_too() {
    let mut call = Scenario::new(config());
    for at in [1_000, 11_000, 21_000] {
        call.at(at).says("Hello?").at(at + 1_100);
        let generation = call.generation();
        call.writes("Good day to you. And");
        call.voice("Good day to you. And", 800).at(at + 1_500);
        call.feed(Input::LlmFailed { generation, kind: ErrorKind::Stalled, retry_after: None });
        call.voice("Good day to you. And", 0).at(at + 4_000);
    }
    assert!(call.trace().contains("ended: Failed"), "{}", call.trace());
}

#[test]
fn p8_a_plan_that_fails_for_a_draft_costs_nothing() {
    let mut config = config();
    config.flow = true;
    config.speculation.enabled = true;
    config.model.max_failures = 1;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(1_750).hears("Are you open?").at(1_800);
    let draft = call.generation();
    call.feed(Input::Planned { generation: draft, plan: None });
    assert!(call.trace().contains("draft dropped 1"), "{}", call.trace());
    call.stops().at(2_300);
    let generation = call.generation();
    assert!(generation > draft, "the turn itself is planned anew");
    call.feed(Input::Planned { generation, plan: Some(Plan::Say("Yes, we are.".into())) });
    call.voice("Yes, we are.", 500).at(4_000);
    assert!(call.trace().contains("agent stopped: Yes, we are."), "{}", call.trace());
}

#[test]
fn a_recognizer_that_is_lost_during_the_goodbye_does_not_cut_it() {
    let mut call = Scenario::new(config());
    call.at(500)
        .feed(Input::Say { text: "Goodbye!".into(), interruptible: true })
        .feed(Input::HangUp);
    call.at(700).voice("Goodbye!", 1_000).at(900);
    call.feed(Input::LegLost { leg: Leg::Stt, kind: ErrorKind::Disconnected }).at(5_000);
    assert!(call.trace().contains("agent stopped: Goodbye!"), "{}", call.trace());
    assert!(call.trace().contains("ended: AgentHungUp"));
}

#[test]
fn a_call_that_must_end_now_ends_now() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hello?").at(2_000).model("Good day, dear caller.");
    call.voice("Good day, dear caller.", 2_000).at(3_000);
    call.feed(Input::EndCall { reason: EndReason::AgentHungUp });
    assert_eq!(hang_ups(&call), 1);
    assert!(call.trace().contains("ended: AgentHungUp"));
    assert!(matches!(last_message(&mut call), Message::Assistant { interrupted: true, .. }));
    assert!(call.session().poll_timeout().is_none());
}

#[test]
fn rd5_a_model_that_stalls_in_mid_sentence_is_given_up_after_its_own_deadline() {
    let mut config = config();
    config.model.stall_timeout = Duration::from_secs(2);
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello?").at(2_000);
    call.writes("Good day to you. And").at(3_999);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
    call.at(4_000);
    assert!(call.trace().contains("  4000 failed: Llm"), "{}", call.trace());
}

#[test]
fn h1_a_voice_that_was_given_up_cannot_claim_to_have_spoken_the_rest() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hello?").at(2_000).model("Good day to you and all the others.");
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: vec![0x55; 4_000].into() }).at(2_100);
    call.feed(Input::SynthesisFailed { kind: ErrorKind::Overloaded });
    call.feed(Input::SynthesisSpoken { generation, texts: 1 });
    call.feed(Input::SynthesisFinished { generation }).at(5_000);
    assert!(call.trace().contains("agent interrupted: Good\n"), "{}", call.trace());
}

#[test]
fn h9_an_apology_and_the_words_before_it_do_not_run_together() {
    let mut config = config();
    config.apology = "Sorry, that failed.".into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello?").at(2_000);
    let generation = call.generation();
    call.writes("Good day?");
    call.feed(Input::LlmFailed { generation, kind: ErrorKind::Rejected, retry_after: None })
        .at(2_100);
    let said = synthesized(&call);
    assert_eq!(said.trim(), "Good day? Sorry, that failed.");
}

/// A call whose model is rate limited at 2 s, for so long.
fn limited_for(wait: Duration) -> Scenario {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000);
    let (generation, kind) = (call.generation(), ErrorKind::RateLimited);
    call.feed(Input::LlmFailed { generation, kind, retry_after: Some(wait) });
    call
}

#[test]
fn rd1_a_model_is_asked_again_when_it_said_and_not_before() {
    let mut call = limited_for(Duration::from_millis(1_500));
    call.at(3_499);
    assert_eq!(call.times_asked(), 1);
    call.at(3_500);
    assert_eq!(call.times_asked(), 2);
    let mut call = limited_for(Duration::ZERO);
    call.at(2_299);
    assert_eq!(call.times_asked(), 1, "it is left to breathe");
    call.at(2_300);
    assert_eq!(call.times_asked(), 2);
}

#[test]
fn rd1_nobody_waits_for_a_model_that_wants_longer_than_an_answer_may_take() {
    let mut call = limited_for(Duration::from_secs(20));
    call.at(2_001);
    assert_eq!(call.times_asked(), 1);
    assert!(!synthesized(&call).is_empty(), "the apology comes at once: {}", call.trace());
}

#[test]
fn rd7_a_model_whose_call_was_no_call_is_asked_again_at_once_and_one_that_refuses_is_not() {
    for (kind, asked) in [(ErrorKind::Protocol, 2), (ErrorKind::Rejected, 1)] {
        let mut call = Scenario::new(config());
        call.at(1_000).says("Are you open?").at(2_000);
        let generation = call.generation();
        call.feed(Input::LlmFailed { generation, kind, retry_after: None }).at(2_001);
        assert_eq!(call.times_asked(), asked, "{kind}");
    }
}

#[test]
fn an_answer_of_whole_sentences_is_an_answer() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000).model("Yes, we are. ");
    call.voice("Yes, we are.", 600).at(4_000);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
    call.at(5_000).says("Until when?").at(6_000);
    let generation = call.generation();
    call.writes("Until six today. ");
    call.voice("Until six today.", 600).at(6_200);
    call.feed(Input::LlmFailed { generation, kind: ErrorKind::Disconnected, retry_after: None });
    call.voice("Until six today.", 0).at(9_000);
    let trace = call.trace();
    assert!(trace.contains("agent stopped: Until six today.\n"), "no apology: {trace}");
}

/// Answers that fail or do not, and are heard, one after the other.
fn answered(fail: &[bool]) -> Scenario {
    let mut call = Scenario::new(config());
    for (at, fails) in (1_000..).step_by(10_000).zip(fail) {
        call.at(at).says("Are you open?").at(at + 1_200);
        let generation = call.generation();
        if *fails {
            call.feed(Input::LlmFailed {
                generation,
                kind: ErrorKind::Rejected,
                retry_after: None,
            });
            call.voice("Sorry, say that again.", 500);
        } else {
            call.model("Yes, we are.").voice("Yes, we are.", 500);
        }
    }
    call.at(90_000);
    call
}

#[test]
fn a19_only_failures_in_a_row_end_the_call() {
    let (mut good, mut bad) = (answered(&[true, true, false, true, true]), answered(&[true; 3]));
    assert!(!good.session().is_ended(), "{}", good.trace());
    assert!(bad.session().is_ended(), "{}", bad.trace());
}

/// A call whose model has written a sentence and goes on, of which the voice has spoken so much.
fn open_speech(samples: usize) -> Scenario {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hello?").at(2_000);
    let generation = call.generation();
    call.writes("Good day to you and all the others. And");
    call.feed(Input::Synthesized { generation, payload: vec![0x55; samples].into() });
    call
}

#[test]
fn re2_a_voice_that_falls_silent_while_the_model_writes_has_stalled_after_three_seconds() {
    let mut call = open_speech(3_200);
    call.at(4_990);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
    call.at(5_010);
    assert!(call.trace().contains("failed: Tts"), "{}", call.trace());
}

#[test]
fn re2_a_voice_that_has_said_what_it_has_owes_nothing_until_more_is_written() {
    let mut call = open_speech(16_000);
    call.at(6_500);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
    call.writes(" how are you, dear caller, on such a day? And").at(9_490);
    assert!(!call.trace().contains("failed: Tts"), "{}", call.trace());
    call.at(9_510);
    assert!(call.trace().contains("failed: Tts"), "{}", call.trace());
}
