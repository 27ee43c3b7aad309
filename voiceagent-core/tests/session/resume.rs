//! Pauses on suspicion: what comes of them, and what of the answer is heard in the end.

use std::time::Duration;

use bytes::Bytes;
use voiceagent_core::{
    ErrorKind, Event, TurnId,
    session::{AgentState, Command, Input, Leg},
    stt::WordTiming,
    transport::Outbound,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::{REPLY, phone, phone_with_finalize, speaking},
    readings::{agent, cut, events, last_message, user},
};

/// From 3,100 to 3,400 ms. The agent is silent from 3,260 ms on.
fn cough(call: &mut Scenario) {
    call.at(3_160).speaks().at(3_600).stops();
}

fn count(call: &Scenario, fits: impl Fn(&Command) -> bool) -> usize {
    call.commands().iter().filter(|(_, command)| fits(command)).count()
}

fn is_clear(command: &Command) -> bool {
    matches!(command, Command::Send { outbound: Outbound::Clear })
}

fn is_pause(command: &Command) -> bool {
    matches!(command, Command::Emit { event: Event::AgentPaused { .. } })
}

fn is_resumption(command: &Command) -> bool {
    matches!(command, Command::Emit { event: Event::AgentResumed { .. } })
}

/// Audio that left from a moment on.
fn sent_from(call: &Scenario, millis: u64) -> Vec<u8> {
    let late = call.commands().iter().filter(|(at, _)| at.as_millis() >= millis);
    late.filter_map(|(_, command)| match command {
        Command::Send { outbound: Outbound::Audio(frame) } => Some(frame.payload.to_vec()),
        _ => None,
    })
    .flatten()
    .collect()
}

/// Audio of which any 8 samples tell their place.
fn pattern(millis: usize) -> Bytes {
    let mut state = 1_u32;
    let bytes = (0..millis * 8).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    bytes.collect()
}

/// The agent speaks [`pattern`] from 2,100 ms on.
fn speaking_pattern(call: &mut Scenario) -> Bytes {
    let payload = pattern(4_000);
    call.at(1_000).says("Do you have one?").at(2_000).model(REPLY).at(2_100);
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: payload.clone() });
    call.feed(Input::SynthesisFinished { generation });
    payload
}

#[test]
fn f1_a_suspicion_silences_the_agent_and_gives_up_nothing() {
    let mut call = speaking(phone());
    call.at(3_160).speaks().at(3_550);
    assert_eq!(call.when(is_clear), Some(3_260), "as soon as an interruption would");
    assert_eq!(call.when(is_pause), Some(3_260));
    assert!(sent_from(&call, 3_260).is_empty());
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    assert!(!call.trace().contains("cancel"), "{}", call.trace());
}

#[test]
fn f2_words_make_an_interruption_at_the_place_of_the_pause() {
    let mut call = speaking(phone());
    call.at(3_160).speaks().at(3_700).interim("wait").at(3_800);
    assert!(call.trace().contains("  3700 interrupted: BargeIn"), "{}", call.trace());
    assert_eq!(last_message(&mut call), cut("Yes, we have one. It"));
    assert_eq!(count(&call, is_clear), 1, "nothing was there to be cleared again");
    call.stops().hears("wait a moment").at(5_500);
    assert_eq!(count(&call, is_resumption), 0, "{}", call.trace());
    assert_eq!(call.times_asked(), 2);
}

#[test]
fn f2_words_that_come_after_the_voice_make_an_interruption_too() {
    let mut call = speaking(phone());
    cough(&mut call);
    call.at(3_900).hears("no").at(9_000);
    assert!(call.trace().contains("  3900 interrupted: BargeIn"), "{}", call.trace());
    assert!(call.trace().contains("agent interrupted: Yes, we have one. It"), "{}", call.trace());
    assert_eq!(count(&call, is_resumption), 0, "{}", call.trace());
}

#[test]
fn f2_where_words_come_behind_the_voice_a_long_one_makes_an_interruption_too() {
    let interrupted = |config| {
        let mut call = speaking(config);
        call.at(3_160).speaks().at(6_099);
        assert_eq!((call.when(is_clear), call.when(is_resumption)), (Some(3_260), None));
        assert!(!call.trace().contains("interrupted"), "{}", call.trace());
        call.at(6_100);
        call.trace().contains("  6100 interrupted: BargeIn")
    };
    for (backchannel, min_duration) in [(None, 160), (Some(700), 160), (Some(700), 2_000)] {
        let mut config = phone();
        config.barge_in.backchannel = backchannel.map(Duration::from_millis);
        config.barge_in.min_duration = Duration::from_millis(min_duration);
        assert!(!interrupted(config.clone()), "words would have come by now");
        config.stt_interim = false;
        assert!(interrupted(config.clone()), "{backchannel:?}");
    }

    let mut config = phone();
    config.stt_interim = false;
    let mut call = speaking(config);
    call.at(3_160).speaks().at(5_900).stops().at(9_000);
    assert_eq!(call.when(is_resumption), Some(7_200), "{}", call.trace());
}

#[test]
fn f2_a_turn_that_is_over_makes_an_interruption() {
    let mut config = phone();
    config.barge_in.min_words = 4;
    let mut call = speaking(config);
    cough(&mut call);
    call.at(3_650).hears("no thanks").feed(Input::CommitTurn).at(5_000);
    assert!(call.trace().contains("user turn: no thanks"), "{}", call.trace());
    assert!(call.trace().contains("interrupted: Superseded"), "{}", call.trace());
    assert!(call.trace().contains("agent interrupted: Yes, we have one. It"), "{}", call.trace());
    assert_eq!(count(&call, is_resumption), 0);
    assert_eq!(call.times_asked(), 2);
}

#[test]
fn f3_the_wait_begins_when_the_user_falls_silent() {
    for (silent, resumed) in [(3_600, 4_900), (5_000, 6_300)] {
        let mut call = speaking(phone());
        call.at(3_160).speaks().at(silent).stops().at(9_000);
        assert_eq!(call.when(is_resumption), Some(resumed), "{}", call.trace());
    }
    let mut call = speaking(phone());
    cough(&mut call);
    call.at(4_500).speaks().at(5_100).stops().at(9_000);
    assert_eq!(call.when(is_resumption), Some(6_400), "the second cough puts it off");
    assert_eq!(count(&call, is_pause), 1);
}

#[test]
fn f3_the_wait_is_put_off_while_the_end_of_a_turn_is_being_decided() {
    let mut config = phone();
    config.barge_in.min_words = 4;
    config.barge_in.resume_after = Duration::from_millis(250);
    let mut call = speaking(config);
    cough(&mut call);
    call.at(3_640).interim("no").at(4_300);
    assert_eq!(count(&call, is_resumption), 0, "{}", call.trace());
    call.at(4_500);
    assert!(call.trace().contains("  4400 turn dropped 2"), "{}", call.trace());
    assert_eq!(call.when(is_resumption), Some(4_400), "{}", call.trace());
}

#[test]
fn f4_the_agent_goes_on_at_the_exact_sample_and_tells_so_once() {
    let mut call = Scenario::new(phone());
    let payload = speaking_pattern(&mut call);
    cough(&mut call);
    call.at(9_000);
    // 1,160 ms had been heard when the agent fell silent, at 3,260 ms.
    assert_eq!(sent_from(&call, 3_260), payload[1_160 * 8..]);
    assert_eq!(call.when(is_resumption), Some(4_900));
    assert_eq!((count(&call, is_pause), count(&call, is_resumption)), (1, 1));
    let after = events(&call).find_map(|(_, event)| match event {
        Event::AgentResumed { after, .. } => Some(*after),
        _ => None,
    });
    assert_eq!(after, Some(Duration::from_millis(1_640)));
    assert!(call.trace().contains(&format!("  7740 agent stopped: {REPLY}")), "{}", call.trace());
}

#[test]
fn f5_what_had_not_begun_begins() {
    let mut call = Scenario::new(phone());
    call.at(1_000).says("Do you have one?").at(2_000).model(REPLY).at(2_050).speaks();
    call.at(2_100).voice(REPLY, 4_000).at(2_500).stops().at(2_600);
    assert!(call.trace().contains("  2500 agent started"), "{}", call.trace());
    call.at(9_000);
    assert!(call.trace().contains(&format!("  6500 agent stopped: {REPLY}")), "{}", call.trace());
    assert_eq!(count(&call, is_pause) + count(&call, is_resumption), 0);
}

#[test]
fn f6_late_reports_repeat_a_little_and_lose_nothing() {
    let mut call = Scenario::new(phone());
    call.marks_late_by(80);
    let payload = speaking_pattern(&mut call);
    cough(&mut call);
    call.at(9_000);
    let again = sent_from(&call, 3_260);
    let from = payload.len() - again.len();
    assert_eq!(again, payload[from..]);
    let heard = 1_160 * 8;
    assert!((heard - 200 * 8..=heard).contains(&from), "from {from}, heard {heard}");
    assert_eq!(last_message(&mut call), agent(REPLY));
}

#[test]
fn f6_a_far_end_without_marks_goes_on_by_our_own_pace() {
    let mut config = phone();
    config.marks = false;
    let mut call = Scenario::new(config);
    let payload = speaking_pattern(&mut call);
    cough(&mut call);
    call.at(9_000);
    assert_eq!(sent_from(&call, 3_260), payload[1_160 * 8..]);
    assert_eq!(last_message(&mut call), agent(REPLY));
}

#[test]
fn f6_marks_that_the_clear_brings_back_late_are_not_heard_after_the_resumption() {
    let mut config = phone();
    config.barge_in.resume_after = Duration::from_millis(100);
    let mut call = speaking(config);
    call.marks_late_by(700).at(3_160).speaks().at(3_500).stops().at(3_600);
    assert_eq!(call.when(is_resumption), Some(3_500), "{}", call.trace());
    call.at(4_100).feed(Input::Interrupt);
    // The marks of before the pause are back by now; of the audio since, none is.
    assert_eq!(last_message(&mut call), cut("Yes, we"), "as it was at the pause");
}

#[test]
fn f7_word_timings_hold_after_a_resumption() {
    let timing = |word: &str, end| WordTiming {
        word: word.into(),
        start: Duration::ZERO,
        end: Duration::from_millis(end),
    };
    let mut call = Scenario::new(phone());
    call.at(1_000).says("Do you have one?").at(2_000).model(REPLY).at(2_100);
    let generation = call.generation();
    let words = ["Yes", "we", "have", "one", "It", "is", "a", "red", "car"];
    let words: Vec<_> = words.iter().zip(1..).map(|(word, nth)| timing(word, nth * 300)).collect();
    call.feed(Input::Words { generation, words }).voice(REPLY, 4_000);
    cough(&mut call);
    // 1,160 ms until the pause and 1,060 ms from the resumption at 4,900 ms on make seven words.
    call.at(5_960).feed(Input::Interrupt);
    assert_eq!(last_message(&mut call), cut("Yes, we have one. It is a"));
}

#[test]
fn f7_both_halves_are_one_message_and_h16_nothing_stands_twice() {
    let mut call = speaking(phone());
    cough(&mut call);
    call.at(9_000);
    let said = [user("Do you have one?"), agent(REPLY)];
    assert_eq!(*call.session().messages(), said);
}

#[test]
fn f8_after_some_pauses_in_vain_only_words_stop_the_agent() {
    let mut config = phone();
    config.barge_in.resume_after = Duration::from_millis(300);
    config.barge_in.back_off = 2;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Do you have one?").at(2_000).model(REPLY).at(2_100).voice(REPLY, 30_000);
    for start in [3_000, 5_000, 7_000] {
        call.at(start).speaks().at(start + 500).stops();
    }
    call.at(9_000);
    assert_eq!(count(&call, is_pause), 2, "{}", call.trace());
    call.at(15_000).speaks().at(15_500).stops().at(16_000);
    assert_eq!(count(&call, is_pause), 3, "the line is quiet again: {}", call.trace());
    call.at(17_000).speaks().at(17_500).stops().at(18_000).speaks().at(18_500);
    let pauses = count(&call, is_pause);
    call.interim("stop").at(19_000);
    assert_eq!(count(&call, is_pause), pauses);
    assert!(call.trace().contains(" 18500 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn f8_noise_that_never_ends_does_not_silence_the_agent_for_ever() {
    let mut call = speaking(phone());
    call.at(3_160).speaks().at(20_000);
    assert_eq!(call.when(is_resumption), Some(8_100), "{}", call.trace());
    assert_eq!(last_message(&mut call), agent(REPLY));
}

#[test]
fn f9_a_resumption_is_no_new_start() {
    let mut call = speaking(phone());
    cough(&mut call);
    call.at(9_000);
    assert_eq!(call.trace().matches("agent started").count(), 1, "{}", call.trace());
    assert_eq!(call.trace().matches("agent stopped").count(), 1, "{}", call.trace());
}

#[test]
fn i5_an_interruption_of_a_paused_agent_lets_the_announcement_that_waits_begin() {
    let mut call = speaking(phone());
    call.at(3_160).speaks().at(3_400);
    call.feed(Input::Say { text: "We close now.".into(), interruptible: false });
    call.feed(Input::Interrupt).at(3_500).voice("We close now.", 1_000).at(9_000);
    assert_eq!(count(&call, is_pause), 1);
    assert!(call.trace().contains("  4500 agent stopped: We close now."), "{}", call.trace());
    assert_eq!(call.session().poll_timeout(), None);
}

#[test]
fn i5_without_an_interruption_the_announcement_comes_after_the_resumed_answer() {
    let mut call = speaking(phone());
    call.at(3_160).speaks().at(3_400);
    call.feed(Input::Say { text: "We close now.".into(), interruptible: false });
    call.at(3_600).stops().at(8_000).voice("We close now.", 1_000).at(10_000);
    assert!(call.trace().contains(&format!("  7740 agent stopped: {REPLY}")), "{}", call.trace());
    assert!(call.trace().contains("  9000 agent stopped: We close now."), "{}", call.trace());
}

#[test]
fn a_goodbye_that_is_asked_for_lets_a_paused_agent_finish() {
    let mut call = speaking(phone());
    call.at(3_160).speaks().at(3_400).feed(Input::HangUp).at(3_600).stops().at(12_000);
    assert_eq!(count(&call, is_resumption), 1, "{}", call.trace());
    assert!(call.trace().contains(&format!("agent stopped: {REPLY}")), "{}", call.trace());
    assert!(call.trace().contains("ended: AgentHungUp"), "{}", call.trace());
}

#[test]
fn a_voice_that_has_nothing_more_to_say_ends_a_pause() {
    let mut call = Scenario::new(phone());
    call.at(1_000).says("Do you have one?").at(2_000).model("We have.").at(2_100);
    let generation = call.generation();
    call.feed(Input::Synthesized { generation, payload: pattern(1_000) });
    // What it had was heard when it was paused, and the rest turns out to be nothing.
    call.at(2_990).speaks().at(3_095).feed(Input::SynthesisFinished { generation }).at(9_000);
    assert!(call.trace().contains("agent stopped: We have."), "{}", call.trace());
    assert_eq!(call.session().poll_timeout(), None, "{}", call.trace());
}

#[test]
fn a_text_leg_does_not_pause_and_does_not_resume() {
    let mut call = Scenario::text(phone());
    call.feed(Input::Say { text: REPLY.into(), interruptible: true });
    call.at(300).speaks().at(9_000);
    assert_eq!(count(&call, is_pause) + count(&call, is_resumption), 0, "{}", call.trace());
    assert!(call.trace().contains("   300 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn a_far_end_that_cannot_drop_audio_is_interrupted_and_not_paused() {
    let mut config = phone();
    config.clear = false;
    config.barge_in.backchannel = None;
    let mut call = speaking(config);
    cough(&mut call);
    assert_eq!(count(&call, is_pause), 0);
    assert!(call.trace().contains("  3260 interrupted: BargeIn"), "{}", call.trace());
}

#[test]
fn i1_words_over_a_paused_agent_interrupt_it_as_soon_as_the_voice_has_lasted() {
    let mut config = phone();
    config.barge_in.min_duration = Duration::from_millis(600);
    config.barge_in.min_words = 1;
    let mut call = speaking(config);
    call.at(3_160).speaks().at(3_400).interim("stop").at(5_000);
    let trace = call.trace();
    assert!(trace.contains("  3260 agent paused"), "{trace}");
    assert!(trace.contains("  3700 interrupted: BargeIn"), "600 ms of voice: {trace}");
}

#[test]
fn i24_words_over_what_was_said_before_do_not_cost_an_answer_that_has_not_begun() {
    for detector in [true, false] {
        let mut config = phone_with_finalize();
        config.greeting = Some("This call is recorded.".into());
        config.greeting_interruptible = false;
        config.turn_detector = detector;
        let mut call = Scenario::new(config);
        call.at(100).voice("This call is recorded.", 2_900).at(1_000).says("Do you have one?");
        call.at(2_500).speaks().at(2_800).interim("a red").at(3_100).model(REPLY);
        call.voice(REPLY, 4_000).at(3_400).stops();
        let turn = TurnId::new(2);
        let (text_len, probability, backchannel) = (5, 0.9, 0.0);
        let score = Input::EndOfTurnScore { turn, text_len, probability, backchannel };
        call.at(3_430).feed(if detector { score } else { Input::Timeout });
        call.at(3_450).interim("a red one").at(3_690).hears("").at(20_000);
        assert!(!call.trace().contains("interrupted"), "{}", call.trace());
        assert_eq!(last_message(&mut call), agent(REPLY), "{}", call.trace());
    }
}

#[test]
fn f3_a_detector_that_is_lost_in_a_pause_makes_no_interruption_of_it() {
    for (backchannel, min_duration) in [(None, 600), (Some(700), 160)] {
        let mut config = phone();
        config.barge_in.backchannel = backchannel.map(Duration::from_millis);
        config.barge_in.min_duration = Duration::from_millis(min_duration);
        let mut call = speaking(config);
        call.at(3_160).speaks().at(3_400);
        call.feed(Input::LegLost { leg: Leg::Vad, kind: ErrorKind::Protocol }).at(20_000);
        assert!(!call.trace().contains("interrupted"), "{}", call.trace());
        assert_eq!(call.when(is_resumption), Some(4_900), "{}", call.trace());
        assert_eq!(last_message(&mut call), agent(REPLY));
    }
}

#[test]
fn f9_a_paused_agent_is_told_to_be_paused() {
    let mut call = speaking(phone());
    cough(&mut call);
    call.at(9_000);
    let states: Vec<_> = events(&call)
        .filter_map(|(at, event)| match event {
            Event::AgentState { state } => Some((at.as_millis(), *state)),
            _ => None,
        })
        .filter(|(at, _)| *at >= 3_000)
        .collect();
    let told = [AgentState::Paused, AgentState::Speaking, AgentState::Listening];
    assert_eq!(states, [3_260, 4_900, 7_740].into_iter().zip(told).collect::<Vec<_>>());
}

#[test]
fn f8_after_pauses_in_vain_a_long_voice_stops_the_agent_where_words_come_behind_it() {
    let mut config = phone();
    config.stt_interim = false;
    let mut call = Scenario::new(config);
    call.at(1_000).says("Do you have one?").at(2_000).model(REPLY).at(2_100).voice(REPLY, 30_000);
    for at in [3_000, 7_000, 11_000] {
        call.at(at).speaks().at(at + 500).stops();
    }
    call.at(14_000).speaks().at(16_939);
    assert_eq!(count(&call, is_pause), 3, "{}", call.trace());
    assert!(!call.trace().contains("interrupted"), "{}", call.trace());
    call.at(16_940);
    assert!(call.trace().contains(" 16940 interrupted: BargeIn"), "{}", call.trace());
}
