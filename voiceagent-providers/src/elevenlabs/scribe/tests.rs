use voiceagent_core::{ErrorKind, Secret};

use super::*;
use crate::wire::{
    secrets::Secrets,
    stt::{SttCodec, UtteranceCodec, fixture},
    ws::Frame,
};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/elevenlabs/scribe/", $name, ".json"))
    };
}

fn codec(hears_silence: bool) -> InOrder<ScribeCodec> {
    InOrder::new(ScribeCodec::new(8_000, hears_silence))
}

fn secrets() -> Secrets {
    Secrets::new([&Secret::new("sk-12345")])
}

fn events(codec: &mut InOrder<ScribeCodec>, text: &str) -> Vec<SttEvent> {
    let mut events = Vec::new();
    codec.decode(text, &secrets(), &mut events).unwrap();
    events
}

/// The events of a message, in short: `~` before interims, `=` before finals.
fn decode(codec: &mut InOrder<ScribeCodec>, text: &str) -> Vec<String> {
    let short = |event: &SttEvent| {
        let SttEvent::Transcript(it) = event else { return format!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    };
    events(codec, text).iter().map(short).collect()
}

fn compact(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn an_utterance_is_interims_until_its_final_comes_with_times() {
    let mut codec = codec(false);
    codec.connected(10_000 * MS);
    codec.on_sent(12_000 * MS);
    assert_eq!(decode(&mut codec, cassette!("partial_transcript")), ["~book an"]);
    assert!(decode(&mut codec, cassette!("partial_transcript")).is_empty(), "nothing is new");
    codec.finalize();
    assert_eq!(decode(&mut codec, cassette!("committed_transcript")), ["~Book an appointment."]);
    assert!(codec.owes_final());
    let end = events(&mut codec, cassette!("committed_transcript_with_timestamps"));
    let [SttEvent::Transcript(last)] = &end[..] else { panic!("{end:?}") };
    let words: Vec<_> = last.words.iter().map(|it| (&*it.word, it.start, it.end)).collect();
    let expected = [("Book", 10_100 * MS, 10_300 * MS), ("an", 10_310 * MS, 10_400 * MS)];
    assert_eq!((last.is_final, words), (true, expected.to_vec()));
    assert!(!codec.owes_final());
    assert_eq!(codec.covered(), 12_000 * MS, "all until it was asked for");
}

#[test]
fn silence_ends_a_turn_where_the_vendor_was_asked_to_listen_for_it() {
    let mut codec = codec(true);
    codec.on_sent(2_000 * MS);
    let end = decode(&mut codec, cassette!("committed_transcript_with_timestamps"));
    assert_eq!(end, ["=Book an", "EndOfTurn"]);
    assert_eq!(codec.covered(), 400 * MS, "what follows its last word may be new");
}

#[test]
fn a_commit_that_was_asked_for_ends_no_turn() {
    let mut codec = codec(true);
    codec.on_sent(2_000 * MS);
    codec.finalize();
    let asked = decode(&mut codec, cassette!("committed_transcript_with_timestamps"));
    assert_eq!(asked, ["=Book an"]);
    let heard = decode(&mut codec, cassette!("committed_transcript_with_timestamps"));
    assert_eq!(heard, ["=Book an", "EndOfTurn"]);
}

#[test]
fn too_little_audio_is_a_final_without_words() {
    let mut codec = codec(false);
    codec.finalize();
    let throttled = r#"{"message_type":"commit_throttled","error":"too soon"}"#;
    assert_eq!(decode(&mut codec, throttled), ["="]);
    assert!(!codec.owes_final());
    assert!(decode(&mut codec, throttled).is_empty(), "it was not asked for");
}

#[test]
fn a_lost_utterance_is_heard_anew_where_its_audio_is_at_hand() {
    let mut events = Vec::new();
    let mut codec = codec(false);
    codec.on_sent(20_000 * MS);
    decode(&mut codec, cassette!("partial_transcript"));
    codec.finalize();
    assert_eq!(codec.covered(), 15_000 * MS, "words come a little later than they are spoken");
    codec.lost(15_000 * MS, &mut events);
    assert!(events.is_empty());
    codec.connected(15_000 * MS);
    assert!(codec.owes_final(), "it is asked for again");
    codec.lost(16_000 * MS, &mut events);
    let [SttEvent::Transcript(told)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&*told.text, told.is_final), ("book an", true));
    assert!(!codec.owes_final());
}

#[test]
fn what_is_sent_is_what_the_vendor_documents() {
    let mut codec = codec(false);
    let Frame::Text(chunk) = codec.pack(vec![0xFF; 160].into()) else { panic!() };
    assert_eq!(&*chunk, compact(cassette!("input_audio_chunk")));
    assert_eq!(codec.finalize().unwrap(), compact(cassette!("commit")));
}

#[test]
fn errors_have_kinds_and_no_keys() {
    let refusal = |text: &str| codec(false).decode(text, &secrets(), &mut Vec::new()).unwrap_err();
    assert_eq!(refusal(cassette!("error_rate_limited")).kind(), ErrorKind::RateLimited);
    for (code, kind) in [
        ("auth_error", ErrorKind::Unauthorized),
        ("quota_exceeded", ErrorKind::Unauthorized),
        ("resource_exhausted", ErrorKind::Overloaded),
        ("input_error", ErrorKind::Rejected),
        ("session_time_limit_exceeded", ErrorKind::Disconnected),
    ] {
        let error = refusal(&format!(r#"{{"message_type":"{code}","error":"sk-12345"}}"#));
        assert_eq!((error.kind(), error.to_string().contains("sk-")), (kind, false), "{code}");
    }
    for text in ["", "{}", r#"{"message_type":7}"#] {
        assert_eq!(refusal(text).kind(), ErrorKind::Protocol, "{text}");
    }
}

#[test]
fn hello_is_told_from_other_messages_and_from_an_error() {
    let hello = |text| ScribeCodec::is_hello(text, &secrets());
    assert!(hello(cassette!("session_started")).unwrap());
    assert!(!hello(cassette!("partial_transcript")).unwrap() && !hello("nonsense").unwrap());
    assert_eq!(hello(cassette!("error_rate_limited")).unwrap_err().kind(), ErrorKind::RateLimited);
}

#[test]
fn what_is_unknown_is_passed_over() {
    let mut codec = codec(false);
    for text in [cassette!("session_started"), r#"{"message_type":"novelty","x":[{}]}"#] {
        assert!(decode(&mut codec, text).is_empty(), "{text}");
    }
}

#[test]
fn the_address_asks_for_what_the_settings_say() {
    let mut config = ElevenLabsSttConfig::new(Secret::new("sk-key"));
    config.keyterms = vec!["oil change".to_owned()];
    config.silence = Some(Duration::from_millis(500));
    let mut options = SttOptions::new(AudioFormat::MULAW_8K);
    options.language = Some("de-AT".into());
    let settings = ElevenLabsStt::new(config).unwrap().settings(&options).unwrap();
    assert_eq!(
        settings.dial.url,
        "wss://api.elevenlabs.io/v1/speech-to-text/realtime?model_id=scribe_v2_realtime\
         &audio_format=ulaw_8000&include_timestamps=true&commit_strategy=vad\
         &vad_silence_threshold_secs=0.5&language_code=de&keyterms=oil%20change"
    );
    assert_eq!(audio_format(AudioFormat::ALAW_8K).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("partial_transcript"),
        cassette!("committed_transcript"),
        cassette!("committed_transcript_with_timestamps"),
        cassette!("error_rate_limited"),
    ];
    fixture::a_null_costs_no_more_than_a_missing_field(|| codec(true), &messages);
}
