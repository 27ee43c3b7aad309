use voiceagent_core::Secret;

use super::*;
use crate::wire::stt::fixture;

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/assemblyai/", $name, ".json"))
    };
}

fn secrets() -> Secrets {
    Secrets::new([&Secret::new("sk-12345")])
}

/// The events of a message, in short: `~` before interims, `=` before finals.
fn decode(codec: &mut TurnCodec, text: &str) -> Vec<String> {
    let mut events = Vec::new();
    codec.decode(text, &secrets(), &mut events).unwrap();
    short(&events)
}

fn short(events: &[SttEvent]) -> Vec<String> {
    let short = |event: &SttEvent| {
        let SttEvent::Transcript(it) = event else { return format!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    };
    events.iter().map(short).collect()
}

fn refusal(text: &str) -> Error {
    TurnCodec::new(false).decode(text, &secrets(), &mut Vec::new()).unwrap_err()
}

#[test]
fn a_turn_shows_words_that_may_change_and_ends_with_those_that_will_not() {
    let mut codec = TurnCodec::new(false);
    assert_eq!(decode(&mut codec, cassette!("speech_started")), ["SpeechStarted"]);
    assert_eq!(decode(&mut codec, cassette!("turn_partial")), ["~book appointment"]);
    assert!(codec.in_turn());
    let end = decode(&mut codec, cassette!("turn_end_unformatted"));
    assert_eq!(end, ["=book appointment", "EndOfTurn"]);
    assert!(!codec.in_turn());
    let copy = decode(&mut codec, cassette!("turn_end_formatted"));
    assert!(copy.is_empty(), "{copy:?} was not asked for");
}

#[test]
fn a_turn_that_is_formatted_ends_with_its_formatted_text() {
    let mut codec = TurnCodec::new(true);
    let begin = decode(&mut codec, cassette!("turn_partial"));
    assert_eq!(begin, ["SpeechStarted", "~book appointment"]);
    assert_eq!(decode(&mut codec, cassette!("turn_end_unformatted")), ["EagerEndOfTurn"]);
    assert!(codec.owes_final());
    let end = decode(&mut codec, cassette!("turn_end_formatted"));
    assert_eq!(end, ["=Book appointment.", "EndOfTurn"]);
    assert!(!codec.owes_final());
}

#[test]
fn a_formatted_text_that_never_comes_is_not_waited_for_beyond_the_next_turn() {
    let mut codec = TurnCodec::new(true);
    decode(&mut codec, cassette!("turn_end_unformatted"));
    let next = cassette!("turn_partial").replace("\"turn_order\": 0", "\"turn_order\": 1");
    let events = decode(&mut codec, &next);
    assert_eq!(events, ["=book appointment", "EndOfTurn", "SpeechStarted", "~book appointment"]);
}

#[test]
fn words_are_spelled_as_in_the_text_and_timed_over_connections() {
    let mut codec = TurnCodec::new(true);
    codec.connected(10_000 * MS);
    let mut events = Vec::new();
    codec.decode(cassette!("turn_end_formatted"), &secrets(), &mut events).unwrap();
    let Some(SttEvent::Transcript(last)) = events.iter().rev().nth(1) else { panic!("{events:?}") };
    let words: Vec<_> = last.words.iter().map(|it| (&*it.word, it.start, it.end)).collect();
    let expected = [("Book", 11_120 * MS, 11_400 * MS), ("appointment.", 11_400 * MS, 12_100 * MS)];
    assert_eq!(words, expected);
    assert!((last.confidence - 0.98).abs() < 0.001);
    assert_eq!(codec.covered(), 12_200 * MS);
}

#[test]
fn a_lost_connection_goes_on_with_its_turn_where_the_audio_is_at_hand() {
    let mut codec = TurnCodec::new(true);
    decode(&mut codec, cassette!("turn_partial"));
    decode(&mut codec, cassette!("turn_end_unformatted"));
    let mut events = Vec::new();
    codec.lost(1_000 * MS, &mut events);
    assert_eq!(short(&events), ["TurnResumed"]);
    assert_eq!(codec.covered(), 1_020 * MS, "a little before the first word");
    codec.connected(1_000 * MS);
    assert!(decode(&mut codec, cassette!("turn_partial")).is_empty(), "nothing new is heard");
    let end = decode(&mut codec, cassette!("turn_end_formatted"));
    assert_eq!(end, ["=Book appointment.", "EndOfTurn"]);
}

#[test]
fn a_turn_whose_audio_is_gone_ends_with_what_was_understood() {
    let mut codec = TurnCodec::new(false);
    decode(&mut codec, cassette!("turn_partial"));
    let mut events = Vec::new();
    codec.lost(5_000 * MS, &mut events);
    assert_eq!(short(&events), ["=book appointment", "EndOfTurn"]);
}

#[test]
fn silence_that_was_heard_is_not_played_again() {
    let mut codec = TurnCodec::new(false);
    decode(&mut codec, cassette!("heartbeat"));
    assert_eq!(codec.covered(), 4_000 * MS);
    decode(&mut codec, cassette!("turn_partial"));
    decode(&mut codec, &cassette!("heartbeat").replace("5000", "9000"));
    assert_eq!(codec.covered(), 4_000 * MS, "a turn is kept whole");
}

#[test]
fn rc4_a_heartbeat_is_an_answer_to_noise_alone() {
    let mut codec = TurnCodec::new(false);
    let noise = cassette!("heartbeat");
    assert!(!codec.is_receipt(noise), "it is all that noise gets");
    let speech = noise.replace("0.2", "0.97");
    assert!(codec.is_receipt(&speech), "words are owed");
    assert!(!codec.decode(&speech, &secrets(), &mut Vec::new()).unwrap());
    assert_eq!(codec.covered(), Duration::ZERO, "speech without words is played again");
    decode(&mut codec, cassette!("speech_started"));
    assert!(codec.is_receipt(noise), "a turn is owed");
    decode(&mut codec, cassette!("turn_partial"));
    assert!(codec.is_receipt(noise) && !codec.is_receipt(cassette!("turn_partial")));
}

#[test]
fn an_end_can_be_asked_for_and_is_owed_within_a_turn() {
    let documented: String = cassette!("force_endpoint").split_whitespace().collect();
    let mut codec = TurnCodec::new(false);
    assert_eq!(codec.finalize().as_deref(), Some(&*documented));
    assert!(!codec.owes_final(), "without a turn there is nothing to end");
    decode(&mut codec, cassette!("turn_partial"));
    codec.finalize();
    assert!(codec.owes_final());
    let mut events = Vec::new();
    codec.settle(&mut events);
    assert_eq!(
        short(&events),
        ["=book appointment"],
        "nobody has found that the user has finished"
    );
    assert!(!codec.owes_final());
}

#[test]
fn a_turn_that_was_asked_to_end_tells_no_end_and_the_next_one_does() {
    for formats in [false, true] {
        let mut codec = TurnCodec::new(formats);
        codec.on_sent(13_000 * MS);
        codec.finalize();
        assert_eq!(decode(&mut codec, cassette!("turn_partial")).len(), 2, "its words come late");
        let mut end = decode(&mut codec, cassette!("turn_end_unformatted"));
        end.extend(decode(&mut codec, cassette!("turn_end_formatted")));
        let text = if formats { "=Book appointment." } else { "=book appointment" };
        assert_eq!(end, [text]);
        let next =
            cassette!("turn_end_formatted").replace("\"turn_order\": 0", "\"turn_order\": 1");
        let next = decode(&mut codec, &next);
        assert_eq!(next, ["SpeechStarted", "=Book appointment.", "EndOfTurn"]);
    }
}

#[test]
fn a_request_before_a_turn_is_forgotten_with_its_first_word() {
    let mut codec = TurnCodec::new(false);
    codec.on_sent(900 * MS);
    codec.finalize();
    decode(&mut codec, cassette!("turn_partial"));
    let end = decode(&mut codec, cassette!("turn_end_unformatted"));
    assert_eq!(end, ["=book appointment", "EndOfTurn"], "it was said from 1.1 s on");
}

#[test]
fn what_else_is_sent_is_what_the_vendor_documents() {
    for (sent, documented) in
        [(KEEP_ALIVE, cassette!("keepalive")), (TERMINATE, cassette!("terminate"))]
    {
        assert_eq!(sent, documented.split_whitespace().collect::<String>());
    }
}

#[test]
fn hello_is_told_from_other_messages_and_from_an_error() {
    let hello = |text| TurnCodec::is_hello(text, &secrets());
    assert!(hello(cassette!("begin")).unwrap());
    assert!(!hello(cassette!("warning")).unwrap() && !hello("nonsense").unwrap());
    assert_eq!(hello(cassette!("error")).unwrap_err().kind(), ErrorKind::Disconnected);
}

#[test]
fn codes_have_kinds() {
    let error = refusal(cassette!("error"));
    assert_eq!(error.message(), "3007: Input Duration Error: sample");
    for (code, kind) in [
        (1008, ErrorKind::Unauthorized),
        (3005, ErrorKind::Disconnected),
        (3006, ErrorKind::Rejected),
        (3007, ErrorKind::Disconnected),
        (3008, ErrorKind::Disconnected),
        (3009, ErrorKind::RateLimited),
        (3999, ErrorKind::Disconnected),
    ] {
        let error = format!(r#"{{"type":"Error","error_code":{code},"error":"sk-12345"}}"#);
        let error = refusal(&error);
        assert_eq!((error.kind(), error.to_string().contains("sk-")), (kind, false), "{code}");
    }
}

#[test]
fn what_is_unknown_is_passed_over_and_what_is_broken_is_told() {
    let mut codec = TurnCodec::new(false);
    for text in [
        cassette!("begin"),
        cassette!("termination"),
        cassette!("warning"),
        r#"{"type":"Novelty","x":[{}]}"#,
        r#"{"type":"Turn","turn_order":0,"words":[],"transcript":" "}"#,
    ] {
        assert!(decode(&mut codec, text).is_empty(), "{text}");
    }
    for text in ["", "{}", r#"{"type":"Turn"}"#] {
        assert_eq!(refusal(text).kind(), ErrorKind::Protocol, "{text}");
    }
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("speech_started"),
        cassette!("heartbeat"),
        cassette!("turn_partial"),
        cassette!("turn_end_unformatted"),
        cassette!("turn_end_formatted"),
        cassette!("warning"),
        cassette!("error"),
    ];
    fixture::a_null_costs_no_more_than_a_missing_field(|| TurnCodec::new(true), &messages);
}
