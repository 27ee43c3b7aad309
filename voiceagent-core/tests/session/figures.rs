//! What a session tells of its own times.

use std::time::Duration;

use voiceagent_core::{
    Event, SessionConfig,
    llm::FinishReason,
    observer::{LatencyObserver, Observer, TurnLatency},
    session::Input,
};
use voiceagent_testkit::scenario::Scenario;

use crate::{presets::phone, readings::events};

fn config() -> SessionConfig {
    let mut config = phone();
    config.marks = false;
    config
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn turns(call: &Scenario) -> Vec<TurnLatency> {
    let (mut observer, report) = LatencyObserver::new();
    for (at, event) in events(call) {
        observer.on_event(at, event);
    }
    report.snapshot().turns().to_vec()
}

fn told<T>(call: &Scenario, of: impl Fn(&Event) -> Option<T>) -> Vec<T> {
    events(call).filter_map(|(_, event)| of(event)).collect()
}

/// Asked at 1,900 after speech that ended at 1,600.
fn asked(config: SessionConfig) -> Scenario {
    let mut call = Scenario::new(config);
    call.at(1_000).says("Are you open?").at(2_000);
    call
}

#[test]
fn m2_and_m3_delays_count_from_the_end_of_speech() {
    let call = asked(config());
    let [turn] = &turns(&call)[..] else { panic!("{}", call.trace()) };
    assert_eq!((turn.end_of_turn_delay, turn.transcription_delay), (ms(300), Some(ms(200))));
}

#[test]
fn m3_words_that_were_known_before_the_end_of_speech_give_no_sample() {
    let mut call = Scenario::new(config());
    call.at(1_000).speaks().at(1_500).hears("Yes.").at(1_800).stops().at(2_000);
    assert_eq!(turns(&call)[0].transcription_delay, None);
    let mut unheard = config();
    unheard.vad = false;
    let mut call = Scenario::new(unheard);
    call.at(1_000).feed(Input::SttSpeechStarted).at(1_500).hears("Yes.").at(3_000);
    assert_eq!(turns(&call)[0].transcription_delay, None, "the words are all that is known");
}

#[test]
fn m5_a_model_that_reasons_is_waited_for() {
    let mut call = asked(config());
    let generation = call.generation();
    for at in [5_000, 9_000, 13_000] {
        call.at(at).feed(Input::LlmProgress { generation });
    }
    call.at(14_000).model("Yes, we are.");
    assert!(!call.trace().contains("failed"), "{}", call.trace());
    let first = told(&call, |event| match event {
        Event::FirstToken { after, reasoned, .. } => Some((*after, *reasoned)),
        _ => None,
    });
    assert_eq!(first, [(ms(12_100), Some(ms(3_100)))]);
}

#[test]
fn m5_a_model_may_not_reason_for_ever() {
    let mut call = asked(config());
    let generation = call.generation();
    for second in 3..60 {
        call.at(second * 1_000).feed(Input::LlmProgress { generation });
    }
    assert!(call.trace().contains(" 31900 failed: Llm timeout"), "{}", call.trace());
    assert_eq!(call.times_asked(), 2);
    let mut call = asked(config());
    let generation = call.generation();
    call.at(3_000).feed(Input::LlmProgress { generation }).at(20_000);
    assert!(
        call.trace().contains("  8000 failed: Llm timeout"),
        "it went silent: {}",
        call.trace()
    );
}

#[test]
fn m5_a_model_may_not_reason_for_ever_after_its_first_words_either() {
    for blank in [None, Some(" \n")] {
        let mut call = asked(config());
        let generation = call.generation();
        call.at(3_000).writes("Yes, we").at(4_000).writes(" are");
        for second in 5..60 {
            call.at(second * 1_000);
            match blank {
                Some(blank) => _ = call.writes(blank),
                None => _ = call.feed(Input::LlmProgress { generation }),
            }
        }
        assert!(call.trace().contains(" 34000 failed: Llm stalled"), "{}", call.trace());
    }
}

#[test]
fn m6_and_m7_the_first_sentence_counts_from_its_request_and_from_its_first_word() {
    let mut call = asked(config());
    let generation = call.generation();
    call.writes("Yes").at(2_250);
    call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop }).at(2_300);
    call.voice("Yes", 200).at(3_000);
    let [turn] = &turns(&call)[..] else { panic!("{}", call.trace()) };
    assert_eq!((turn.ttft, turn.first_answer_token), (Some(ms(100)), Some(ms(100))));
    assert_eq!((turn.first_sentence, turn.aggregation), (Some(ms(350)), Some(ms(250))));
    assert_eq!(turn.ttfb, Some(ms(50)));
}

#[test]
fn m6_words_that_no_model_wrote_are_no_first_sentence() {
    let mut config = config();
    config.greeting = Some("Hello!".into());
    config.model.retries = 0;
    let mut call = Scenario::new(config);
    call.voice("Hello!", 400).at(1_000).says("Are you open?").at(2_000);
    let generation = call.generation();
    call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop }).at(2_500);
    assert!(call.trace().contains("I am sorry"), "{}", call.trace());
    let sentences = told(&call, |event| matches!(event, Event::FirstSentence { .. }).then_some(()));
    assert_eq!(sentences.len(), 0);
}

#[test]
fn m8_and_m9_the_first_audio_is_not_the_first_that_can_be_heard() {
    let mut call = asked(config());
    call.model("Yes, we are.");
    let generation = call.generation();
    let silence = vec![0xFF; 800];
    let sound = [vec![0xFF; 400], vec![0x00; 400]].concat();
    call.at(2_080).feed(Input::Synthesized { generation, payload: silence.into() });
    call.at(2_100).feed(Input::Synthesized { generation, payload: sound.clone().into() });
    call.at(2_120).feed(Input::Synthesized { generation, payload: sound.into() }).at(2_500);
    let silences = told(&call, |event| match event {
        Event::FirstAudible { silence, .. } => Some(*silence),
        _ => None,
    });
    assert_eq!(silences, [ms(150)], "once, in the call's own audio");
    let turn = &turns(&call)[0];
    assert_eq!((turn.ttfb, turn.first_audible), (Some(ms(80)), Some(ms(80 + 150))));
}

#[test]
fn p9_a_draft_tells_what_it_saved_and_how_early_it_was() {
    let mut drafts = config();
    drafts.speculation.enabled = true;
    let mut call = Scenario::new(drafts);
    // Asked at 1,800, when the words are there; the turn is over at 1,900.
    call.at(1_000).says("Are you open?").at(1_850);
    let generation = call.generation();
    call.writes("Yes, we are.").at(2_000);
    call.feed(Input::LlmFinished { generation, reason: FinishReason::Stop }).at(2_100);
    call.voice("Yes, we are.", 500).at(3_000);
    let [turn] = &turns(&call)[..] else { panic!("{}", call.trace()) };
    assert!(turn.drafted);
    assert_eq!((turn.saved, turn.response), (Some(ms(100)), Some(ms(500))));
    assert_eq!(turn.first_token_at.map(|at| at.as_micros()), Some(-50_000));
    assert_eq!(turn.first_audio_at.map(|at| at.as_micros()), Some(200_000));
    let plain = asked(config());
    assert_eq!((turns(&plain)[0].saved, turns(&plain)[0].drafted), (None, false));
}
