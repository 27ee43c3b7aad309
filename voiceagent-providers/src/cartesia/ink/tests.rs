use voiceagent_core::{ErrorKind, Secret, audio::AudioFormat};

use super::{messages::CLOSE, *};
use crate::wire::{
    secrets::Secrets,
    stt::{InOrder, SttCodec, fixture},
};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/cartesia/ink/", $name, ".json"))
    };
}

fn secrets() -> Secrets {
    Secrets::new([&Secret::new("sk-12345")])
}

fn events(codec: &mut impl SttCodec, text: &str) -> Vec<SttEvent> {
    let mut events = Vec::new();
    codec.decode(text, &secrets(), &mut events).unwrap();
    events
}

/// The events of a message, in short: `~` before interims, `=` before finals.
fn decode(codec: &mut impl SttCodec, text: &str) -> Vec<String> {
    let short = |event: &SttEvent| {
        let SttEvent::Transcript(it) = event else { return format!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    };
    events(codec, text).iter().map(short).collect()
}

#[test]
fn a_turn_is_told_from_its_start_to_its_end() {
    let mut codec = InkCodec::default();
    codec.on_sent(10_000 * MS);
    assert_eq!(decode(&mut codec, cassette!("turns_start")), ["SpeechStarted"]);
    assert_eq!(codec.covered(), 8_000 * MS, "a turn begins a little before it is told");
    assert_eq!(decode(&mut codec, cassette!("turns_update")), ["~I need"]);
    assert!(codec.in_turn());
    let eager = decode(&mut codec, cassette!("turns_eager_end"));
    assert_eq!(eager, ["~I need tires", "EagerEndOfTurn"]);
    assert_eq!(decode(&mut codec, cassette!("turns_resume")), ["TurnResumed"]);
    codec.on_sent(12_000 * MS);
    let end = decode(&mut codec, cassette!("turns_end"));
    assert_eq!(end, ["=I need tires today", "EndOfTurn"]);
    assert_eq!(codec.covered(), 11_800 * MS);
    assert!(!codec.in_turn());
}

#[test]
fn a_lost_turn_goes_on_where_its_audio_is_at_hand_and_else_ends() {
    let mut told = Vec::new();
    let mut codec = InkCodec::default();
    codec.on_sent(10_000 * MS);
    decode(&mut codec, cassette!("turns_eager_end"));
    codec.lost(8_000 * MS, &mut told);
    assert_eq!(told, [SttEvent::TurnResumed]);
    codec.connected(8_000 * MS);
    assert!(decode(&mut codec, cassette!("turns_start")).is_empty(), "it was told before");
    codec.lost(9_000 * MS, &mut told);
    let [.., SttEvent::Transcript(last), SttEvent::EndOfTurn] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((&*last.text, last.is_final), ("I need tires", true));
}

#[test]
fn hello_is_told_from_other_messages_and_from_an_error() {
    let hello = |text| InkCodec::is_hello(text, &secrets());
    assert!(hello(cassette!("turns_connected")).unwrap());
    assert!(!hello(cassette!("turns_start")).unwrap() && !hello("nonsense").unwrap());
    let error = r#"{"type":"error","status_code":402,"error_code":"sk-12345","message":"x"}"#;
    let error = hello(error).unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("sk-")), (ErrorKind::Unauthorized, false));
}

#[test]
fn finals_that_are_asked_for_come_with_times_in_either_form() {
    for sample in [
        cassette!("manual_transcript_words_list_form"),
        cassette!("manual_transcript_words_object_form"),
    ] {
        let mut codec = InOrder::new(ManualCodec);
        codec.connected(10_000 * MS);
        codec.on_sent(12_000 * MS);
        assert_eq!(codec.finalize().as_deref(), Some("finalize"));
        let told = events(&mut codec, sample);
        let [SttEvent::Transcript(it)] = &told[..] else { panic!("{told:?}") };
        let words: Vec<_> = it.words.iter().map(|it| (&*it.word, it.start)).collect();
        assert_eq!(words, [("I", 10_100 * MS), ("need", 10_200 * MS)]);
        assert!(codec.owes_final());
        assert!(decode(&mut codec, cassette!("manual_flush_done")).is_empty());
        assert!(!codec.owes_final());
        assert_eq!(codec.covered(), 12_000 * MS);
    }
}

#[test]
fn a_request_that_brings_no_words_is_answered_without() {
    let mut codec = InOrder::new(ManualCodec);
    assert_eq!(decode(&mut codec, cassette!("manual_transcript_final")), ["=I need tires"]);
    codec.finalize();
    assert_eq!(decode(&mut codec, cassette!("manual_flush_done")), ["="]);
    assert!(decode(&mut codec, cassette!("manual_done")).is_empty());
}

#[test]
fn what_is_sent_is_what_the_vendor_documents() {
    let documented: String = cassette!("turns_close").split_whitespace().collect();
    assert_eq!(CLOSE, documented);
    assert_eq!(InkCodec::default().finalize(), None);
}

#[test]
fn what_is_unknown_is_passed_over_and_what_is_broken_is_told() {
    let mut codec = InkCodec::default();
    for text in [cassette!("turns_connected"), r#"{"type":"novelty","x":[{}]}"#] {
        assert!(decode(&mut codec, text).is_empty(), "{text}");
    }
    assert!(decode(&mut codec, r#"{"type":"turn.update","transcript":" "}"#).is_empty());
    for text in ["", "{}", r#"{"type":7}"#] {
        let error = codec.decode(text, &secrets(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{text}");
    }
}

fn url(change: impl Fn(&mut CartesiaSttConfig)) -> String {
    let mut config = CartesiaSttConfig::new(Secret::new("sk-key"));
    change(&mut config);
    let mut options = SttOptions::new(AudioFormat::MULAW_8K);
    options.language = Some("de-AT".into());
    CartesiaStt::new(config).unwrap().settings(&options).unwrap().dial.url
}

#[test]
fn the_address_asks_for_what_the_settings_say() {
    let turns = url(|config| {
        config.turn_end_threshold = Some(0.25);
        config.turn_end_timeout = Some(Duration::from_secs(3));
        config.keyterms = vec!["oil change".to_owned()];
    });
    assert_eq!(
        turns,
        "wss://api.cartesia.ai/stt/turns/websocket?model=ink-2&encoding=pcm_mulaw\
         &sample_rate=8000&turn_end_threshold=0.25&turn_end_timeout_ms=3000\
         &keyterm=oil%20change"
    );
    assert_eq!(
        url(|config| config.manual = true),
        "wss://api.cartesia.ai/stt/websocket?model=ink-2&encoding=pcm_mulaw&sample_rate=8000\
         &language=de"
    );
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("turns_start"),
        cassette!("turns_update"),
        cassette!("turns_eager_end"),
        cassette!("turns_resume"),
        cassette!("turns_end"),
    ];
    fixture::a_null_costs_no_more_than_a_missing_field(InkCodec::default, &messages);
    let messages = [
        cassette!("manual_transcript_words_object_form"),
        cassette!("manual_transcript_words_list_form"),
        cassette!("manual_transcript_final"),
        cassette!("manual_flush_done"),
    ];
    let codec = || InOrder::new(ManualCodec);
    fixture::a_null_costs_no_more_than_a_missing_field(codec, &messages);
}
