use std::time::Duration;

use voiceagent_core::Secret;

use super::*;
use crate::wire::stt::{InOrder, SttCodec, fixture};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/soniox/", $name, ".json"))
    };
}

fn codec() -> InOrder<TokenCodec> {
    InOrder::new(TokenCodec::default())
}

fn secrets() -> Secrets {
    Secrets::new([&Secret::new("sk-12345")])
}

fn events(codec: &mut InOrder<TokenCodec>, text: &str) -> Vec<SttEvent> {
    let mut events = Vec::new();
    codec.decode(text, &secrets(), &mut events).unwrap();
    events
}

/// The events of a message, in short: `~` before interims, `=` before finals.
fn decode(codec: &mut InOrder<TokenCodec>, text: &str) -> Vec<String> {
    let short = |event: &SttEvent| {
        let SttEvent::Transcript(it) = event else { return format!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    };
    events(codec, text).iter().map(short).collect()
}

fn tokens(tokens: &[(&str, bool)]) -> String {
    let token = |(at, (text, is_final)): (usize, &(&str, bool))| {
        format!(
            r#"{{"text":"{text}","start_ms":{},"end_ms":{},"is_final":{is_final}}}"#,
            at * 100 + 200,
            at * 100 + 290
        )
    };
    let tokens: Vec<_> = tokens.iter().enumerate().map(token).collect();
    format!(r#"{{"tokens":[{}],"final_audio_proc_ms":900}}"#, tokens.join(","))
}

#[test]
fn parts_of_words_are_told_together_at_the_end_of_the_turn() {
    let mut codec = codec();
    codec.connected(10_000 * MS);
    codec.on_sent(12_000 * MS);
    assert_eq!(decode(&mut codec, cassette!("tokens")), ["~Book"]);
    let end = tokens(&[("ok", true), (" it", true), (".", true), ("<end>", true)]);
    let told = events(&mut codec, &end);
    let [SttEvent::Transcript(it), SttEvent::EndOfTurn] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*it.text, it.is_final), ("Book it.", true));
    let words: Vec<_> = it.words.iter().map(|it| (&*it.word, it.start, it.end)).collect();
    let expected = [("Book", 10_100 * MS, 10_290 * MS), ("it.", 10_300 * MS, 10_490 * MS)];
    assert_eq!(words, expected);
    assert_eq!(codec.covered(), 10_900 * MS, "all that was processed");
}

#[test]
fn a_space_that_comes_alone_parts_two_words() {
    let told = events(
        &mut codec(),
        &tokens(&[("oil", true), (" ", true), ("change", true), ("<end>", true)]),
    );
    let [SttEvent::Transcript(it), SttEvent::EndOfTurn] = &told[..] else { panic!("{told:?}") };
    let words: Vec<_> = it.words.iter().map(|it| &*it.word).collect();
    assert_eq!((&*it.text, words), ("oil change", vec!["oil", "change"]));
}

#[test]
fn a_final_that_is_asked_for_comes_with_its_mark() {
    let mut codec = codec();
    codec.on_sent(1_000 * MS);
    assert_eq!(decode(&mut codec, &tokens(&[("Yes", false)])), ["~Yes"]);
    assert_eq!(codec.finalize().as_deref(), Some(r#"{"type":"finalize"}"#));
    assert!(codec.owes_final());
    assert_eq!(decode(&mut codec, &tokens(&[("Yes", true), ("<fin>", true)])), ["=Yes"]);
    assert!(!codec.owes_final());
    codec.finalize();
    assert_eq!(decode(&mut codec, &tokens(&[("<fin>", true)])), ["="], "nothing was said");
}

#[test]
fn an_end_without_words_is_none() {
    assert!(decode(&mut codec(), cassette!("endpoint")).is_empty());
}

#[test]
fn silence_that_was_processed_is_not_played_again_and_an_utterance_is_kept_whole() {
    let mut codec = codec();
    codec.on_sent(1_000 * MS);
    assert!(decode(&mut codec, &tokens(&[])).is_empty());
    assert_eq!(codec.covered(), 900 * MS);
    codec.on_sent(4_000 * MS);
    decode(&mut codec, &tokens(&[("Yes", true)]).replace("900", "3900"));
    assert_eq!(codec.covered(), 900 * MS);
}

#[test]
fn another_connection_tells_the_utterance_anew() {
    let mut codec = codec();
    codec.on_sent(1_000 * MS);
    decode(&mut codec, &tokens(&[("Yes", true)]));
    codec.lost(Duration::ZERO, &mut Vec::new());
    codec.connected(Duration::ZERO);
    let told = decode(&mut codec, &tokens(&[("Yes", true), ("<end>", true)]));
    assert_eq!(told, ["=Yes", "EndOfTurn"]);
}

#[test]
fn errors_have_kinds_and_no_keys() {
    let refusal = |text: &str| codec().decode(text, &secrets(), &mut Vec::new()).unwrap_err();
    assert_eq!(refusal(cassette!("error")).kind(), ErrorKind::Disconnected);
    for (code, kind) in [
        (400, ErrorKind::Rejected),
        (401, ErrorKind::Unauthorized),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Overloaded),
    ] {
        let text = format!(r#"{{"tokens":[],"error_code":{code},"error_message":"sk-12345"}}"#);
        let error = refusal(&text);
        assert_eq!((error.kind(), error.to_string().contains("sk-")), (kind, false), "{code}");
    }
    for text in ["", "{}", r#"{"tokens":7}"#] {
        assert_eq!(refusal(text).kind(), ErrorKind::Protocol, "{text}");
    }
    assert!(decode(&mut codec(), cassette!("finished")).is_empty());
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages =
        [cassette!("tokens"), cassette!("endpoint"), cassette!("finished"), cassette!("error")];
    fixture::a_null_costs_no_more_than_a_missing_field(codec, &messages);
}

#[test]
fn an_error_is_told_without_tokens_and_with_its_code_as_a_text() {
    for error in [
        r#"{"error_code":401,"error_message":"bad"}"#,
        r#"{"tokens":null,"error_code":"401","error_message":null}"#,
    ] {
        let told = codec().decode(error, &secrets(), &mut Vec::new()).unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Unauthorized, "{error}");
    }
}
