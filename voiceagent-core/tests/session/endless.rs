//! A voice that does not stop is stopped: what waits to be heard is bounded by what there is to say.

use voiceagent_core::session::Input;
use voiceagent_testkit::scenario::Scenario;

use crate::presets::phone_with_finalize;

/// The voice makes a second of audio for the live answer, again and again.
fn floods(call: &mut Scenario, seconds: usize) {
    let generation = call.generation();
    for _ in 0..seconds {
        call.feed(Input::Synthesized { generation, payload: vec![0x55; 8_000].into() });
    }
}

#[test]
fn a_voice_that_does_not_stop_is_given_up() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Are you open?").at(2_000).model("Yes, we are.");
    floods(&mut call, 42);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
    floods(&mut call, 1_000);
    assert_eq!(call.trace().matches("failed: Tts").count(), 1, "{}", call.trace());
    call.at(50_000);
    assert!(call.trace().contains("agent interrupted"), "{}", call.trace());
}

#[test]
fn a_slow_voice_may_take_its_time() {
    let mut call = Scenario::new(phone_with_finalize());
    call.at(1_000).says("Are you open?").at(2_000).model("Yes, until 6 PM.");
    call.voice("Yes, until 6 PM.", 30_000).at(40_000);
    assert!(!call.trace().contains("failed"), "{}", call.trace());
}
