use serde_json::Value;
use voiceagent_core::{Secret, audio::Encoding};

use super::*;
use crate::wire::voice::fixture;

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/cartesia/", $name, ".json"))
    };
}

fn codec(change: impl FnOnce(&mut CartesiaTtsConfig)) -> SonicCodec {
    let mut config = CartesiaTtsConfig::new(Secret::new("sk-12345"), "VOICE");
    change(&mut config);
    SonicCodec::new(config, Some("en-US".into()), AudioFormat::MULAW_8K).unwrap()
}

fn decode(text: &str) -> Result<Said> {
    codec(|_| {}).decode(text, &Secrets::new([&Secret::new("sk-12345")]))
}

/// A message of the vendor about our seventh context.
fn seventh(cassette: &str) -> Said {
    decode(&cassette.replace("\"c1\"", "\"7\"")).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_text_is_sent_as_the_vendor_documents_it() {
    let sent = codec(|_| {}).say(7, "Hello there. ");
    let documented = cassette!("generate").replace("\"c1\"", "\"7\"");
    assert_eq!(json(&sent), json(&documented));
}

#[test]
fn the_end_of_a_context_differs_from_its_texts_as_far_as_the_vendor_allows() {
    let mut codec = codec(|config| config.speed = Some(1.25));
    let mut text = json(&codec.say(7, "Hello."));
    let [end] = &codec.end(7)[..] else { panic!("one message") };
    assert_eq!(json(end)["continue"], json(cassette!("finish"))["continue"]);
    assert_eq!(text["generation_config"], serde_json::json!({ "speed": 1.25 }));
    (text["continue"], text["transcript"]) = (Value::Bool(false), "".into());
    assert_eq!(json(end), text);
}

#[test]
fn i9_a_context_is_cancelled_by_its_name() {
    let documented = cassette!("cancel").replace("\"c1\"", "\"7\"");
    assert_eq!(json(&codec(|_| {}).cancel(7, None).unwrap()), json(&documented));
}

#[test]
fn audio_is_read_with_the_name_of_its_context() {
    let Said::Audio(7, payload, words) = seventh(cassette!("chunk")) else { panic!("audio") };
    assert_eq!((&payload[..], words.len()), (&[0xFF; 160][..], 0), "20 ms of silence");
}

#[test]
fn words_have_times_within_their_context() {
    let Said::Words(7, words) = seventh(cassette!("timestamps")) else { panic!("words") };
    let ms = |it: &WordTiming| (it.word.to_string(), it.start.as_millis(), it.end.as_millis());
    let words: Vec<_> = words.iter().map(ms).collect();
    assert_eq!(words, [("Hello".to_owned(), 0, 310), ("there.".to_owned(), 310, 700)]);
}

#[test]
fn the_end_of_a_context_and_of_a_flush_are_told_apart() {
    assert!(matches!(seventh(cassette!("done")), Said::Done(7, _)));
    assert!(matches!(seventh(cassette!("flush_done")), Said::Other));
}

#[test]
fn rd1_an_error_has_the_kind_of_its_status_and_repeats_no_text() {
    let Said::Failed(Some(7), error) = seventh(cassette!("error")) else { panic!("an error") };
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.message(), "status 429: concurrency_limited: Too many requests");
    for (status, kind) in [
        (400, ErrorKind::Rejected),
        (401, ErrorKind::Unauthorized),
        (402, ErrorKind::Unauthorized),
        (500, ErrorKind::Overloaded),
    ] {
        let text = format!(
            r#"{{"type":"error","status_code":{status},"title":"no sk-12345","message":"Hi Bob"}}"#
        );
        let Said::Failed(None, error) = decode(&text).unwrap() else { panic!("{status}") };
        assert_eq!(error.kind(), kind, "{status}");
        assert!(!error.to_string().contains("sk-") && !error.to_string().contains("Bob"));
    }
}

#[test]
fn what_is_unknown_is_passed_over_and_what_is_broken_is_told() {
    for text in [
        r#"{"type":"phoneme_timestamps","context_id":"7","phoneme_timestamps":{}}"#,
        r#"{"type":"chunk","context_id":"somebody-else","data":"AAAA"}"#,
        r#"{"type":"novelty","x":[{}],"context_id":null}"#,
    ] {
        assert!(matches!(decode(text).unwrap(), Said::Other), "{text}");
    }
    for text in ["", "{}", "[1", r#"{"type":"chunk","context_id":"7","data":"*"}"#] {
        assert_eq!(decode(text).unwrap_err().kind(), ErrorKind::Protocol, "{text}");
    }
}

#[test]
fn times_that_make_no_sense_are_no_words_of_a_reply() {
    let text = r#"{"type":"timestamps","context_id":"7",
        "word_timestamps":{"words":["a","b"],"start":[-1.0],"end":[1e300,2]}}"#;
    let Said::Words(7, words) = decode(text).unwrap() else { panic!("words") };
    let word = WordTiming { word: "a".into(), start: Duration::ZERO, end: Duration::ZERO };
    assert_eq!(words, [word]);
}

#[test]
fn formats_that_the_vendor_does_not_make_are_unsupported() {
    let opus = AudioFormat::mono(Encoding::Opus, 48_000);
    let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
    for format in [opus, stereo] {
        let config = CartesiaTtsConfig::new(Secret::new("k"), "v");
        let refused = SonicCodec::new(config, None, format).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("chunk"),
        cassette!("timestamps"),
        cassette!("flush_done"),
        cassette!("done"),
        cassette!("error"),
    ]
    .map(|message| message.replace("\"c1\"", "\"7\""));
    let messages = messages.each_ref().map(String::as_str);
    let needed = fixture::needed(|| codec(|_| {}), &messages);
    assert_eq!(Vec::from_iter(needed), ["type"]);
}
