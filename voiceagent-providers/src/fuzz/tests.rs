//! The targets with damaged copies of what vendors were recorded saying.

use voiceagent_testkit::fuzz::{corpus, play};

use super::*;

/// The messages of all vendors.
fn cassettes() -> Vec<Vec<u8>> {
    corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cassettes"))
}

/// Those that are streams of server-sent events.
fn streams() -> Vec<Vec<u8>> {
    let is_stream = |text: &Vec<u8>| text.windows(5).any(|word| word == b"data:");
    cassettes().into_iter().filter(is_stream).collect()
}

/// A complaint that repeats the key, in the words of each vendor that has some.
fn complaints() -> Vec<Vec<u8>> {
    [
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"key sk-12345"}}"#,
        r#"{"type":"Error","description":"the key sk-12345 is wrong","reason":"sk-12345"}"#,
        r#"{"message_type":"auth_error","error":"unknown sk-12345"}"#,
        r#"{"error_code":401,"error_type":"unauthenticated","error_message":"sk-12345"}"#,
        r#"{"error":{"code":401,"message":"sk-12345","status":"UNAUTHENTICATED"}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

#[test]
fn rd13_damaged_streams_of_events_are_the_same_however_they_are_cut() {
    play("sse", &streams(), sse);
}

#[test]
fn rd13_damaged_answers_of_models_break_nothing_and_repeat_no_key() {
    let mut corpus = streams();
    corpus.extend(complaints().iter().map(|text| [b"data: ", &text[..], b"\n\n"].concat()));
    play("models", &corpus, models);
}

#[test]
fn rc10_damaged_messages_of_recognizers_break_nothing_and_repeat_no_key() {
    play("recognizers", &[cassettes(), complaints()].concat(), recognizers);
}

#[test]
fn damaged_messages_of_voices_break_nothing_and_repeat_no_key() {
    play("voices", &[cassettes(), complaints()].concat(), voices);
}

#[test]
fn damaged_messages_of_conversations_break_nothing_and_repeat_no_key() {
    play("conversations", &[cassettes(), complaints()].concat(), conversations);
}

#[test]
fn rg19_damaged_settings_are_refused_without_their_values() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/settings");
    play("settings", &corpus(folder), settings);
}
