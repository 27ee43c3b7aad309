use std::time::Duration;

use super::{
    answer::{Answer, whole},
    *,
};

const MS: Duration = Duration::from_millis(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/openai/transcriptions/", $name))
    };
}

/// What an answer that comes in these pieces is understood as: `~` before interims, `=` before
/// finals.
fn understood(is_stream: bool, pieces: &[&[u8]]) -> Result<Vec<String>> {
    let mut answer = Answer::new(Duration::ZERO, is_stream);
    for piece in pieces {
        answer.feed(piece)?;
    }
    answer.end()?;
    let events = std::iter::from_fn(|| answer.poll());
    let short = events.map(|event| {
        let SttEvent::Transcript(it) = event else { panic!("{event:?}") };
        format!("{}{}", if it.is_final { '=' } else { '~' }, it.text)
    });
    Ok(short.collect())
}

fn json(body: &str) -> String {
    understood(false, &[body.as_bytes()]).unwrap().concat()
}

fn refusal(is_stream: bool, body: &str) -> Error {
    understood(is_stream, &[body.as_bytes()]).unwrap_err()
}

#[test]
fn a_whole_answer_is_a_final_however_it_is_cut() {
    for sample in [cassette!("json.sample.json"), cassette!("verbose_json.sample.json")] {
        let bytes = sample.as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(understood(false, &[&bytes[..at], &bytes[at..]]).unwrap(), ["=Book it."]);
        }
    }
}

#[test]
fn a_stream_is_interims_and_a_final_however_it_is_cut() {
    let sample = cassette!("stream.sample.sse").as_bytes();
    for at in 0..=sample.len() {
        let events = understood(true, &[&sample[..at], &sample[at..]]).unwrap();
        assert_eq!(events, ["~Book", "~Book it.", "=Book it."]);
    }
}

#[test]
fn the_chunks_of_vllm_are_a_stream_that_ends_without_a_whole_text() {
    let chunk = |text: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let stream = chunk(" Book") + &chunk(" it.") + "data: [DONE]\n\n";
    let events = understood(true, &[stream.as_bytes()]).unwrap();
    assert_eq!(events, ["~Book", "~Book it.", "=Book it."]);
}

#[test]
fn words_have_the_spelling_of_the_text_and_times_in_the_stream() {
    let transcript = whole(cassette!("verbose_json.sample.json"), 10_000 * MS).unwrap();
    let words: Vec<_> = transcript.words.iter().map(|it| (&*it.word, it.start, it.end)).collect();
    let expected = [("Book", 10_100 * MS, 10_400 * MS), ("it.", 10_400 * MS, 10_600 * MS)];
    assert_eq!(words, expected);
}

#[test]
fn words_within_segments_are_read() {
    let body = r#"{"text":" Yes.\n","segments":[{"text":" Yes.","words":[{"word":" Yes.","start":0.25,"end":0.5}]}]}"#;
    let transcript = whole(body, Duration::ZERO).unwrap();
    assert_eq!((&*transcript.text, transcript.words[0].start), ("Yes.", 250 * MS));
}

#[test]
fn what_was_written_about_silence_was_not_said() {
    for text in ["", " ", "[BLANK_AUDIO]", " (upbeat music)\n"] {
        assert_eq!(json(&format!("{{\"text\":{text:?}}}")), "=");
    }
    for text in ["(one) two (three)", "[one] two [three]"] {
        assert_eq!(json(&format!("{{\"text\":{text:?}}}")), format!("={text}"));
    }
}

#[test]
fn segments_in_which_nobody_spoke_are_left_out_with_their_words() {
    let body = r#"{"text":"Book it. Thanks for watching!",
        "words":[{"word":"Book","start":0.1,"end":0.3},{"word":"it","start":0.3,"end":0.5},
            {"word":"Thanks","start":1.2,"end":1.3}],
        "segments":[{"start":0,"end":1,"text":" Book it.","no_speech_prob":0.01},
            {"start":1,"end":2,"text":" Thanks for watching!","no_speech_prob":0.9}]}"#;
    let transcript = whole(body, Duration::ZERO).unwrap();
    assert_eq!((&*transcript.text, transcript.words.len()), ("Book it.", 2));
}

#[test]
fn errors_are_told_whatever_their_status_was() {
    let coded = r#"{"error":{"message":"sk-12345","code":"rate_limit_exceeded"}}"#;
    let error = refusal(false, coded);
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(!error.to_string().contains("sk-"));
    assert_eq!(refusal(false, r#"{"error":"failed to read audio"}"#).kind(), ErrorKind::Rejected);
    assert_eq!(refusal(false, "").kind(), ErrorKind::Rejected);
    let error = refusal(true, &format!("data: {coded}\n\n"));
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[test]
fn a_stream_that_is_cut_off_is_lost() {
    let cut = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Book \"}\n\n";
    assert_eq!(refusal(true, cut).kind(), ErrorKind::Disconnected);
}

#[test]
fn what_is_unknown_in_a_stream_is_passed_over() {
    let stream = "data: nonsense\n\ndata: {\"type\":\"novelty\",\"x\":[{}]}\n\n\
        data: {\"type\":\"transcript.text.done\",\"text\":\"Yes.\"}\n\ndata: {\"delta\":\"late\"}\n\n";
    assert_eq!(understood(true, &[stream.as_bytes()]).unwrap(), ["=Yes."]);
}

#[test]
fn an_answer_without_end_is_refused() {
    let mut answer = Answer::new(Duration::ZERO, false);
    let piece = [b' '; 4_096];
    let refused = (0..1_000).find_map(|_| answer.feed(&piece).err());
    assert_eq!(refused.unwrap().kind(), ErrorKind::Protocol);
}
