//! The targets with damaged copies of what carriers send.

use voiceagent_testkit::fuzz::{corpus, play};

use super::*;

fn target(name: &str, reader: impl Fn(&[u8])) {
    let corpora = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora");
    play(name, &corpus(format!("{corpora}/{name}")), reader);
}

#[test]
fn cp18_damaged_messages_of_streams_leave_the_reader_of_each_carrier_hearing() {
    target("media_streams", media_streams);
}

#[test]
fn damaged_beginnings_of_streams_and_relays_break_nothing() {
    target("beginnings", beginnings);
}

#[test]
fn damaged_frames_of_asterisk_are_the_same_however_they_are_cut() {
    target("audio_sockets", audio_sockets);
}

#[test]
fn damaged_webhooks_are_refused_by_every_carriers_check_and_no_key_is_told() {
    target("webhooks", webhooks);
}
