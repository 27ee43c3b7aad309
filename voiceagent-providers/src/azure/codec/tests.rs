use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use voiceagent_core::{ErrorKind, Secret, audio::AudioFormat, stt::SttEvent};

use super::*;
use crate::{
    azure::{address::wav_head, frames::Frames},
    wire::{
        fixture as nulls,
        secrets::Secrets,
        stt::{InOrder, SttCodec},
        voice::{
            context_codec::{ContextCodec, Said},
            fixture,
        },
        ws::Frame,
    },
};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/azure/", $name, ".json"))
    };
}

fn secrets() -> Secrets {
    Secrets::new([&Secret::new("sk-12345")])
}

fn framed(path: &str, body: &str) -> String {
    format!("X-RequestId:7\r\nContent-Type:application/json\r\nPath:{path}\r\n\r\n{body}")
}

fn ear() -> InOrder<PhraseCodec> {
    let head = wav_head(AudioFormat::MULAW_8K).unwrap();
    let mut ear = InOrder::new(PhraseCodec::new(Frames::new(UNIX_EPOCH), 7, head));
    ear.connected(10_000 * MS);
    ear.on_sent(12_000 * MS);
    ear
}

fn hears(ear: &mut InOrder<PhraseCodec>, path: &str, body: &str) -> Vec<SttEvent> {
    let mut events = Vec::new();
    ear.decode(&framed(path, body), &secrets(), &mut events).unwrap();
    events
}

#[test]
fn a_phrase_replaces_what_was_understood_so_far() {
    let mut ear = ear();
    let so_far = hears(&mut ear, "speech.hypothesis", cassette!("speech_hypothesis"));
    let [SttEvent::Transcript(interim)] = &so_far[..] else { panic!("{so_far:?}") };
    assert_eq!((&*interim.text, interim.is_final), ("book it", false));
    let told = hears(&mut ear, "speech.phrase", cassette!("speech_phrase"));
    let [SttEvent::Transcript(it)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*it.text, it.is_final, it.confidence), ("Book it.", true, 0.97));
    let words: Vec<_> = it.words.iter().map(|word| (&*word.word, word.start, word.end)).collect();
    let expected = [("Book", 10_100 * MS, 10_500 * MS), ("it.", 10_500 * MS, 10_900 * MS)];
    assert_eq!(words, expected);
    assert_eq!(ear.covered(), 10_900 * MS);
    assert!(ear.finalize().is_none() && !ear.owes_final());
}

#[test]
fn a_noise_takes_back_what_seemed_to_be_understood() {
    let mut ear = ear();
    hears(&mut ear, "speech.hypothesis", cassette!("speech_hypothesis"));
    let told = hears(&mut ear, "speech.phrase", cassette!("speech_phrase_no_match"));
    let [SttEvent::Transcript(it)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*it.text, it.is_final), ("", false));
}

#[test]
fn a_failed_request_is_told_by_its_status() {
    for (path, status, kind) in [
        ("speech.phrase", "Forbidden", ErrorKind::Unauthorized),
        ("speech.phrase", "TooManyRequests", ErrorKind::RateLimited),
        ("speech.phrase", "BadRequest", ErrorKind::Rejected),
        ("speech.phrase", "Error", ErrorKind::Disconnected),
        ("turn.end", "", ErrorKind::Disconnected),
    ] {
        let body = format!(r#"{{"RecognitionStatus":"{status}"}}"#);
        let error = ear().decode(&framed(path, &body), &secrets(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
    }
}

#[test]
fn the_first_audio_of_a_connection_tells_its_format() {
    let mut ear = ear();
    let mut sent = || match ear.pack(Bytes::from_static(&[0x55; 160])) {
        Frame::Binary(sent) => sent.windows(4).any(|part| part == b"RIFF"),
        Frame::Text(_) => panic!("audio is bytes"),
    };
    assert_eq!((sent(), sent()), (true, false));
    ear.connected(Duration::ZERO);
    let Frame::Binary(sent) = ear.pack(Bytes::from_static(&[0x55; 160])) else { panic!("bytes") };
    assert!(sent.windows(4).any(|part| part == b"RIFF"));
}

fn mouth() -> PieceCodec {
    let manner = Manner {
        voice: "en-US-AvaMultilingualNeural".into(),
        language: "en-US".into(),
        rate: Some("+10%".into()),
        pitch: None,
        volume: None,
        style: None,
    };
    PieceCodec::new(Frames::new(UNIX_EPOCH), manner, "raw-8khz-8bit-mono-mulaw")
}

#[test]
fn a_request_is_introduced_once_and_comes_in_pieces() {
    let mut mouth = mouth();
    let begin = mouth.begin(7);
    let path = |message: &String| message.lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        begin.iter().map(path).collect::<Vec<_>>(),
        ["Path: speech.config", "Path: synthesis.context"]
    );
    let documented = cassette!("synthesis_context").split_whitespace().collect::<String>();
    assert_eq!(begin[1].split_once("\r\n\r\n").unwrap().1, documented);
    assert_eq!(mouth.begin(8).len(), 1);
    assert!(mouth.say(8, "Hi.\r\n\r\n").ends_with("text/plain\r\n\r\nHi.\r\n\r\n"));
    assert!(mouth.end(8)[0].starts_with("Path: text.end\r\n"));
    mouth.connected();
    assert_eq!(mouth.begin(9).len(), 2);
}

#[test]
fn audio_and_words_belong_to_their_request() {
    let mut mouth = mouth();
    let audio = Frames::new(UNIX_EPOCH).audio(7, false, &[0xFF; 160]);
    assert!(matches!(mouth.decode_audio(audio), Said::Audio(7, audio, _) if audio.len() == 160));
    let metadata = framed("audio.metadata", cassette!("audio_metadata"));
    let Said::Words(7, words) = mouth.decode(&metadata, &secrets()).unwrap() else {
        panic!("words")
    };
    let words: Vec<_> = words.iter().map(|it| (&*it.word, it.start, it.end)).collect();
    assert_eq!(words, [("Nine", 50 * MS, 300 * MS), ("thirty", 312 * MS + MS / 2, 700 * MS)]);
    assert!(matches!(mouth.decode_audio(Bytes::new()), Said::Other));
    let other = framed("response", "{}");
    assert!(matches!(mouth.decode(&other, &secrets()).unwrap(), Said::Other));
    assert_eq!(mouth.decode("{}", &secrets()).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn no_request_begins_until_the_one_that_is_stopped_is_over() {
    let mut mouth = mouth();
    let stop = mouth.cancel(7, None).unwrap();
    assert!(stop.ends_with("\r\n\r\n{\"action\":\"stop\"}") && mouth.is_stopping());
    let other = "X-RequestId:8\r\nPath:turn.end\r\n\r\n{}";
    assert!(matches!(mouth.decode(other, &secrets()).unwrap(), Said::Done(8, _)));
    assert!(mouth.is_stopping());
    mouth.decode(&framed("turn.end", "{}"), &secrets()).unwrap();
    assert!(!mouth.is_stopping());
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let heard = [
        ("speech.hypothesis", cassette!("speech_hypothesis")),
        ("speech.phrase", cassette!("speech_phrase")),
        ("speech.phrase", cassette!("speech_phrase_no_match")),
    ];
    let needed = nulls::needed(&heard.map(|(_, body)| body), |bodies, changed| {
        let (mut ear, mut events) = (ear(), Vec::new());
        for (at, ((path, _), body)) in heard.iter().zip(bodies).enumerate() {
            let told = ear.decode(&framed(path, body), &secrets(), &mut events);
            let kind = told.err().map(|error| error.kind());
            if at == changed && kind == Some(ErrorKind::Protocol) {
                return None;
            }
        }
        Some(format!("{events:?} {:?}", ear.covered()))
    });
    assert_eq!(Vec::from_iter(needed), ["RecognitionStatus", "Word"]);
    let needed = fixture::needed_by(&[cassette!("audio_metadata")], || {
        let mut mouth = mouth();
        move |body: &str, secrets: &Secrets| mouth.decode(&framed("audio.metadata", body), secrets)
    });
    assert!(needed.is_empty(), "{needed:?}");
}
