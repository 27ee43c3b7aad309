//! What is said over the agent: signs of attention, and too little to stop it.

use std::time::Duration;

use voiceagent_core::{
    SessionConfig, TurnId,
    audio::Decibels,
    session::{Command, Input},
    stt::Transcript,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{REPLY, answers, phone, speaking, tool},
    readings::{agent, last_message},
};

const SIGNS: [&str; 5] = ["Mhm.", "uh-huh", "okay", "Yeah.", "Oh, I see."];
const WISHES: [&str; 5] = ["No.", "stop", "wait", "Hello?", "okay but"];

fn config() -> SessionConfig {
    let mut config = phone();
    // Pauses and what comes of them: see `resume.rs`.
    config.barge_in.pause = None;
    config
}

/// The user is heard from 3,100 to 3,400 ms, and understood when that is over.
fn murmured(config: SessionConfig, text: &str) -> Scenario {
    let mut call = speaking(config);
    call.at(3_160).speaks().at(3_600).stops().at(3_650).hears(text).at(9_000);
    call
}

fn was_let_pass(call: &mut Scenario, text: &str) {
    let trace = call.trace();
    assert!(!trace.contains("interrupted"), "{trace}");
    assert!(trace.contains(&format!("backchannel: {text}")), "{trace}");
    assert!(!trace.contains(&format!("user turn: {text}")), "{trace}");
    assert_eq!(call.times_asked(), 1);
    assert_eq!(last_message(call), agent(REPLY));
}

#[test]
fn i1_a_sign_of_attention_neither_stops_the_agent_nor_makes_a_turn() {
    for sign in SIGNS {
        was_let_pass(&mut murmured(config(), sign), sign);
        let mut call = speaking(config());
        call.at(3_160).speaks().at(3_400).interim(sign).at(3_600).stops();
        call.at(3_650).hears(sign).at(9_000);
        was_let_pass(&mut call, sign);
    }
}

#[test]
fn i20_a_sign_of_attention_to_a_question_that_sounds_is_its_answer() {
    const ASKED: &str = "We have a lift free on Monday. Shall I book it for you for ten o'clock?";
    let told = |sign: &str, text: &str, at: u64| {
        let mut call = Scenario::new(config());
        answers(&mut call, text);
        call.at(at).speaks().at(at + 400).stops().at(at + 450).hears(sign).at(9_000);
        call.trace().contains(&format!("user turn: {sign}"))
    };
    for sign in ["Yep.", "Okay.", "Uh-huh.", "Right, exactly."] {
        assert!(told(sign, ASKED, 4_500), "{sign}");
        assert!(!told(sign, ASKED, 2_400), "{sign} to what comes before the question");
        assert!(!told(sign, REPLY, 4_500), "{sign} to what is no question");
    }
    assert!(!told("Um.", ASKED, 4_500), "it is no answer");
}

#[test]
fn i20_a_short_interruption_stops_the_agent_with_its_first_word() {
    for wish in WISHES {
        let mut call = speaking(config());
        call.at(3_160).speaks().at(3_400).interim(wish).at(3_401);
        assert!(call.trace().contains("  3400 interrupted: BargeIn"), "{}", call.trace());
        let trace = murmured(config(), wish).trace();
        assert!(trace.contains("  3650 interrupted: BargeIn"), "{trace}");
        assert!(trace.contains(&format!("user turn: {wish}")), "{trace}");
    }
}

#[test]
fn i20_after_the_time_limit_the_voice_decides() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(5_000);
    assert!(call.trace().contains("  3800 interrupted: BargeIn"), "{}", call.trace());
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300).interim("mhm").at(5_000);
    assert!(call.trace().contains("  3800 interrupted: BargeIn"), "it goes on too long");
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_700).stops().at(9_000);
    assert!(!call.trace().contains("interrupted"), "a cough: {}", call.trace());
}

#[test]
fn i20_nothing_is_waited_for_where_every_voice_is_an_interruption() {
    let mut config = config();
    config.barge_in.backchannel = None;
    let mut call = speaking(config);
    call.at(3_160).speaks().at(3_300);
    assert!(call.trace().contains("  3260 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i20_a_turn_detector_knows_signs_that_no_list_has() {
    let judged = |backchannel: f32| {
        let mut config = config();
        config.turn_detector = true;
        let mut call = speaking(config);
        call.at(3_160).speaks().at(3_600).stops().at(3_650).hears("Very nice.").at(3_660);
        assert!(!call.trace().contains("interrupted"), "{}", call.trace());
        let (turn, text_len) = (TurnId::new(2), "Very nice.".len());
        call.feed(Input::EndOfTurnScore { turn, text_len, probability: 1.0, backchannel });
        call.at(9_000);
        call
    };
    was_let_pass(&mut judged(0.9), "Very nice.");
    assert!(judged(0.2).trace().contains("  3660 interrupted: BargeIn"));
}

#[test]
fn i20_a_detector_that_does_not_answer_costs_no_interruption() {
    let mut config = config();
    config.turn_detector = true;
    let trace = murmured(config, "Stop it.").trace();
    assert!(trace.contains("  3700 interrupted"), "at the end of the turn: {trace}");
}

#[test]
fn i20_a_sign_of_attention_while_tools_run_does_not_cost_the_answer() {
    let mut config = config();
    let tool = tool("look");
    config.tools = [tool].into();
    let mut call = Scenario::new(config);
    call.at(1_000).says("Do you have one?").at(2_000);
    call.writes("Let me look. ");
    call.model_calls(&[("t1", "look")]).at(2_100).voice("Let me look. ", 600).at(3_000);
    call.speaks().at(3_500).stops().hears("Okay.").at(4_500);
    assert!(call.trace().contains("backchannel: Okay."), "{}", call.trace());
    call.tool("t1", "1").at(4_600).model("We do.").voice("We do.", 400).at(9_000);
    assert!(call.trace().contains("agent stopped: Let me look. We do."), "{}", call.trace());
}

#[test]
fn i20_without_a_detector_the_recognizers_words_tell() {
    let mut config = config();
    config.vad = false;
    let speaking = || {
        let mut call = Scenario::new(config.clone());
        call.at(1_000).hears("Do you have one?").at(2_000).model(REPLY).at(2_100);
        call.voice(REPLY, 4_000).at(3_000).feed(Input::SttSpeechStarted);
        call
    };
    let mut call = speaking();
    call.at(3_300).interim("uh-huh").at(3_600).hears("Uh-huh.").at(9_000);
    was_let_pass(&mut call, "Uh-huh.");
    let mut call = speaking();
    call.at(3_300).interim("wait").at(3_400);
    assert!(call.trace().contains("  3300 interrupted: BargeIn"), "{}", call.trace());
    let mut call = speaking();
    call.at(4_000);
    assert!(call.trace().contains("  3700 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i20_what_is_typed_is_no_sign_of_attention() {
    let mut call = Scenario::text(config());
    call.at(1_000).hears("Do you have one?").at(2_000);
    call.writes("Yes, we have one. It is");
    call.at(2_100).hears("okay").at(3_000);
    assert!(call.trace().contains("user turn: okay"), "{}", call.trace());
}

#[test]
fn i21_words_of_an_open_decision_are_in_the_turn_when_it_is_an_interruption() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_300).interim("uh-huh").at(3_500).interim("uh-huh but wait");
    assert!(call.trace().contains("  3500 interrupted: BargeIn"), "{}", call.trace());
    call.at(4_000).stops().hears("Uh-huh, but wait.").at(5_000);
    assert!(call.trace().contains("user turn: Uh-huh, but wait."), "{}", call.trace());
}

#[test]
fn i21_a_sign_that_is_spelled_anew_after_it_was_let_pass_is_still_one() {
    let after = |late: u64| {
        let mut call = speaking(config());
        // The interim is let pass at 5,800; the agent has finished at 6,100.
        call.at(4_660).speaks().at(4_800).interim("mhm").at(5_000).stops();
        call.at(late).feed(Input::Transcript { transcript: Transcript::final_("Mm-hmm.") });
        call.at(9_000).trace()
    };
    assert!(!after(6_300).contains("user turn: Mm-hmm."), "{}", after(6_300));
    assert!(after(6_900).contains("user turn: Mm-hmm."), "a second later it is something new");
}

#[test]
fn i21_what_is_said_over_the_last_words_of_the_agent_is_an_answer() {
    let mut call = speaking(config());
    call.at(5_900).speaks().at(6_200).stops().hears("Okay.").at(7_000);
    assert!(call.trace().contains("user turn: Okay."), "{}", call.trace());
    assert_eq!(call.times_asked(), 2);
}

#[test]
fn i1_fewer_words_than_an_interruption_takes_make_no_turn() {
    let mut config = config();
    config.barge_in.min_words = 2;
    config.barge_in.backchannel = None;
    let trace = murmured(config.clone(), "no").trace();
    assert!(!trace.contains("interrupted") && !trace.contains("user turn: no"), "{trace}");
    assert!(trace.contains("turn dropped"), "{trace}");
    let trace = murmured(config, "no wait").trace();
    assert!(trace.contains("  3650 interrupted: BargeIn"), "{trace}");
}

#[test]
fn i1_where_both_are_asked_for_a_voice_that_is_too_short_makes_no_turn() {
    let said_for = |millis: u64, min_words: u32| {
        let mut config = config();
        config.barge_in.min_words = min_words;
        config.barge_in.min_duration = Duration::from_millis(200);
        let mut call = speaking(config);
        call.at(3_160).speaks().at(3_300 + millis).stops().hears("no").at(9_000);
        call.trace()
    };
    assert!(!said_for(150, 1).contains("interrupted"), "{}", said_for(150, 1));
    assert!(said_for(150, 1).contains("turn dropped"), "{}", said_for(150, 1));
    assert!(said_for(220, 1).contains("interrupted"), "{}", said_for(220, 1));
    assert!(said_for(150, 0).contains("interrupted"), "what was understood is not lost");
}

#[test]
fn i1_the_limits_are_for_speech_over_the_agent_only() {
    let mut config = config();
    config.barge_in.min_words = 3;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Okay.").at(2_000);
    assert!(call.trace().contains("user turn: Okay."), "{}", call.trace());
    assert!(call.when(|command| matches!(command, Command::Generate { .. })).is_some());
}

#[test]
fn t19_words_of_an_overlap_that_came_to_nothing_do_not_count_in_the_next() {
    let mut config = config();
    config.barge_in.min_words = 2;
    config.barge_in.backchannel = None;
    let mut call = speaking(config);
    call.at(3_160).speaks().at(3_500).stops().hears("uh").at(4_160).speaks();
    call.at(4_400).interim("uh").at(4_600).stops().hears("uh").at(9_000);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    // Two voices within one turn: what the first one said does not count for the second.
    let mut config = self::config();
    config.barge_in.min_words = 2;
    let mut call = speaking(config);
    call.at(3_160).speaks().at(3_500).stops().interim("and").at(3_560).speaks();
    call.at(3_800).interim("and then").at(3_900);
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    call.interim("and then there").at(3_950);
    assert!(call.trace().contains("  3900 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i1_each_sign_is_told_though_the_next_comes_soon() {
    let mut call = speaking(config());
    call.at(3_160).speaks().at(3_600).stops().at(3_650).hears("Mhm.").at(3_900).speaks();
    call.at(4_100).interim("okay").at(4_200).stops().at(4_250).hears("Okay.").at(9_000);
    let trace = call.trace();
    assert_eq!(trace.matches("backchannel: ").count(), 2, "{trace}");
    assert!(trace.contains("backchannel: Okay."), "{trace}");
}

#[test]
fn i1_a_turn_that_began_before_the_agent_spoke_is_taken_whole() {
    let mut config = config();
    config.endpointing.max_turn_words = Some(6);
    config.barge_in.min_words = 2;
    let mut call = Scenario::new(config);
    call.at(1_000).speaks().at(3_000).interim("I do not know what to do");
    // The agent takes the floor from a user who goes on.
    call.at(3_200).interim("and then").at(3_300).model(REPLY).at(3_400).voice(REPLY, 4_000);
    call.at(4_000).interim("and then well").at(4_300).stops().hears("and then well").at(9_000);
    let trace = call.trace();
    assert!(trace.contains("user turn: and then well"), "{trace}");
}

#[test]
fn i1_without_edges_a_voice_alone_does_not_stop_who_asks_for_words() {
    let mut config = config();
    config.vad = false;
    config.barge_in.min_words = 2;
    let mut call = Scenario::new(config);
    call.at(1_000).hears("Do you have one?").at(3_000).model(REPLY).voice(REPLY, 4_000);
    call.at(4_000).feed(Input::SttSpeechStarted).at(9_000);
    let trace = call.trace();
    assert!(trace.contains("agent started") && !trace.contains("interrupted"), "{trace}");
}

/// A caller who has been heard twice at -20 dBFS is answered, and a voice of another level is heard
/// over that from 3,100 ms on.
fn overheard(config: SessionConfig, level: f32) -> Scenario {
    let mut call = Scenario::new(config);
    let level_of = |level| Input::SpeechLevel { level: Decibels(level) };
    for at in [100, 500] {
        call.at(at).feed(level_of(-20.0)).speaks().at(at + 250).stops();
    }
    answers(&mut call, REPLY);
    call.at(3_160).feed(level_of(level)).speaks();
    call
}

#[test]
fn i1_a_voice_far_softer_than_the_callers_does_not_stop_the_agent_by_itself() {
    for config in [config(), phone()] {
        let mut call = overheard(config.clone(), -36.0);
        call.at(4_500).stops().at(9_000);
        let trace = call.trace();
        assert!(!trace.contains("interrupted") && !trace.contains("paused"), "{trace}");
        assert_eq!(last_message(&mut call), agent(REPLY));

        let mut any = config.clone();
        any.barge_in.softer = None;
        for (config, level) in [(config, -34.0), (any, -60.0)] {
            let mut call = overheard(config, level);
            call.at(4_500).stops().at(9_000);
            let trace = call.trace();
            assert!(trace.contains("interrupted") || trace.contains("paused"), "{trace}");
        }
    }
}

#[test]
fn i1_words_in_a_soft_voice_stop_the_agent() {
    for config in [config(), phone()] {
        let mut call = overheard(config, -40.0);
        call.at(3_700).interim("wait a moment").at(3_900);
        assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
    }
}

#[test]
fn i1_without_interim_words_a_soft_voice_counts_as_any() {
    let mut config = config();
    config.stt_interim = false;
    let mut call = overheard(config, -40.0);
    call.at(4_500);
    assert!(call.trace().contains("interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i1_a_sign_of_attention_over_what_cannot_be_stopped_makes_no_turn_either() {
    const TERMS: &str = "This call is recorded for quality, and may be kept for a year.";
    let announced = |config: SessionConfig, interruptible: bool, text: &str| {
        let mut call = Scenario::new(config);
        call.at(1_000).feed(Input::Say { text: TERMS.into(), interruptible });
        call.at(1_100).voice(TERMS, 4_000);
        call.at(2_160).speaks().at(2_600).stops().at(2_650).hears(text).at(9_000);
        call
    };
    let closed = || {
        let mut config = config();
        config.barge_in.enabled = false;
        config
    };
    let warming = || {
        let mut config = config();
        config.barge_in.warm_up = Duration::from_secs(3);
        config
    };
    for sign in ["uh-huh", "okay", "mhm"] {
        for (config, interruptible) in [(config(), false), (closed(), true), (warming(), true)] {
            let call = announced(config, interruptible, sign);
            let trace = call.trace();
            assert!(trace.contains(&format!("backchannel: {sign}")), "{trace}");
            assert_eq!(call.times_asked(), 0, "{trace}");
        }
    }
    let call = announced(config(), false, "who is this");
    assert_eq!(call.times_asked(), 1, "i14: it is kept, and answered: {}", call.trace());
}

#[test]
fn i20_a_sign_of_attention_to_a_question_that_cannot_be_stopped_is_its_answer() {
    const ASKED: &str = "This call is recorded. Is that all right with you?";
    let mut config = config();
    config.greeting = Some(ASKED.into());
    config.greeting_interruptible = false;
    let mut call = Scenario::new(config);
    call.at(100).voice(ASKED, 3_000);
    call.at(2_760).speaks().at(3_200).stops().at(3_250).hears("okay").at(6_000);
    assert_eq!(call.times_asked(), 1, "{}", call.trace());
}

#[test]
fn i1_a_voice_of_more_than_a_second_shows_more_than_attention_whatever_its_words() {
    let mut config = config();
    config.greeting = Some("This call is recorded, and may be kept for a year.".into());
    config.greeting_interruptible = false;
    for (until, times) in [(2_200, 0), (2_700, 1)] {
        let mut call = Scenario::new(config.clone());
        call.at(100).voice("This call is recorded, and may be kept for a year.", 4_000);
        call.at(1_160).speaks().at(until).stops().at(until + 50).hears("okay").at(9_000);
        assert_eq!(call.times_asked(), times, "{}", call.trace());
    }
}
