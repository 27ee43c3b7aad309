use bytes::Bytes;
use voiceagent_core::{
    audio::AudioFormat,
    stt::{SttEvent, Transcript},
};

use super::*;
use crate::wire::{
    stt::{SttCodec, fixture},
    voice::{
        context_codec::{ContextCodec, Said},
        fixture as voices,
    },
};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/deepgram/", $name, ".json"))
    };
}

fn secrets() -> Secrets {
    Secrets::new([&voiceagent_core::Secret::new("Token sk-12345")])
}

fn decode(codec: &mut impl SttCodec, text: &str) -> Vec<SttEvent> {
    let mut events = Vec::new();
    codec.decode(text, &secrets(), &mut events).unwrap();
    events
}

/// Events in short: `~` before interims, `=` before finals.
fn short(events: &[SttEvent]) -> Vec<String> {
    let short = |event: &SttEvent| {
        let SttEvent::Transcript(it) = event else { return format!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    };
    events.iter().map(short).collect()
}

fn play(codec: &mut impl SttCodec, messages: &[&str]) -> Vec<String> {
    messages.iter().flat_map(|message| short(&decode(codec, message))).collect()
}

fn results(start: f64, end: f64, text: &str, flags: &str) -> String {
    let count = f64::from(u32::try_from(text.split_whitespace().count().max(1)).unwrap());
    let one = (end - start) / count;
    let words: Vec<_> = (0_u32..)
        .zip(text.split_whitespace())
        .map(|(n, word)| {
            let at = start + one * f64::from(n);
            format!(r#"{{"word":"{word}","start":{at},"end":{},"confidence":0.9}}"#, at + one)
        })
        .collect();
    format!(
        r#"{{"type":"Results","start":{start},"duration":{},{flags},"channel":{{"alternatives":[
        {{"transcript":"{text}","confidence":0.9,"words":[{}]}}]}}}}"#,
        end - start,
        words.join(",")
    )
}

const INTERIM: &str = r#""is_final":false"#;
const FINAL: &str = r#""is_final":true"#;
const SPEECH_FINAL: &str = r#""is_final":true,"speech_final":true"#;
const FROM_FINALIZE: &str = r#""is_final":true,"from_finalize":true"#;

#[test]
fn the_listen_cassette_is_one_turn() {
    let mut codec = ListenCodec::default();
    let events = play(
        &mut codec,
        &[
            cassette!("listen/speech_started"),
            cassette!("listen/results_interim"),
            cassette!("listen/results_final_not_speech_final"),
            cassette!("listen/results_speech_final"),
            cassette!("listen/utterance_end"),
            cassette!("listen/results_from_finalize_empty"),
            cassette!("listen/configure_success"),
            cassette!("listen/configure_failure"),
            cassette!("listen/metadata_close"),
        ],
    );
    assert_eq!(events, ["SpeechStarted", "~book an", "=Book an", "=appointment.", "EndOfTurn"]);
    assert_eq!(codec.covered(), 2_300 * MS);
}

#[test]
fn words_keep_their_times_and_their_spelling() {
    let mut codec = ListenCodec::default();
    codec.connected(10_000 * MS);
    let events = decode(&mut codec, cassette!("listen/results_final_not_speech_final"));
    let word = |word: &str, start, end| WordTiming { word: word.into(), start, end };
    let words = vec![word("Book", 11_120 * MS, 11_400 * MS), word("an", 11_400 * MS, 11_500 * MS)];
    let expected = Transcript::final_("Book an").with_confidence(0.98).with_words(words);
    assert_eq!(events, [SttEvent::Transcript(expected)]);
}

#[test]
fn an_utterance_end_ends_a_turn_that_noise_kept_open() {
    let mut codec = ListenCodec::default();
    let events = play(
        &mut codec,
        &[
            &results(0.0, 1.0, "yes please", FINAL),
            r#"{"type":"UtteranceEnd","last_word_end":1.0}"#,
            r#"{"type":"UtteranceEnd","last_word_end":1.0}"#,
        ],
    );
    assert_eq!(events, ["=yes please", "EndOfTurn"]);
}

#[test]
fn a_turn_of_interims_alone_is_not_lost_and_not_said_twice() {
    let mut codec = ListenCodec::default();
    let events = play(
        &mut codec,
        &[
            &results(0.0, 1.0, "yes please", INTERIM),
            r#"{"type":"UtteranceEnd","last_word_end":1.0}"#,
            &results(0.0, 1.5, "yes please now", SPEECH_FINAL),
        ],
    );
    assert_eq!(events[..3], ["~yes please", "=yes please", "EndOfTurn"]);
    assert_eq!(events[3..], ["=now", "EndOfTurn"], "only what was not sent before");
}

#[test]
fn an_utterance_end_leaves_later_speech_alone() {
    let mut codec = ListenCodec::default();
    let events = play(
        &mut codec,
        &[
            &results(0.0, 1.0, "yes", FINAL),
            &results(1.5, 2.0, "but", INTERIM),
            r#"{"type":"UtteranceEnd","last_word_end":1.0}"#,
            r#"{"type":"UtteranceEnd","last_word_end":-1}"#,
        ],
    );
    assert_eq!(events, ["=yes", "~but", "EndOfTurn"]);
}

#[test]
fn empty_results_say_nothing_unless_they_take_something_back_or_were_asked_for() {
    let mut codec = ListenCodec::default();
    assert!(play(&mut codec, &[&results(0.0, 1.0, "", INTERIM)]).is_empty());
    assert!(play(&mut codec, &[&results(0.0, 1.0, "", SPEECH_FINAL)]).is_empty());
    assert_eq!(codec.covered(), 1_000 * MS, "silence is covered too");
    let taken_back = [results(1.0, 2.0, "uh", INTERIM), results(1.0, 2.0, "", FINAL)];
    assert_eq!(play(&mut codec, &[&taken_back[0], &taken_back[1]]), ["~uh", "="]);
    assert!(codec.finalize().is_some());
    assert_eq!(play(&mut codec, &[&results(2.0, 2.1, "", FROM_FINALIZE)]), ["="]);
    assert!(!codec.owes_final());
}

#[test]
fn a_result_that_was_asked_for_ends_no_turn() {
    let asked = results(0.0, 1.0, "yes", &format!("{SPEECH_FINAL},\"from_finalize\":true"));
    let next = results(1.5, 2.0, "please", SPEECH_FINAL);
    let events = play(&mut ListenCodec::default(), &[&asked, &next]);
    assert_eq!(events, ["=yes", "=please", "EndOfTurn"]);
}

#[test]
fn a_finalize_without_an_answer_settles_with_what_was_understood() {
    let mut codec = ListenCodec::default();
    play(&mut codec, &[&results(0.0, 1.0, "nine thirty", INTERIM)]);
    codec.finalize();
    let mut events = Vec::new();
    codec.settle(&mut events);
    assert_eq!(short(&events), ["=nine thirty"]);
    assert!(play(&mut codec, &[&results(0.0, 1.0, "nine thirty", FROM_FINALIZE)]).is_empty());
}

#[test]
fn a_lost_connection_commits_only_what_cannot_be_heard_again() {
    let mut codec = ListenCodec::default();
    play(&mut codec, &[&results(0.0, 1.0, "one", FINAL), &results(1.0, 2.0, "two", INTERIM)]);
    let mut events = Vec::new();
    codec.lost(1_000 * MS, &mut events);
    assert!(events.is_empty(), "the tape reaches back to the final");
    codec.lost(1_500 * MS, &mut events);
    assert_eq!(short(&events), ["=two"]);
    codec.connected(2_000 * MS);
    assert_eq!(play(&mut codec, &[&results(0.0, 1.0, "three", FINAL)]), ["=three"]);
    assert_eq!(codec.covered(), 3_000 * MS);
}

#[test]
fn t15_the_flux_cassette_resumes_once_and_ends_with_the_last_eager_text() {
    let mut codec = FluxCodec::new(false);
    let events = play(
        &mut codec,
        &[
            cassette!("flux/00_connected"),
            cassette!("flux/01_start_of_turn"),
            cassette!("flux/02_update"),
            cassette!("flux/03_eager_end_of_turn"),
            cassette!("flux/04_turn_resumed"),
            cassette!("flux/05_eager_end_of_turn_2"),
            cassette!("flux/06_end_of_turn"),
            cassette!("flux/07_end_of_turn_timeout"),
            cassette!("flux/configure_success"),
            cassette!("flux/configure_failure"),
            cassette!("flux/warning"),
        ],
    );
    assert_eq!(
        events,
        [
            "SpeechStarted",
            "~I need",
            "~I need an oil change",
            "EagerEndOfTurn",
            "~I need an oil change and",
            "TurnResumed",
            "~I need an oil change and tires",
            "EagerEndOfTurn",
            "=I need an oil change and tires",
            "EndOfTurn",
            "SpeechStarted",
            "=hello",
            "EndOfTurn",
        ]
    );
}

fn turn_info(event: &str, start: f64, end: f64, text: &str) -> String {
    format!(
        r#"{{"type":"TurnInfo","event":"{event}","turn_index":0,"audio_window_start":{start},
        "audio_window_end":{end},"transcript":"{text}","words":[]}}"#
    )
}

#[test]
fn a_turn_whose_audio_was_kept_is_heard_anew() {
    let mut codec = FluxCodec::new(false);
    play(
        &mut codec,
        &[
            &turn_info("StartOfTurn", 2.0, 2.5, "I"),
            &turn_info("EagerEndOfTurn", 2.0, 3.0, "I need"),
        ],
    );
    assert_eq!(codec.covered(), 2_000 * MS);
    let mut events = Vec::new();
    codec.lost(1_000 * MS, &mut events);
    assert_eq!(short(&events), ["TurnResumed"], "the early notice came to nothing");
    codec.connected(2_000 * MS);
    let events = play(
        &mut codec,
        &[
            &turn_info("StartOfTurn", 0.0, 0.5, "I"),
            &turn_info("EndOfTurn", 0.0, 1.5, "I need tires"),
        ],
    );
    assert_eq!(events, ["~I", "=I need tires", "EndOfTurn"], "it does not start twice");
    assert_eq!(codec.covered(), 3_500 * MS);
}

#[test]
fn a_turn_whose_audio_is_gone_ends_with_its_last_text() {
    let mut codec = FluxCodec::new(false);
    play(&mut codec, &[&turn_info("StartOfTurn", 2.0, 20.0, "a long story")]);
    let mut events = Vec::new();
    codec.lost(5_000 * MS, &mut events);
    assert_eq!(short(&events), ["=a long story", "EndOfTurn"]);
    assert!(!codec.in_turn());
    assert_eq!(codec.covered(), 20_000 * MS);
}

#[test]
fn only_little_audio_is_kept_while_nobody_speaks() {
    let mut codec = FluxCodec::new(false);
    assert!(play(&mut codec, &[&turn_info("Update", 0.0, 8.0, "")]).is_empty());
    assert_eq!(codec.covered(), 7_000 * MS);
    assert!(!codec.in_turn());
}

#[test]
fn a_turn_is_ended_by_force_only_where_that_was_asked_for() {
    let mut gentle = FluxCodec::new(false);
    let mut forceful = FluxCodec::new(true);
    assert_eq!(forceful.finalize(), None, "there is no turn to end");
    for codec in [&mut gentle, &mut forceful] {
        play(codec, &[&turn_info("StartOfTurn", 0.0, 0.5, "I")]);
    }
    assert_eq!(gentle.finalize(), None);
    assert_eq!(forceful.finalize().as_deref(), Some(r#"{"type":"ForceEndTurn"}"#));
    assert!(forceful.owes_final());
    let ended = play(&mut forceful, &[&turn_info("EndOfTurn", 0.0, 1.5, "I need tires")]);
    assert_eq!(ended, ["=I need tires"], "the model has not found so");
    let next = play(&mut forceful, &[&turn_info("EndOfTurn", 2.0, 3.0, "Now")]);
    assert_eq!(next, ["SpeechStarted", "=Now", "EndOfTurn"]);
}

#[test]
fn a_vendor_that_found_fault_with_us_is_not_asked_again() {
    for (message, kind) in [
        (cassette!("listen/error_schema"), ErrorKind::Rejected),
        (cassette!("flux/error_fatal"), ErrorKind::Disconnected),
        (r#"{"type":"Error","code":"UNPARSABLE_CLIENT_MESSAGE"}"#, ErrorKind::Rejected),
    ] {
        let mut events = Vec::new();
        let listen = ListenCodec::default().decode(message, &secrets(), &mut events).unwrap_err();
        let flux = FluxCodec::new(false).decode(message, &secrets(), &mut events).unwrap_err();
        assert_eq!((listen.kind(), flux.kind()), (kind, kind), "{message}");
        assert!(events.is_empty());
    }
}

#[test]
fn garbage_is_a_protocol_fault_that_repeats_nothing_of_it() {
    let garbage = [
        "",
        "nonsense",
        "[]",
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"Results","start":"private words"}"#,
        r#"{"type":"TurnInfo","event":["private words"]}"#,
        r#"{"type":"UtteranceEnd"}"#,
        &cassette!("listen/results_interim")[..200],
    ];
    for text in garbage {
        let mut events = Vec::new();
        let results = [
            ListenCodec::default().decode(text, &secrets(), &mut events),
            FluxCodec::new(false).decode(text, &secrets(), &mut events),
        ];
        assert!(results.iter().any(Result::is_err), "{text}");
        for error in results.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::Protocol, "{text}");
            assert!(!format!("{error:?}").contains("private"), "{text}");
        }
        assert!(events.is_empty());
    }
}

#[test]
fn unknown_types_fields_and_numbers_out_of_range_are_tolerated() {
    for text in [
        r#"{"type":"Novelty","x":[1]}"#,
        r#"{"type":"Results","start":-1e300,"duration":1e300,"is_final":true,"channel":{},"y":{}}"#,
        r#"{"type":"TurnInfo","event":"Novelty","audio_window_end":-5}"#,
        r#"{"type":"UtteranceEnd","last_word_end":1.8e19}"#,
    ] {
        assert!(decode(&mut ListenCodec::default(), text).is_empty(), "{text}");
        assert!(decode(&mut FluxCodec::new(false), text).is_empty(), "{text}");
    }
}

#[test]
fn escaped_text_is_read_as_it_was_meant() {
    let text = results(0.0, 1.0, r"caf\u00e9", FINAL);
    assert_eq!(play(&mut ListenCodec::default(), &[&text]), ["=café"]);
}

#[test]
fn the_speak_cassette_is_told_apart() {
    let read = |text| format!("{:?}", speak_message(text, &secrets()).unwrap());
    assert_eq!(read(cassette!("speak/flushed")), "Flushed");
    assert_eq!(read(cassette!("speak/cleared")), "Cleared");
    assert_eq!(read(cassette!("speak/metadata")), "Other");
    assert_eq!(read(cassette!("speak/warning")), "Other");
    assert_eq!(read(r#"{"type":"Novelty"}"#), "Other");
    assert!(speak_message("nonsense", &secrets()).is_err());
}

fn speaks(codec: &mut FluxSpeakCodec, text: &str) -> String {
    match codec.decode(text, &secrets()).unwrap() {
        Said::Done(context, _) => format!("{context} is done"),
        Said::Failed(_, error) => format!("{:?}", error.kind()),
        Said::Heard(context, text) => format!("{context} until {text}"),
        other => format!("{other:?}"),
    }
}

fn open_turn() -> FluxSpeakCodec {
    let mut codec = FluxSpeakCodec::new(AudioFormat::MULAW_8K);
    assert_eq!(codec.say(7, "Hi."), r#"{"type":"Speak","text":"Hi."}"#);
    assert_eq!(speaks(&mut codec, cassette!("flux_speak/connected")), "Other");
    assert_eq!(speaks(&mut codec, cassette!("flux_speak/speech_started")), "Other");
    let audio = codec.decode_audio(Bytes::from_static(&[0xFF; 19_200]));
    assert!(matches!(audio, Said::Audio(7, ..)));
    codec
}

#[test]
fn h6_an_interruption_says_how_much_of_the_connection_was_heard() {
    let mut codec = open_turn();
    let sent = codec.cancel(7, Some(Duration::from_millis(1_840))).unwrap();
    let documented = cassette!("flux_speak/interrupt").split_whitespace().collect::<String>();
    assert_eq!(sent, documented);
    assert!(codec.is_stopping());
    let late = codec.decode_audio(Bytes::from_static(&[0xFF; 160]));
    assert!(matches!(late, Said::Other), "nobody wants to hear it");
    let told = speaks(&mut codec, cassette!("flux_speak/speech_interrupted"));
    assert_eq!(told, "7 until We have nine");
    assert!(!codec.is_stopping());
    codec.say(8, "Yes.");
    codec.decode_audio(Bytes::from_static(&[0xFF; 800]));
    let unheard = codec.cancel(8, Some(Duration::ZERO)).unwrap();
    assert_eq!(unheard, r#"{"type":"Interrupt"}"#, "the place must be behind the last");
}

#[test]
fn a_turn_that_ends_while_it_is_interrupted_is_over() {
    let mut codec = open_turn();
    assert_eq!(codec.end(7), [r#"{"type":"Flush"}"#]);
    codec.cancel(7, None).unwrap();
    assert_eq!(speaks(&mut codec, cassette!("flux_speak/flushed")), "Other");
    assert_eq!(speaks(&mut codec, cassette!("flux_speak/speech_metadata")), "Other");
    assert!(codec.is_stopping(), "the interruption is answered, too");
    assert_eq!(speaks(&mut codec, cassette!("flux_speak/warning")), "Other");
    assert!(!codec.is_stopping());
    let mut ignored = open_turn();
    ignored.cancel(7, None).unwrap();
    let warning = r#"{"type":"Warning","code":"INVALID_INTERRUPT_OFFSET","description":"x"}"#;
    assert_eq!(speaks(&mut ignored, warning), "Disconnected");
}

#[test]
fn a_turn_without_any_audio_is_brought_to_its_end_in_place_of_an_interruption() {
    let mut codec = FluxSpeakCodec::new(AudioFormat::MULAW_8K);
    codec.say(7, "Hi.");
    assert_eq!(codec.cancel(7, None).as_deref(), Some(r#"{"type":"Flush"}"#));
    assert!(matches!(codec.decode_audio(Bytes::from_static(&[0xFF; 160])), Said::Other));
    assert_eq!(speaks(&mut codec, cassette!("flux_speak/speech_metadata")), "7 is done");
    assert!(!codec.is_stopping());
    assert_eq!(speaks(&mut codec, cassette!("flux_speak/error")), "Disconnected");
    assert!(codec.decode("nonsense", &secrets()).is_err());
    assert_eq!(speaks(&mut codec, r#"{"type":"Novelty","x":[1]}"#), "Other");
}

#[test]
fn a_vendor_that_repeats_the_key_is_quoted_without_it() {
    let text = r#"{"type":"Error","code":"NET-1","description":"key sk-12345 has\nexpired"}"#;
    let mut events = Vec::new();
    let listen = ListenCodec::default().decode(text, &secrets(), &mut events).unwrap_err();
    let SpeakMessage::Failed(speak) = speak_message(text, &secrets()).unwrap() else {
        panic!("a failure")
    };
    for error in [listen, speak] {
        assert_eq!(error.message(), "NET-1: key [secret] has expired");
    }
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("listen/speech_started"),
        cassette!("listen/results_interim"),
        cassette!("listen/results_final_not_speech_final"),
        cassette!("listen/results_speech_final"),
        cassette!("listen/results_from_finalize_empty"),
        cassette!("listen/error_schema"),
    ];
    fixture::a_null_costs_no_more_than_a_missing_field(ListenCodec::default, &messages);
    let messages = [
        cassette!("flux/01_start_of_turn"),
        cassette!("flux/02_update"),
        cassette!("flux/03_eager_end_of_turn"),
        cassette!("flux/04_turn_resumed"),
        cassette!("flux/06_end_of_turn"),
        cassette!("flux/error_fatal"),
    ];
    fixture::a_null_costs_no_more_than_a_missing_field(|| FluxCodec::new(true), &messages);
}

#[test]
fn a_field_of_a_voice_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("flux_speak/speech_started"),
        cassette!("flux_speak/speech_interrupted"),
        cassette!("flux_speak/speech_metadata"),
        cassette!("flux_speak/warning"),
        cassette!("flux_speak/error"),
    ];
    let needed = voices::needed(
        || {
            let mut codec = open_turn();
            codec.cancel(7, Some(Duration::from_millis(1_840))).unwrap();
            codec
        },
        &messages,
    );
    assert_eq!(Vec::from_iter(needed), ["type"]);
    let messages = [
        cassette!("speak/metadata"),
        cassette!("speak/flushed"),
        cassette!("speak/cleared"),
        cassette!("speak/warning"),
    ];
    let needed = voices::needed_by(&messages, || speak_message);
    assert_eq!(Vec::from_iter(needed), ["type"]);
}
