//! A call that was recorded is a test: the machine decides today as it decided then, and its
//! journal is written as it was.
//!
//! Where a change of the machine is meant to change this call, record it anew:
//! `cargo run -p voiceagent-replay --example record_call -- voiceagent-replay/testdata`

use voiceagent_core::journal::Recording;
use voiceagent_testkit::replay::assert_replays;

const CALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/call-1.journal");

#[test]
fn the_recorded_call_is_decided_as_it_was() {
    assert_replays(CALL);
    assert_eq!(Recording::open(CALL).unwrap().rewritten(), [0; 0]);
}
