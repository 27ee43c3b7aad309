//! A voice that fails at what is said on the side.

use std::time::Duration;

use voiceagent_core::{ErrorKind, session::Input, stt::WordTiming};
use voiceagent_testkit::scenario::Scenario;

use super::{config, found, searching};

#[test]
fn h1_words_on_the_side_at_which_the_voice_failed_count_as_far_as_they_were_heard() {
    // What fills the last frame holds nothing of a word that broke off.
    for (samples, heard) in
        [(4_000, "agent interrupted: I ask the\n"), (3_190, "agent interrupted: I ask\n")]
    {
        let (mut call, _) = searching(config());
        let text = "I ask the people in the workshop whether it is there.";
        call.at(2_100).feed(Input::SayUntilHeard {
            text: text.into(),
            interruptible: true,
            ticket: 7,
        });
        let generation = call.generation();
        let words = [("I", 100), ("ask", 300), ("the", 400), ("people", 900)].map(|(word, end)| {
            let end = Duration::from_millis(end);
            WordTiming { word: word.into(), start: Duration::ZERO, end }
        });
        call.feed(Input::Words { generation, words: words.into() });
        call.feed(Input::Synthesized { generation, payload: vec![0x55; samples].into() });
        call.feed(Input::SynthesisFailed { kind: ErrorKind::Disconnected }).at(4_000);
        assert!(call.trace().contains(heard), "{}", call.trace());
        assert!(call.trace().contains("not said 7"), "{}", call.trace());
    }
}

#[test]
fn x10_words_that_the_voice_failed_at_come_before_those_on_the_side() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Find it").at(2_000);
    call.writes("Let me have a look. ");
    call.model_calls(&[("a", "search")]);
    call.feed(Input::Say { text: "I ask the workshop.".into(), interruptible: true });
    call.at(2_100).feed(Input::SynthesisFailed { kind: ErrorKind::Disconnected });
    assert_eq!(call.trace().matches(": Let me have a look.").count(), 2, "{}", call.trace());
    call.voice("Let me have a look.", 600).voice("I ask the workshop.", 600).at(5_000);
    let trace = call.trace();
    assert!(trace.contains("agent stopped: I ask the workshop."), "{trace}");
}

#[test]
fn x11_a_voice_that_fails_at_a_filler_costs_the_filler_alone() {
    let (mut call, generation) = searching(config());
    call.at(2_900).at(6_000);
    assert!(call.trace().contains("failed: Tts"), "no audio came: {}", call.trace());
    assert!(call.trace().contains("cancel voice 2"), "it is given up: {}", call.trace());
    call.feed(found(generation)).model("It is there.").voice("It is there.", 500).at(8_000);
    assert!(call.trace().contains("agent stopped: It is there."), "{}", call.trace());
}
