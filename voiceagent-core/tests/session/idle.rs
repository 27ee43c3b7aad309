//! A user who says nothing: when that counts, and what comes of it.

use std::time::Duration;

use voiceagent_core::{
    Event, SessionConfig,
    flow::{Generate, Plan},
    llm::{FinishReason, ToolCall},
    session::{Command, EndReason, IdleConfig, IdlePrompt, Input, SettingsChange},
    transport::Answerer,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{phone_with_finalize, tool},
    readings::events,
};

const FIRST: &str = "Are you still there?";
const SECOND: &str = "Can you hear me?";
const NEVER: [u64; 0] = [];
const GOODBYE: &str = "I hang up now. Goodbye!";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn idle() -> IdleConfig {
    let mut idle = IdleConfig::default();
    idle.prompts = [IdlePrompt::new(secs(8), FIRST), IdlePrompt::new(secs(6), SECOND)].into();
    idle.hang_up_after = Some(secs(5));
    idle.farewell = Some(GOODBYE.into());
    idle
}

fn config() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.idle = idle();
    config
}

/// When the user was asked for the nth time.
fn asked_at(call: &Scenario, wanted: u32) -> Vec<u64> {
    let asked = events(call)
        .filter(|(_, event)| matches!(event, Event::IdlePrompted { nth } if *nth == wanted));
    asked.map(|(at, _)| at.as_millis()).collect()
}

fn end(call: &Scenario) -> Option<(u64, EndReason)> {
    events(call).find_map(|(at, event)| match event {
        Event::Ended { reason } => Some((at.as_millis(), *reason)),
        _ => None,
    })
}

/// An agent whose answer is heard from 2,300 to 3,300 ms.
fn answered(config: SessionConfig) -> Scenario {
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello?").at(2_200).model("Good day.").at(2_300).voice("Good day.", 1_000);
    call
}

#[test]
fn u1_the_wait_begins_when_the_caller_has_heard_the_last_word() {
    let mut call = answered(config());
    call.at(30_000);
    assert_eq!(asked_at(&call, 1), [11_300], "heard at 3,300, made at 2,300");
    let mut call = Scenario::new(config());
    call.marks_late_by(400);
    call.at(1_000).says("Hello?").at(2_200).model("Good day.").at(2_300).voice("Good day.", 1_000);
    call.at(13_000);
    let heard = call
        .when(|command| matches!(command, Command::Emit { event: Event::AgentStopped { .. } }))
        .unwrap();
    assert!(heard >= 3_700, "as the carrier reports it: {heard}");
    assert_eq!(asked_at(&call, 1), [heard + 8_000]);
}

#[test]
fn u2_nobody_is_idle_while_a_turn_is_open_or_an_answer_is_owed() {
    let mut call = answered(config());
    call.at(10_000).speaks();
    for second in 11..25 {
        call.at(second * 1_000).interim(&"well ".repeat(usize::try_from(second).unwrap()));
    }
    assert_eq!(asked_at(&call, 1), NEVER, "{}", call.trace());
    let mut config = config();
    config.model.first_token_timeout = secs(25);
    let mut call = Scenario::new(config);
    call.at(1_000).says("Hello?").at(20_000);
    assert_eq!(asked_at(&call, 1), NEVER, "{}", call.trace());
}

#[test]
fn u2_nobody_is_idle_while_a_tool_runs() {
    let mut config = config();
    let mut book = tool("book");
    book.timeout = secs(60);
    config.tools = [book].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Book it.").at(2_300);
    let generation = call.generation();
    let tool = ToolCall { id: "t1".into(), name: "book".into(), arguments: "{}".into() };
    call.feed(Input::LlmToolCall { generation, call: tool });
    call.feed(Input::LlmFinished { generation, reason: FinishReason::ToolCalls }).at(20_000);
    assert_eq!(asked_at(&call, 1), NEVER);
    call.feed(Input::Interrupt).at(40_000);
    assert_eq!(asked_at(&call, 1), NEVER, "it runs on, and the result may be spoken of");
    call.feed(Input::ToolFinished { generation, id: "t1".into(), output: "1".into() }).at(49_000);
    assert_eq!(asked_at(&call, 1), [48_000], "{}", call.trace());
}

#[test]
fn u2_a_noise_without_words_delays_the_question_and_does_not_prevent_it() {
    // The agent has been silent since 3,300 ms, and asks after 8 s.
    for (noise, asked) in [(9_000, 11_300), (11_000, 12_300)] {
        let mut call = answered(config());
        call.at(noise).speaks().at(noise + 500).stops().at(30_000);
        assert_eq!(asked_at(&call, 1), [asked], "{}", call.trace());
    }
    let mut call = answered(config());
    call.at(9_060).speaks().at(60_000);
    assert_eq!(asked_at(&call, 1), [14_000], "a noise that never ends is no user");
}

#[test]
fn u3_noises_do_not_begin_the_wait_anew_however_often_they_come() {
    let mut call = answered(config());
    for noise in (4_000..60_000).step_by(6_000) {
        call.at(noise).speaks().at(noise + 500).stops();
    }
    assert_eq!(asked_at(&call, 1), [11_300], "{}", call.trace());
    assert!(call.session().is_ended(), "{}", call.trace());
}

#[test]
fn u3_words_begin_the_wait_anew_though_no_turn_comes_of_them() {
    let mut call = answered(config());
    call.at(9_000).interim("uh").at(9_100).interim("").at(30_000);
    assert!(!call.trace().contains("user turn: uh"), "{}", call.trace());
    assert_eq!(asked_at(&call, 1), [17_100]);
}

#[test]
fn u3_words_begin_the_ladder_anew_and_a_key_does_too() {
    for key in [true, false] {
        let mut call = answered(config());
        call.at(11_400).voice(FIRST, 1_000).at(14_000);
        match key {
            true => call.feed(Input::Dtmf { digit: '1' }),
            false => call.says("Yes.").at(15_200).model("Good.").voice("Good.", 400),
        };
        call.at(26_000);
        assert_eq!(asked_at(&call, 1).len(), 2, "{}", call.trace());
        assert_eq!(asked_at(&call, 2), NEVER);
    }
}

#[test]
fn u4_changed_settings_apply_to_a_wait_that_has_begun() {
    let change =
        |idle| Input::Configure { change: Box::new(SettingsChange::default().with_idle(idle)) };
    let mut shorter = idle();
    shorter.prompts = [IdlePrompt::new(secs(4), "Hello?")].into();
    let mut call = answered(config());
    call.at(5_000).feed(change(shorter.clone())).at(10_000);
    assert_eq!(asked_at(&call, 1), [7_300]);
    let mut call = answered(config());
    call.at(9_000).feed(change(shorter)).at(9_100);
    assert_eq!(asked_at(&call, 1), [9_000], "it is overdue");
    let mut call = answered(config());
    call.at(5_000).feed(change(IdleConfig::default())).at(90_000);
    assert_eq!(asked_at(&call, 1), NEVER, "it was taken away");
    assert_eq!(end(&call), None);
}

#[test]
fn u5_a_silent_user_is_asked_twice_told_goodbye_and_left() {
    let mut call = answered(config());
    call.at(11_400).voice(FIRST, 1_000).at(19_000).voice(SECOND, 1_000).at(26_000);
    call.voice(GOODBYE, 1_500).at(60_000);
    assert_eq!(asked_at(&call, 1), [11_300]);
    assert_eq!(asked_at(&call, 2), [18_400], "6 s after the first was heard, at 12,400");
    assert_eq!(end(&call), Some((27_500, EndReason::Idle)), "when it was heard: {}", call.trace());
    let trace = call.trace();
    assert!(trace.contains(" 25000 synthesize"), "{trace}");
    assert!(trace.contains("idle prompt 1") && trace.contains("idle prompt 2"));
    assert!(trace.contains("agent stopped: I hang up now. Goodbye!"), "{trace}");
    assert!(trace.contains("hang up\n"), "{trace}");
}

#[test]
fn u5_who_answers_the_goodbye_is_answered_and_the_ladder_begins_anew() {
    let mut call = answered(config());
    call.at(11_400).voice(FIRST, 1_000).at(19_000).voice(SECOND, 1_000).at(25_100);
    call.voice("I hang up now.", 800).at(25_300).speaks().at(25_600).interim("I am").at(25_700);
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
    call.at(26_200).stops().hears("I am here").at(27_500).model("Good.").voice("Good.", 500);
    call.at(34_000);
    assert_eq!(end(&call), None);
    call.at(37_000);
    assert_eq!(asked_at(&call, 1).len(), 2, "{}", call.trace());
}

#[test]
fn u5_without_a_goodbye_the_call_just_ends_and_without_settings_it_never_does() {
    let mut config = config();
    config.idle = IdleConfig::default();
    config.idle.hang_up_after = Some(secs(20));
    let mut call = answered(config.clone());
    call.at(60_000);
    assert_eq!(end(&call), Some((23_300, EndReason::Idle)));
    config.idle = IdleConfig::default();
    let mut call = answered(config);
    call.at(600_000);
    assert_eq!(end(&call), None);
    assert_eq!(call.session().poll_timeout(), None);
}

#[test]
fn u6_who_asks_for_a_moment_gets_it() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Hold on a second.").at(2_200).model("Sure.").at(2_300);
    call.voice("Sure.", 1_000).at(60_000);
    assert_eq!(asked_at(&call, 1), [33_300], "half a minute: {}", call.trace());
    assert_eq!(asked_at(&call, 2), [39_300 + 6_000], "the next comes as always");

    let mut call = Scenario::new(config());
    call.at(1_000).says("Hold on a second.").at(2_200).model("Sure.").at(2_300);
    call.voice("Sure.", 1_000).at(10_000).feed(Input::Dtmf { digit: '1' }).at(60_000);
    assert_eq!(asked_at(&call, 1), [40_000], "a key takes nothing back: {}", call.trace());
}

#[test]
fn u6_the_owner_and_the_flow_can_give_time_too() {
    let mut call = answered(config());
    call.at(9_000).feed(Input::Wait { period: secs(20) }).at(40_000);
    assert_eq!(asked_at(&call, 1), [29_000]);

    let mut config = config();
    config.flow = true;
    let mut call = Scenario::new(config);
    call.at(1_000).says("My card is in the car.").at(2_200);
    let generation = call.generation();
    let plan = Generate::new("Tell them to take their time.", []).with_wait(secs(45));
    call.feed(Input::Planned { generation, plan: Some(Plan::from(plan)) }).model("Take your time.");
    call.at(2_300).voice("Take your time.", 1_000).at(60_000);
    assert_eq!(asked_at(&call, 1), [48_300], "{}", call.trace());
}

#[test]
fn u7_nobody_is_idle_before_the_greeting_was_heard() {
    let mut config = config();
    config.greeting = Some("Welcome to the garage.".into());
    let mut call = Scenario::new(config);
    call.at(500).voice("Welcome to the garage.", 2_000).at(11_000);
    assert_eq!(asked_at(&call, 1), [10_500], "{}", call.trace());
}

#[test]
fn u7_nobody_is_idle_while_it_rings() {
    let mut config = config();
    config.answerer = true;
    let mut call = Scenario::new(config.clone());
    call.at(40_000).feed(Input::AnsweredBy { who: Answerer::Human }).at(49_000);
    assert_eq!(asked_at(&call, 1), [48_000], "{}", call.trace());
    let mut call = Scenario::new(config);
    call.at(40_000).says("Hello?").at(41_200).model("Good day.").voice("Good day.", 800).at(60_000);
    assert_eq!(asked_at(&call, 1), [50_000], "who speaks is there: {}", call.trace());
}

#[test]
fn u5_nobody_is_left_at_the_end_of_a_goodbye_in_which_a_sound_was_heard() {
    let mut config = config();
    config.barge_in.enabled = false;
    let mut call = answered(config);
    call.at(11_400).voice(FIRST, 1_000).at(19_000).voice(SECOND, 1_000).at(25_100);
    call.voice(GOODBYE, 1_500).at(25_500).speaks().at(25_900).stops().at(28_000);
    assert!(call.trace().contains("agent stopped: I hang up now."), "{}", call.trace());
    assert_eq!(end(&call), None, "it may have been an answer: {}", call.trace());
    call.at(31_700).voice(GOODBYE, 1_500).at(60_000);
    assert_eq!(end(&call), Some((33_200, EndReason::Idle)), "{}", call.trace());
}
