//! A call that was recorded is a test: the machine decides today as it decided then.
//!
//! Where a change of the machine is meant to change this call, record it anew:
//! `cargo run -p voiceagent-replay --example record_call -- voiceagent-replay/testdata`

use voiceagent_testkit::replay::assert_replays;

#[test]
fn the_recorded_call_is_decided_as_it_was() {
    assert_replays(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/call-1.journal"));
}
