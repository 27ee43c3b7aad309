use serde_json::Value;
use voiceagent_core::Secret;

use super::*;
use crate::wire::voice::fixture;

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/elevenlabs/", $name, ".json"))
    };
}

fn codec() -> MultiCodec {
    let mut config = ElevenLabsTtsConfig::new(Secret::new("sk-12345"), "VOICE");
    (config.stability, config.similarity_boost) = (Some(0.5), Some(0.8));
    let mut codec = MultiCodec::new(&config, AudioFormat::MULAW_8K);
    codec.begin(7);
    codec
}

fn decode(codec: &mut MultiCodec, text: &str) -> Result<Said> {
    codec.decode(&text.replace("\"c1\"", "\"7\""), &Secrets::new([&Secret::new("sk-12345")]))
}

/// A number by its shortest text, as the vendor's own JSON has it.
fn json(text: &str) -> Value {
    serde_json::from_str(&text.replace("\"c1\"", "\"7\"")).unwrap()
}

#[test]
fn what_is_sent_is_what_the_vendor_documents() {
    let mut codec = codec();
    assert_eq!(json(&codec.begin(7)[0]), json(cassette!("init")));
    assert_eq!(json(&codec.say(7, " Hello there.")), json(cassette!("text")));
    assert_eq!(json(&codec.keep_alive(7).unwrap()), json(cassette!("keepalive")));
    assert_eq!(json(&codec.cancel(7, None).unwrap()), json(cassette!("close_context")));
    let ends: Vec<_> = codec.end(7).iter().map(|message| json(message)).collect();
    assert_eq!(ends, [json(cassette!("flush")), json(cassette!("close_context"))]);
    assert_eq!(json(CLOSE_SOCKET), json(cassette!("close_socket")));
}

#[test]
fn dictionaries_are_named_when_a_context_begins() {
    let mut config = ElevenLabsTtsConfig::new(Secret::new("sk-12345"), "VOICE");
    let mut other = ElevenLabsDictionary::new("d2");
    other.version = Some("v1".into());
    config.pronunciation_dictionaries = vec![ElevenLabsDictionary::new("d1"), other];
    let mut codec = MultiCodec::new(&config, AudioFormat::MULAW_8K);
    let begins = codec.begin(7).concat();
    let named = r#""pronunciation_dictionary_locators":[{"pronunciation_dictionary_id":"d1"},{"pronunciation_dictionary_id":"d2","version_id":"v1"}]"#;
    assert!(begins.contains(named), "{begins}");
    assert!(!codec.say(7, "Hi.").contains("locators"));
}

#[test]
fn audio_brings_the_words_that_end_with_it() {
    let said = decode(&mut codec(), cassette!("audio")).unwrap();
    let Said::Audio(7, payload, words) = said else { panic!("{said:?}") };
    assert_eq!(&payload[..], [0xFF; 160], "20 ms of silence");
    let [word] = &words[..] else { panic!("{words:?}") };
    assert_eq!((&*word.word, word.start.as_millis(), word.end.as_millis()), ("Hi", 0, 160));
}

#[test]
fn the_last_word_comes_with_the_end() {
    let mut codec = codec();
    let open = cassette!("audio").replace("\" \"", "\"!\"");
    let Said::Audio(7, _, words) = decode(&mut codec, &open).unwrap() else { panic!("audio") };
    assert!(words.is_empty(), "the word may go on");
    let Said::Done(7, words) = decode(&mut codec, cassette!("final")).unwrap() else {
        panic!("the end")
    };
    assert_eq!(words.iter().map(|it| &*it.word).collect::<Vec<_>>(), ["Hi!"]);
}

#[test]
fn i8_words_of_an_old_context_are_not_those_of_the_new_one() {
    let mut codec = codec();
    let old = cassette!("audio").replace("\" \"", "\"x\"");
    decode(&mut codec, &old).unwrap();
    codec.begin(8);
    let Said::Audio(7, _, words) = decode(&mut codec, &old).unwrap() else { panic!("audio") };
    assert!(words.is_empty());
    let Said::Done(8, words) = decode(&mut codec, r#"{"isFinal":true,"contextId":"8"}"#).unwrap()
    else {
        panic!("the end")
    };
    assert!(words.is_empty());
}

#[test]
fn rd1_an_error_has_a_kind_and_repeats_no_text() {
    let said = decode(&mut codec(), cassette!("error_1008")).unwrap();
    let Said::Failed(None, error) = said else { panic!("{said:?}") };
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Rejected, "the vendor reports policy_violation")
    );
    for (name, kind) in [
        ("invalid_api_key", ErrorKind::Unauthorized),
        ("quota_exceeded", ErrorKind::Unauthorized),
        ("max_active_conversations", ErrorKind::RateLimited),
        ("too_many_concurrent_requests", ErrorKind::RateLimited),
        ("system_busy", ErrorKind::Overloaded),
        ("input_timeout_exceeded", ErrorKind::Disconnected),
        ("no sk-12345", ErrorKind::Rejected),
    ] {
        let text = format!(r#"{{"message":"Hi Bob","error":"{name}","code":1008}}"#);
        let Said::Failed(None, error) = decode(&mut codec(), &text).unwrap() else {
            panic!("{name}")
        };
        assert_eq!(error.kind(), kind, "{name}");
        assert!(!error.to_string().contains("sk-") && !error.to_string().contains("Bob"));
    }
}

#[test]
fn what_is_unknown_is_passed_over_and_what_is_broken_is_told() {
    for text in [
        "{}",
        r#"{"novelty":[{}],"contextId":"7"}"#,
        r#"{"audio":"AAAA","contextId":"somebody-else"}"#,
        r#"{"audio":null,"alignment":null,"isFinal":null,"contextId":"7"}"#,
    ] {
        assert!(matches!(decode(&mut codec(), text).unwrap(), Said::Other), "{text}");
    }
    for text in ["", "[1", r#"{"audio":"*","contextId":"7"}"#] {
        assert_eq!(decode(&mut codec(), text).unwrap_err().kind(), ErrorKind::Protocol, "{text}");
    }
}

#[test]
fn formats_that_the_vendor_does_not_make_are_unsupported() {
    let wide = AudioFormat { sample_rate: 12_345, ..AudioFormat::PCM_16K };
    let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
    for format in [wide, stereo] {
        assert_eq!(output_format(format).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [cassette!("audio"), cassette!("final"), cassette!("error_1008")]
        .map(|message| message.replace("\"c1\"", "\"7\""));
    let messages = messages.each_ref().map(String::as_str);
    assert!(fixture::needed(codec, &messages).is_empty());
}
