//! Calls that are handed over, and those that are not.

use std::time::Duration;

use voiceagent_core::{
    ErrorKind, SessionConfig,
    session::{EndReason, Input, Leg},
    transport::Answerer,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::phone_with_finalize,
    readings::{ended_at, ends, synthesized, user},
};

fn config() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.transfer = true;
    config
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn say(text: &str) -> Input {
    Input::Say { text: text.into(), interruptible: true }
}

#[test]
fn d11_a_transfer_is_the_reason_when_the_carrier_agreed() {
    let mut call = Scenario::new(config());
    call.at(500).feed(say("I connect you.")).feed(Input::Transfer { to: "desk".into() });
    call.at(700).voice("I connect you.", 800).at(3_000);
    assert!(call.trace().contains("  1500 transfer to desk"), "{}", call.trace());
    assert_eq!(ended_at(&call), None, "the carrier has not answered");
    call.feed(Input::Transferred).feed(Input::HungUp);
    assert_eq!(ends(&call), [EndReason::Transferred]);
    assert!(!call.trace().contains("hang up"), "others speak with the caller now");
}

#[test]
fn d11_a_transfer_that_fails_is_told_and_the_call_goes_on() {
    for can_transfer in [true, false] {
        let mut config = config();
        config.transfer = can_transfer;
        let mut call = Scenario::new(config);
        call.at(500).feed(Input::Transfer { to: "desk".into() }).at(900);
        if can_transfer {
            call.feed(Input::NotTransferred { kind: ErrorKind::Rejected });
        }
        assert_eq!(call.trace().contains("transfer to desk"), can_transfer);
        call.voice("I am sorry, I could not put you through.", 1_500).at(4_000);
        assert!(call.trace().contains("failed: Transport"), "{}", call.trace());
        assert!(call.trace().contains("agent stopped: I am sorry, I could not put you through."));
        call.says("Then book it.").at(6_000);
        assert_eq!(call.times_asked(), 1, "the conversation goes on");
        assert_eq!(ends(&call), []);
    }
}

#[test]
fn d11_what_is_said_or_lost_during_a_transfer_counts_when_it_fails() {
    let refused = Input::NotTransferred { kind: ErrorKind::Rejected };
    let mut call = Scenario::new(config());
    call.at(500).feed(Input::Transfer { to: "desk".into() }).at(900).says("Wait!").at(3_000);
    assert_eq!(call.times_asked(), 0, "nobody knows yet who is to answer");
    call.feed(refused.clone()).at(3_100);
    call.voice("I am sorry, I could not put you through.", 1_500).at(5_000);
    assert_eq!(call.asked().last(), Some(&user("Wait!")), "{}", call.trace());

    let mut call = Scenario::new(config());
    call.at(500).feed(Input::Transfer { to: "desk".into() }).at(900);
    call.feed(Input::LegLost { leg: Leg::Tts, kind: ErrorKind::Disconnected }).at(1_000);
    assert_eq!(ends(&call), [], "others are to speak");
    call.feed(refused);
    assert_eq!(ends(&call), [EndReason::Failed], "nobody can");
}

#[test]
fn d11_a_carrier_that_never_answers_does_not_keep_the_caller_waiting() {
    let mut call = Scenario::new(config());
    call.at(500).feed(Input::Transfer { to: "desk".into() }).at(30_000);
    assert!(call.trace().contains(" 20500 failed: Transport"), "{}", call.trace());
    assert!(call.trace().contains("could not put you through"));
    let mut call = Scenario::new(config());
    call.at(500).feed(Input::Transfer { to: "desk".into() }).at(700).feed(Input::HungUp);
    assert_eq!(ends(&call), [EndReason::UserHungUp], "nobody agreed");
}

#[test]
fn d11_a_transfer_may_take_as_long_as_the_transport_says() {
    let mut config = config();
    config.longest_transfer = Some(secs(120));
    config.idle.hang_up_after = Some(secs(30));
    for is_answered in [true, false] {
        let mut call = Scenario::new(config.clone());
        call.at(500).feed(Input::Transfer { to: "desk".into() }).at(110_000);
        assert!(!call.trace().contains("failed"), "a phone may ring: {}", call.trace());
        assert_eq!(ends(&call), []);
        if is_answered {
            call.feed(Input::Transferred);
            assert_eq!(ends(&call), [EndReason::Transferred]);
        } else {
            call.at(121_000);
            assert!(call.trace().contains("120500 failed: Transport"), "{}", call.trace());
        }
    }
}

#[test]
fn d11_a_call_that_was_handed_over_without_the_session_or_late_ends_as_a_transfer() {
    let mut call = Scenario::new(config());
    call.at(500).feed(Input::Transferred).at(600).feed(Input::HungUp);
    assert_eq!(ends(&call), [EndReason::Transferred], "{}", call.trace());
    assert!(!call.trace().contains("hang up"), "others speak with the caller now");
    let mut call = Scenario::new(config());
    call.at(500).feed(Input::Transfer { to: "desk".into() }).at(25_000);
    assert!(call.trace().contains("failed: Transport"), "{}", call.trace());
    call.feed(Input::Transferred).at(26_000).feed(Input::HungUp);
    assert_eq!(ends(&call), [EndReason::Transferred], "{}", call.trace());
    // Nobody asked the session, and so it has nothing to say.
    let mut call = Scenario::new(config());
    call.at(500).feed(Input::NotTransferred { kind: ErrorKind::Rejected }).at(5_000);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
}

#[test]
fn d11_while_the_application_hands_over_nothing_is_begun_and_turns_wait_for_its_failure() {
    let handing_over = |begins| Input::HandingOver { begins };
    let mut call = Scenario::new(config());
    call.at(500).feed(say("One moment.")).at(700).voice("One moment.", 1_000);
    call.at(900).feed(handing_over(true)).at(1_000).feed(say("Are you there?"));
    call.at(3_000).says("How long will it take?").at(9_000);
    assert!(call.trace().contains("agent stopped: One moment."), "{}", call.trace());
    assert_eq!(call.times_asked(), 0, "{}", call.trace());
    assert!(!call.trace().contains("Are you there?"), "{}", call.trace());
    call.feed(handing_over(false)).at(9_100);
    assert!(call.trace().contains("Are you there?"), "{}", call.trace());
    call.voice("Are you there?", 1_000).at(12_000);
    assert_eq!(call.asked().last(), Some(&user("How long will it take?")), "{}", call.trace());
    // The application knows why, and nobody asked the session.
    assert!(!call.trace().contains("failed"), "{}", call.trace());
    assert_eq!(ends(&call), []);
}

#[test]
fn d11_a_handover_of_the_application_ends_the_call_or_its_wait_in_its_time() {
    let mut call = Scenario::new(config());
    call.at(500).feed(Input::HandingOver { begins: true });
    call.at(900).feed(Input::LegLost { leg: Leg::Tts, kind: ErrorKind::Disconnected }).at(1_000);
    assert_eq!(ends(&call), [], "others are to speak");
    call.feed(Input::Transferred).at(2_000).feed(Input::HungUp);
    assert_eq!(ends(&call), [EndReason::Transferred]);
    assert!(!call.trace().contains("hang up"), "{}", call.trace());
    // A line that tells nothing more does not silence the agent for ever.
    let mut config = config();
    config.longest_transfer = Some(secs(60));
    let mut call = Scenario::new(config);
    call.at(500).feed(Input::HandingOver { begins: true }).at(900).says("Hello?").at(60_000);
    assert_eq!(call.times_asked(), 0, "{}", call.trace());
    call.at(61_000);
    assert_eq!(call.asked().last(), Some(&user("Hello?")), "{}", call.trace());
    // Nor does one that tells meanwhile who has answered: they are greeted behind it.
    let mut config = phone_with_finalize();
    (config.answerer, config.greeting_waits) = (true, Some(secs(10)));
    config.greeting = Some("Good day.".into());
    let mut call = Scenario::new(config);
    call.at(500).feed(Input::HandingOver { begins: true });
    call.at(600).feed(Input::AnsweredBy { who: Answerer::Human }).at(20_000);
    assert_eq!(synthesized(&call), "", "{}", call.trace());
    call.at(21_000);
    assert_eq!(synthesized(&call), "Good day.", "{}", call.trace());
}
