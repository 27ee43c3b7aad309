use std::time::Duration;

use voiceagent_core::Secret;

use super::*;
use crate::wire::stt::{InOrder, SttCodec, fixture};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/speechmatics/", $name, ".json"))
    };
}

fn codec() -> InOrder<SegmentCodec> {
    let mut codec = InOrder::new(SegmentCodec::new(true));
    codec.connected(10_000 * MS);
    codec.on_sent(12_000 * MS);
    codec
}

fn secrets() -> Secrets {
    Secrets::new([&Secret::new("Bearer sk-12345")])
}

fn events(codec: &mut InOrder<SegmentCodec>, text: &str) -> Vec<SttEvent> {
    let mut events = Vec::new();
    codec.decode(text, &secrets(), &mut events).unwrap();
    events
}

/// The events of a message, in short: `~` before interims, `=` before finals.
fn decode(codec: &mut InOrder<SegmentCodec>, text: &str) -> Vec<String> {
    let short = |event: &SttEvent| {
        let SttEvent::Transcript(it) = event else { return format!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    };
    events(codec, text).iter().map(short).collect()
}

#[test]
fn segments_are_told_together_at_the_end_of_the_utterance() {
    let mut codec = codec();
    assert_eq!(decode(&mut codec, cassette!("add_partial_transcript")), ["~Book"]);
    assert_eq!(decode(&mut codec, cassette!("add_transcript")), ["~Book it."]);
    let more = r#"{"message":"AddPartialTranscript","metadata":{"transcript":"Now"}}"#;
    assert_eq!(decode(&mut codec, more), ["~Book it. Now"]);
    let told = events(&mut codec, cassette!("end_of_utterance"));
    let [SttEvent::Transcript(it), SttEvent::EndOfTurn] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*it.text, it.is_final, it.confidence), ("Book it.", true, 1.0));
    let [word] = &it.words[..] else { panic!("the sample times one word") };
    assert_eq!((&*word.word, word.start, word.end), ("Book.", 10_100 * MS, 10_500 * MS));
    assert_eq!(codec.covered(), 10_500 * MS);
    assert_eq!(decode(&mut codec, cassette!("end_of_utterance")), [""; 0], "there is no more");
}

#[test]
fn an_end_that_was_asked_for_is_answered_also_without_words() {
    let mut codec = codec();
    assert_eq!(codec.finalize().as_deref(), Some(r#"{"message":"ForceEndOfUtterance"}"#));
    assert!(codec.owes_final());
    assert_eq!(decode(&mut codec, cassette!("end_of_utterance")), ["="]);
    assert!(!codec.owes_final());
}

#[test]
fn an_end_that_was_asked_for_ends_no_turn() {
    let mut codec = codec();
    decode(&mut codec, cassette!("add_transcript"));
    codec.finalize();
    assert_eq!(decode(&mut codec, cassette!("end_of_utterance")), ["=Book it."]);
    decode(&mut codec, cassette!("add_transcript"));
    assert_eq!(decode(&mut codec, cassette!("end_of_utterance")), ["=Book it.", "EndOfTurn"]);
}

#[test]
fn a_receipt_is_no_sign_of_recognition_but_counts_for_the_goodbye() {
    let mut codec = codec();
    let mut none = Vec::new();
    let works = codec.decode(cassette!("audio_added"), &secrets(), &mut none);
    assert!(!works.unwrap() && codec.is_receipt(cassette!("audio_added")));
    assert!(!codec.is_receipt(cassette!("add_transcript")));
    let Some(Frame::Text(goodbye)) = codec.goodbye() else { panic!("it says goodbye") };
    assert_eq!(goodbye.as_str(), r#"{"message":"EndOfStream","last_seq_no":1}"#);
    assert_eq!(decode(&mut codec, cassette!("end_of_transcript")), [""; 0]);
}

#[test]
fn the_vendor_says_hello_or_refuses() {
    let is_hello = |text| InOrder::<SegmentCodec>::is_hello(text, &secrets());
    assert!(is_hello(cassette!("recognition_started")).unwrap());
    assert!(!is_hello(r#"{"message":"Info","type":"recognition_quality"}"#).unwrap());
    assert_eq!(is_hello(cassette!("error")).unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[test]
fn errors_are_told_by_their_type_and_without_the_key() {
    for (kind, expected) in [
        ("not_authorised", ErrorKind::Unauthorized),
        ("quota_exceeded", ErrorKind::RateLimited),
        ("invalid_config", ErrorKind::Rejected),
        ("idle_timeout", ErrorKind::Disconnected),
        ("novelty", ErrorKind::Disconnected),
    ] {
        let text = format!(r#"{{"message":"Error","type":"{kind}","reason":"not sk-12345"}}"#);
        let error = codec().decode(&text, &secrets(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), expected);
        assert_eq!(error.message(), format!("{kind}: not [secret]"));
    }
}

#[test]
fn garbage_is_a_protocol_fault_and_unknown_messages_are_nothing() {
    for text in ["", "nonsense", "[]", "{}", r#"{"message":"AddTranscript","metadata":"x"}"#] {
        let error = codec().decode(text, &secrets(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{text}");
    }
    assert_eq!(decode(&mut codec(), r#"{"message":"Novelty","x":[1]}"#), [""; 0]);
    assert_eq!(decode(&mut codec(), r#"{"message":"Warning","type":"x","reason":"y"}"#), [""; 0]);
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("audio_added"),
        cassette!("add_partial_transcript"),
        cassette!("add_transcript"),
        cassette!("end_of_utterance"),
        cassette!("error"),
    ];
    fixture::a_null_costs_no_more_than_a_missing_field(codec, &messages);
}
