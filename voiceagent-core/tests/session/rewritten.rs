//! A model that breaks off before anything of its answer has left is asked again, in silence.

use voiceagent_core::{ErrorKind, SessionConfig, session::Input};
use voiceagent_testkit::scenario::Scenario;

use crate::{
    presets::phone_with_finalize,
    readings::{agent, last_message},
};

fn config() -> SessionConfig {
    let mut config = phone_with_finalize();
    config.apology = "Sorry, say that again.".into();
    config
}

/// A call in which the model has said something and the voice has been handed it.
fn begun() -> Scenario {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000);
    call.writes("Let me look. ");
    call
}

fn breaks_off(call: &mut Scenario, at: u64) {
    let generation = call.generation();
    let kind = ErrorKind::Disconnected;
    call.at(at).feed(Input::LlmFailed { generation, kind, retry_after: None });
}

#[test]
fn re4_an_answer_that_breaks_off_unheard_is_written_anew() {
    let mut call = begun();
    breaks_off(&mut call, 2_100);
    call.at(2_200).model("Yes, until six.").voice("Yes, until six.", 800).at(6_000);
    assert_eq!(last_message(&mut call), agent("Yes, until six."), "{}", call.trace());
    assert!(!call.trace().contains("Sorry"), "{}", call.trace());
}

#[test]
fn what_the_voice_makes_of_forgotten_words_is_not_heard() {
    let mut call = begun();
    let forgotten = call.generation();
    breaks_off(&mut call, 2_100);
    let payload = vec![0; 8_000].into();
    call.at(2_150).feed(Input::Synthesized { generation: forgotten, payload });
    assert!(!call.trace().contains("audio"), "{}", call.trace());
}

#[test]
fn a_model_that_breaks_off_again_is_apologised_for() {
    let mut call = Scenario::new(config());
    call.at(1_000).says("Are you open?").at(2_000);
    let generation = call.generation();
    for at in [2_000, 2_100] {
        call.at(at).feed(Input::LlmText { generation, text: "Let me".into() });
        call.feed(Input::LlmFailed {
            generation,
            kind: ErrorKind::Disconnected,
            retry_after: None,
        });
    }
    assert!(call.trace().contains("Sorry, say that again."), "{}", call.trace());
}

#[test]
fn words_that_have_left_are_not_taken_back() {
    let mut call = begun();
    call.voice("Let me look.", 800).at(2_500);
    breaks_off(&mut call, 2_500);
    call.voice("Let me look.", 0).at(6_000);
    assert_eq!(call.times_asked(), 1, "{}", call.trace());
    assert_eq!(last_message(&mut call), agent("Let me look."), "{}", call.trace());
}
