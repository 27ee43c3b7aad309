//! The targets with damaged copies of good inputs.

use voiceagent_testkit::fuzz::{corpus, play};

use super::*;

fn target(name: &str, reader: impl Fn(&[u8])) {
    let corpora = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora");
    play(name, &corpus(format!("{corpora}/{name}")), reader);
}

#[test]
fn damaged_wav_files_are_refused_or_read_the_same_twice() {
    target("wav_files", wav_files);
}

#[test]
fn ra19_audio_of_any_bytes_is_the_same_however_it_is_cut_and_within_range() {
    target("audio", audio);
}

#[test]
fn damaged_journals_are_refused_or_played_again() {
    target("journals", journals);
}

#[test]
fn damaged_settings_of_a_session_are_refused_or_read_the_same_twice() {
    target("settings", settings);
}

#[test]
fn rd8_damaged_arguments_are_refused_in_few_words() {
    target("arguments", arguments);
}
