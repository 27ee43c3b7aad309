use voiceagent_core::{Error, ErrorKind};

use super::*;
use crate::wire::{
    secrets::Secrets,
    stt::{SttCodec, fixture},
    ws::Frame,
};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/openai/realtime_stt/", $name, ".json"))
    };
}

fn secrets() -> Secrets {
    Secrets::new([&Secret::new("sk-12345")])
}

fn decode(codec: &mut ItemCodec, text: &str) -> Vec<String> {
    let mut events = Vec::new();
    codec.decode(text, &secrets(), &mut events).unwrap();
    short(&events)
}

/// The events of a message, in short: `~` before interims, `=` before finals.
fn short(events: &[SttEvent]) -> Vec<String> {
    let short = |event: &SttEvent| {
        let SttEvent::Transcript(it) = event else { return format!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    };
    events.iter().map(short).collect()
}

fn refusal(text: &str) -> Error {
    ItemCodec::new(false).decode(text, &secrets(), &mut Vec::new()).unwrap_err()
}

fn compact(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn an_utterance_that_the_vendor_ends_is_told_with_its_turn() {
    let mut codec = ItemCodec::new(true);
    codec.connected(10_000 * MS);
    let started = decode(&mut codec, cassette!("input_audio_buffer_speech_started"));
    assert_eq!(started, ["SpeechStarted"]);
    assert_eq!(codec.covered(), 11_200 * MS, "before it was silence");
    assert!(decode(&mut codec, cassette!("input_audio_buffer_speech_stopped")).is_empty());
    assert!(codec.owes_final());
    assert!(decode(&mut codec, cassette!("input_audio_buffer_committed")).is_empty());
    assert_eq!(decode(&mut codec, cassette!("input_transcription_delta")), ["~Hi"]);
    let end = decode(&mut codec, cassette!("input_transcription_completed"));
    assert_eq!(end, ["=Hi", "EndOfTurn"]);
    assert_eq!(codec.covered(), 12_600 * MS);
    assert!(!codec.owes_final());
}

#[test]
fn a_turn_does_not_end_while_somebody_speaks_again() {
    let mut codec = ItemCodec::new(true);
    decode(&mut codec, cassette!("input_audio_buffer_speech_started"));
    decode(&mut codec, cassette!("input_audio_buffer_speech_stopped"));
    let again = cassette!("input_audio_buffer_speech_started").replace("item_1", "item_2");
    decode(&mut codec, &again);
    assert_eq!(decode(&mut codec, cassette!("input_transcription_completed")), ["=Hi"]);
}

#[test]
fn a_final_that_is_asked_for_covers_what_was_sent_until_then() {
    let mut codec = ItemCodec::new(false);
    codec.on_sent(3_000 * MS);
    assert_eq!(
        codec.finalize().as_deref(),
        Some(&*compact(cassette!("input_audio_buffer_commit")))
    );
    codec.on_sent(4_000 * MS);
    decode(&mut codec, cassette!("input_audio_buffer_committed"));
    assert!(codec.owes_final());
    assert_eq!(decode(&mut codec, cassette!("input_transcription_completed")), ["=Hi"]);
    assert_eq!(codec.covered(), 3_000 * MS);
    assert!(!codec.owes_final());
}

#[test]
fn utterances_are_told_in_the_order_in_which_they_were_spoken() {
    let mut codec = ItemCodec::new(false);
    let second = |text: &str| text.replace("item_1", "item_2").replace("Hi", "there");
    for text in [cassette!("input_audio_buffer_committed"), cassette!("input_transcription_delta")]
    {
        decode(&mut codec, text);
        decode(&mut codec, &second(text));
    }
    assert!(decode(&mut codec, &second(cassette!("input_transcription_completed"))).is_empty());
    let told = decode(&mut codec, cassette!("input_transcription_completed"));
    assert_eq!(told, ["=Hi", "=there"]);
}

#[test]
fn words_of_a_live_model_are_interims_until_they_are_asked_for() {
    let mut codec = ItemCodec::new(false);
    codec.on_sent(20_000 * MS);
    assert_eq!(decode(&mut codec, cassette!("input_transcription_delta")), ["~Hi"]);
    let more = cassette!("input_transcription_delta").replace("\"Hi\"", "\" there\"");
    assert_eq!(decode(&mut codec, &more), ["~Hi there"]);
    assert_eq!(codec.covered(), 15_000 * MS, "words come a little later than they are spoken");
    codec.finalize();
    decode(&mut codec, cassette!("input_audio_buffer_committed"));
    assert_eq!(decode(&mut codec, cassette!("input_transcription_completed")), ["=Hi"]);
}

#[test]
fn nothing_that_was_said_is_a_final_without_words() {
    let mut codec = ItemCodec::new(false);
    codec.finalize();
    let empty = r#"{"type":"error","error":{"type":"invalid_request_error",
        "code":"input_audio_buffer_commit_empty","message":"x"}}"#;
    assert_eq!(decode(&mut codec, empty), ["="]);
    assert!(!codec.owes_final());
}

#[test]
fn a_lost_connection_hears_its_utterances_anew_and_asks_again() {
    let mut codec = ItemCodec::new(false);
    codec.on_sent(2_000 * MS);
    decode(&mut codec, cassette!("input_transcription_delta"));
    codec.finalize();
    let mut events = Vec::new();
    codec.lost(Duration::ZERO, &mut events);
    assert!(events.is_empty());
    codec.connected(codec.covered());
    assert!(codec.owes_final());
    codec.finalize();
    decode(&mut codec, cassette!("input_audio_buffer_committed"));
    assert_eq!(decode(&mut codec, cassette!("input_transcription_completed")), ["=Hi"]);
    assert!(!codec.owes_final());
}

#[test]
fn an_utterance_whose_audio_is_gone_ends_with_what_was_understood() {
    let mut codec = ItemCodec::new(false);
    codec.on_sent(2_000 * MS);
    decode(&mut codec, cassette!("input_transcription_delta"));
    let mut events = Vec::new();
    codec.lost(1_000 * MS, &mut events);
    assert_eq!(short(&events), ["=Hi"]);
    let mut codec = ItemCodec::new(false);
    codec.finalize();
    codec.lost(1_000 * MS, &mut events);
    assert_eq!(events.len(), 1, "what nobody has understood is heard anew as far as it is at hand");
    assert_eq!(codec.covered(), 1_000 * MS);
}

#[test]
fn failures_are_heard_anew_unless_nobody_could_understand_them() {
    let mut codec = ItemCodec::new(false);
    codec.finalize();
    decode(&mut codec, cassette!("input_audio_buffer_committed"));
    assert_eq!(decode(&mut codec, cassette!("input_transcription_failed")), ["="]);
    let other = cassette!("input_transcription_failed").replace("audio_unintelligible", "oh_no");
    assert_eq!(refusal(&other).kind(), ErrorKind::Disconnected);
}

#[test]
fn errors_after_which_the_session_is_of_no_use_are_told() {
    assert_eq!(refusal(cassette!("error_insufficient_quota")).kind(), ErrorKind::Unauthorized);
    let coded = |code: &str| {
        format!(r#"{{"type":"error","error":{{"type":"invalid_request_error","code":"{code}"}}}}"#)
    };
    assert_eq!(refusal(&coded("session_expired")).kind(), ErrorKind::Disconnected);
    assert_eq!(refusal(&coded("rate_limit_exceeded")).kind(), ErrorKind::RateLimited);
    assert!(decode(&mut ItemCodec::new(false), &coded("invalid_value")).is_empty());
    let hello = |text: &str| ItemCodec::is_hello(text, &secrets());
    assert_eq!(hello(&coded("invalid_value")).unwrap_err().kind(), ErrorKind::Rejected);
    assert!(hello(r#"{"type":"session.updated","session":{}}"#).unwrap());
    assert!(!hello(r#"{"type":"session.created"}"#).unwrap() && !hello("nonsense").unwrap());
}

#[test]
fn what_is_sent_is_what_the_vendor_documents() {
    let mut config = OpenAiRealtimeSttConfig::new(Secret::new("k"));
    config.model = "gpt-transcribe".into();
    config.keywords = vec!["Silverado".to_owned()];
    config.noise_reduction = Some("near_field".into());
    config.silence = Some(500 * MS);
    let sent = session_update(&config, AudioFormat::PCM_24K, Some("en-US")).unwrap();
    assert_eq!(sent, compact(cassette!("session_update")));
    let Frame::Text(audio) = ItemCodec::new(false).pack(vec![0xFF; 160].into()) else { panic!() };
    assert_eq!(&*audio, compact(cassette!("input_audio_buffer_append")));
    assert!(session_update(&config, AudioFormat::PCM_8K, None).is_none());
}

#[test]
fn what_is_unknown_is_passed_over_and_what_is_broken_is_told() {
    let mut codec = ItemCodec::new(false);
    assert!(decode(&mut codec, r#"{"type":"rate_limits.updated","x":[{}]}"#).is_empty());
    for text in ["", "{}", r#"{"type":7}"#] {
        assert_eq!(refusal(text).kind(), ErrorKind::Protocol, "{text}");
    }
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("input_audio_buffer_speech_started"),
        cassette!("input_audio_buffer_committed"),
        cassette!("input_transcription_delta"),
        cassette!("input_transcription_completed"),
        cassette!("error_insufficient_quota"),
    ];
    fixture::a_null_costs_no_more_than_a_missing_field(|| ItemCodec::new(true), &messages);
}
