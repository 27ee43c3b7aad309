use voiceagent_core::{Error, ErrorKind};

use super::*;
use crate::wire::llm::fixture::{self, CALLS, STOP, call, text};

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/openai/", $name, ".sample.sse"))
    };
}

fn codec() -> Chunks {
    Chunks::new(CallIds::of(&[]))
}

fn understood(pieces: &[&[u8]]) -> (Vec<LlmEvent>, Option<Error>) {
    fixture::understood(codec(), pieces)
}

fn events(stream: &str) -> Vec<LlmEvent> {
    fixture::whole(codec(), stream)
}

fn usage(input: u32, cached: u32, output: u32) -> LlmEvent {
    LlmEvent::Usage(Usage::new(input, cached, output))
}

fn cassettes() -> Vec<(&'static str, Vec<LlmEvent>)> {
    vec![
        (
            cassette!("text_with_usage"),
            vec![text("Hi, "), text("how can I help?"), usage(120, 64, 18), STOP],
        ),
        (
            cassette!("parallel_tool_calls_interleaved"),
            vec![
                LlmEvent::Progress,
                call("call_a", "lookup_customer", r#"{"phone":"+15551234567"}"#),
                call("call_b", "get_available_slots", r#"{"day":"2026-12-01"}"#),
                usage(120, 64, 18),
                CALLS,
            ],
        ),
        (cassette!("content_filter"), vec![text("x"), LlmEvent::Finished(FinishReason::Filtered)]),
        (cassette!("length"), vec![text("cut"), LlmEvent::Finished(FinishReason::Length)]),
        (cassette!("refusal"), vec![text("I can't "), text("help with that."), STOP]),
        (cassette!("quirk_azure_prompt_filter_first"), vec![text("ok"), STOP]),
        (
            cassette!("quirk_ollama_single_chunk_tool_no_index"),
            vec![LlmEvent::Progress, call("call_x", "book", r#"{"slot":1}"#), CALLS],
        ),
        (cassette!("quirk_reasoning_content_vllm"), vec![LlmEvent::Progress, text("ok"), STOP]),
        (
            cassette!("quirk_usage_chunk_with_choice_litellm"),
            vec![text("ok"), usage(1, 0, 1), STOP],
        ),
    ]
}

#[test]
fn rd12_every_recorded_answer_is_understood() {
    for (stream, expected) in cassettes() {
        assert_eq!(events(stream), expected, "{stream}");
    }
}

#[test]
fn rd13_no_split_changes_an_answer() {
    fixture::no_split_changes(codec, &cassettes());
}

#[test]
fn rd13_an_answer_without_done_is_complete() {
    for (stream, expected) in cassettes() {
        assert_eq!(events(&stream.replace("data: [DONE]\n\n", "")), expected);
    }
}

#[test]
fn rd6_an_answer_that_is_cut_off_keeps_its_words_and_ends_with_an_error() {
    let stream = cassette!("text_with_usage");
    let (cut, _) = stream.split_at(stream.find("\"stop\"").unwrap());
    let (events, error) = understood(&[cut.as_bytes()]);
    assert_eq!(events, [text("Hi, "), text("how can I help?")]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Disconnected);
}

#[test]
fn rd7_a_call_is_not_made_when_the_answer_is_cut_off() {
    let stream = cassette!("parallel_tool_calls_interleaved");
    let (cut, _) = stream.split_at(stream.find("\"finish_reason\":\"tool_calls\"").unwrap());
    let (events, error) = understood(&[cut.as_bytes()]);
    assert_eq!(events, [LlmEvent::Progress]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Disconnected);
}

#[test]
fn an_error_in_the_middle_ends_the_answer() {
    let (events, error) = understood(&[cassette!("midstream_error").as_bytes()]);
    assert_eq!(events, [text("x")]);
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.message(), "the vendor reports an error (server_error)");
}

#[test]
fn done_without_a_reason_ends_the_answer() {
    let chunk = r#"{"choices":[{"delta":{"content":"ok"}}]}"#;
    assert_eq!(events(&format!("data: {chunk}\n\ndata: [DONE]\n\n")), [text("ok"), STOP]);
}

#[test]
fn rd7_done_without_a_reason_makes_no_half_call() {
    let stream = |arguments: &str| {
        let calls = serde_json::json!([{ "index": 0, "id": "c1",
            "function": { "name": "book", "arguments": arguments } }]);
        let chunk = serde_json::json!({ "choices": [{ "delta": { "tool_calls": calls } }] });
        format!("data: {chunk}\n\ndata: [DONE]\n\n")
    };
    for half in ["", "{", "{\"slot\":1"] {
        let (told, error) = understood(&[stream(half).as_bytes()]);
        let kind = error.expect("the answer was cut off").kind();
        assert_eq!((told, kind), (vec![LlmEvent::Progress], ErrorKind::Disconnected), "{half}");
    }
    let whole = [LlmEvent::Progress, call("c1", "book", "{\"slot\":1}"), CALLS];
    assert_eq!(events(&stream("{\"slot\":1}")), whole);
}

#[test]
fn what_is_not_a_chunk_is_refused_and_what_is_empty_is_not() {
    let mut answer = Chunks::new(CallIds::of(&[]));
    for harmless in ["", "{}", r#"{"type":"ping"}"#, r#"{"choices":null,"error":null}"#] {
        assert!(!answer.handle(harmless).unwrap(), "{harmless}");
    }
    for broken in ["{", "[]", "null", "<html>", r#"{"choices":7}"#] {
        let error = answer.handle(broken).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{broken}");
    }
}

#[test]
fn m5_a_model_that_reasons_makes_progress_before_it_answers() {
    let chunk = |delta: &str| format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
    let mut answer = Chunks::new(CallIds::of(&[]));
    let mut told = |delta: &str| {
        answer.handle(&chunk(delta)).unwrap();
        std::iter::from_fn(|| answer.poll()).collect::<Vec<_>>()
    };
    assert_eq!(told(r#"{"reasoning":"well"}"#), [LlmEvent::Progress]);
    assert_eq!(told(r#"{"reasoning_content":"so"}"#), [LlmEvent::Progress]);
    assert_eq!(told(r#"{"reasoning":"","reasoning_content":null}"#), []);
    assert_eq!(told(r#"{"content":"<think>or"}"#), [LlmEvent::Progress]);
    assert_eq!(told(r#"{"content":"</think>Yes"}"#), [text("Yes")]);
    assert_eq!(told(r#"{"content":"."}"#), [text(".")]);
    let piece = r#"{"tool_calls":[{"index":0,"function":{"arguments":" "}}]}"#;
    assert_eq!(told(piece), [LlmEvent::Progress], "it begins a call");
    assert_eq!(told(piece), [LlmEvent::Progress], "it goes on with it");
}

#[test]
fn m18_tokens_of_reasoning_are_told_apart() {
    let cost = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,
        "completion_tokens":70,"completion_tokens_details":{"reasoning_tokens":64}}}"#
        .replace('\n', "");
    let stream = format!("data: {cost}\n\ndata: [DONE]\n\n");
    let used = Usage::new(9, 0, 70).with_reasoning(64);
    assert_eq!(events(&stream), [LlmEvent::Usage(used), STOP]);
}

#[test]
fn rd4_a_chunk_without_content_is_no_progress() {
    let mut answer = Chunks::new(CallIds::of(&[]));
    let role = r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
    assert!(!answer.handle(role).unwrap());
    assert!(!answer.handle(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#).unwrap());
    let thought = r#"{"choices":[{"delta":{"reasoning_content":"hmm"}}]}"#;
    assert!(answer.handle(thought).unwrap(), "a model that thinks is not stalled");
}

#[test]
fn rd11_an_emoji_that_two_chunks_share_does_not_end_the_process() {
    let piece = |arguments: &str| {
        let function = r#"{"index":0,"id":"c1","function":{"name":"book","arguments":"#;
        format!(
            "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{function}\"{arguments}\"}}}}]}}}}]}}\n\n"
        )
    };
    let end = "data: {\"choices\":[{\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";
    let (first, second) = (piece(r#"{\"date\":\"\ud83d"#), piece(r#"\ude00\"}"#));
    let joined = call("c1", "book", "{\"date\":\"\u{1f600}\"}");
    assert_eq!(events(&format!("{first}{second}{end}")), [LlmEvent::Progress, joined, CALLS]);
    let (told, error) = understood(&[format!("{first}{end}").as_bytes()]);
    assert_eq!((told, error.unwrap().kind()), (vec![LlmEvent::Progress], ErrorKind::Protocol));
}

#[test]
fn an_answer_that_does_not_end_is_refused_with_bounded_memory() {
    let piece = "x".repeat(100_000);
    for delta in [
        format!(r#"{{"content":"{piece}"}}"#),
        format!(r#"{{"content":"<think>{piece}"}}"#),
        format!(r#"{{"refusal":"{piece}"}}"#),
        format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{piece}"}}}}]}}"#),
    ] {
        let mut answer = Chunks::new(CallIds::of(&[]));
        let chunk = format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
        let refused = (1..1_000).find_map(|pieces| Some((pieces, answer.handle(&chunk).err()?)));
        let (pieces, error) = refused.unwrap();
        assert_eq!((pieces, error.kind()), (11, ErrorKind::Protocol), "{delta:.40}");
        assert_eq!(error.message(), "the answer is longer than 1048576 bytes");
    }
}

#[test]
fn a_field_that_is_null_or_a_strange_cost_ends_no_answer() {
    let streams: Vec<_> = cassettes().into_iter().map(|(stream, _)| stream).collect();
    fixture::no_null_ends_an_answer(codec, &streams);
    fixture::no_strange_cost_ends_an_answer(codec, &streams);
}
