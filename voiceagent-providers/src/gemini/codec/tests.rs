use voiceagent_core::{Error, ErrorKind};

use super::*;
use crate::wire::llm::fixture::{self, CALLS, STOP, call, text};

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/gemini/", $name, ".sample.sse"))
    };
}

fn codec() -> Chunks {
    Chunks::new(CallIds::of(&[]), Keepsakes::default())
}

fn understood(pieces: &[&[u8]]) -> (Vec<LlmEvent>, Option<Error>) {
    fixture::understood(codec(), pieces)
}

fn events(stream: &str) -> Vec<LlmEvent> {
    fixture::whole(codec(), stream)
}

fn usage(input: u32, output: u32) -> LlmEvent {
    LlmEvent::Usage(Usage::new(input, 0, output))
}

/// A chunk with these parts, and with a reason of the end if it is not empty.
fn chunk(parts: &str, reason: &str) -> String {
    format!(
        r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"{reason}","index":0}}]}}"#
    )
}

const TOOLS: &str = cassette!("parallel_function_calls_with_signature");

fn cassettes() -> Vec<(&'static str, Vec<LlmEvent>)> {
    vec![
        (cassette!("text"), vec![text("Hello "), text("there."), usage(20, 8), STOP]),
        (
            TOOLS,
            vec![
                LlmEvent::Progress,
                call("fc1", "lookup_customer", r#"{"phone":"+15551234567"}"#),
                call("fc2", "get_available_slots", r#"{"day":"2026-12-01"}"#),
                usage(20, 8),
                CALLS,
            ],
        ),
        (
            cassette!("blocked_prompt"),
            vec![usage(5, 0), LlmEvent::Finished(FinishReason::Filtered)],
        ),
    ]
}

#[test]
fn rd12_every_sample_is_understood() {
    for (stream, expected) in cassettes() {
        assert_eq!(events(stream), expected, "{stream}");
    }
}

#[test]
fn rd13_no_split_changes_an_answer() {
    fixture::no_split_changes(codec, &cassettes());
}

#[test]
fn rd7_no_tool_is_called_wherever_the_answer_is_cut() {
    // The last break completes the only event.
    for at in 0..TOOLS.len() - 1 {
        let (events, error) = understood(&[&TOOLS.as_bytes()[..at]]);
        assert_eq!(events, [], "cut at {at}");
        assert_eq!(error.unwrap().kind(), ErrorKind::Disconnected, "cut at {at}");
    }
    // Nor where a call is complete, and the answer is not.
    let called = format!("data: {}\n\n", chunk(r#"{"functionCall":{"name":"f"}}"#, ""));
    let (events, error) = understood(&[called.as_bytes()]);
    let told = (events, error.unwrap().kind());
    assert_eq!(told, (vec![LlmEvent::Progress], ErrorKind::Disconnected));
}

#[test]
fn a_failed_call_and_an_error_in_the_middle_end_the_answer() {
    let (events, error) = understood(&[cassette!("malformed_function_call").as_bytes()]);
    let error = error.unwrap();
    assert_eq!((events, error.kind()), (Vec::new(), ErrorKind::Overloaded));
    assert_eq!(error.message(), "the model failed to call a function");
    let said = chunk(r#"{"text":"Hel"}"#, "");
    let failed = r#"{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}"#;
    let stream = format!("data: {said}\n\ndata: {failed}\n\n");
    let (events, error) = understood(&[stream.as_bytes()]);
    let error = error.unwrap();
    assert_eq!((events, error.kind()), (vec![text("Hel")], ErrorKind::Overloaded));
    assert_eq!(error.message(), "the vendor reports an error (UNAVAILABLE)");
    let unsigned = format!("data: {}\n\n", chunk("", "MISSING_THOUGHT_SIGNATURE"));
    let error = understood(&[unsigned.as_bytes()]).1.unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[test]
fn reasons_of_the_end_are_told_apart() {
    for (reason, expected) in [
        ("SAFETY", FinishReason::Filtered),
        ("RECITATION", FinishReason::Filtered),
        ("MAX_TOKENS", FinishReason::Length),
        ("OTHER", FinishReason::Stop),
        ("A_NEW_ONE", FinishReason::Stop),
    ] {
        let stream = format!("data: {}\n\n", chunk("", reason));
        assert_eq!(events(&stream), [LlmEvent::Finished(expected)], "{reason}");
    }
}

#[test]
fn calls_without_ids_and_arguments_are_calls_of_their_own() {
    let keepsakes = Keepsakes::default();
    let parts = r#"{"functionCall":{"name":"f"},"thoughtSignature":"czE="},
        {"functionCall":{"id":"","name":"f","args":{"a":[1]}}},{"functionCall":{"id":"b"}}"#;
    let stream = format!("data: {}\n\n", chunk(&parts.replace('\n', ""), "STOP"));
    let codec = Chunks::new(CallIds::of(&[]), keepsakes.clone());
    let (made, error) = fixture::understood(codec, &[stream.as_bytes()]);
    assert!(error.is_none(), "{error:?}");
    let calls = made.iter().filter_map(|event| match event {
        LlmEvent::ToolCall(call) => Some((call.id.clone(), &*call.arguments)),
        _ => None,
    });
    let calls: Vec<_> = calls.collect();
    assert_eq!(calls.iter().map(|call| call.1).collect::<Vec<_>>(), ["{}", r#"{"a":[1]}"#, "{}"]);
    assert!(calls[0].0 != calls[1].0 && calls[2].0.as_str() == "b", "{calls:?}");
    assert_eq!(keepsakes.of(&calls[0].0).as_deref(), Some("czE="));
    assert_eq!(keepsakes.of(&calls[1].0), None);
    assert_eq!(made.last(), Some(&CALLS));
}

#[test]
fn m18_thoughts_are_progress_and_are_counted_but_not_said() {
    let thought = chunk(r#"{"text":"hmm","thought":true},{"text":"so","thought":true}"#, "");
    let last = r#"{"candidates":[{"content":{"parts":[{"text":"Yes."},{"text":"","thoughtSignature":"cw=="}]},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":30,"cachedContentTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":7}}"#.replace('\n', "");
    let used = LlmEvent::Usage(Usage::new(30, 10, 12).with_reasoning(7));
    let stream = format!("data: {thought}\n\ndata: {last}\n\n");
    assert_eq!(events(&stream), [LlmEvent::Progress, text("Yes."), used, STOP]);
}

#[test]
fn rd4_only_what_the_model_does_is_progress() {
    let mut codec = codec();
    for idle in [
        "",
        "{}",
        "[DONE]",
        r#"{"candidates":null,"error":null,"promptFeedback":{}}"#,
        r#"{"usageMetadata":{"promptTokenCount":1}}"#,
        &chunk(r#"{"text":""},{"executableCode":{"code":"1"}}"#, ""),
    ] {
        assert!(!codec.handle(idle).unwrap(), "{idle}");
    }
    for broken in ["{", "[]", "null", "<html>", r#"{"candidates":7}"#] {
        assert_eq!(codec.handle(broken).unwrap_err().kind(), ErrorKind::Protocol, "{broken}");
    }
}

#[test]
fn an_answer_that_does_not_end_is_refused_with_bounded_memory() {
    let piece = "x".repeat(100_000);
    for part in [
        format!(r#"{{"text":"{piece}"}}"#),
        format!(r#"{{"text":"{piece}","thought":true}}"#),
        format!(r#"{{"functionCall":{{"name":"f","args":{{"a":"{piece}"}}}}}}"#),
        format!(r#"{{"text":"","thoughtSignature":"{piece}"}}"#),
    ] {
        let mut codec = codec();
        let chunk = chunk(&part, "");
        let refused = (1..1_000).find_map(|pieces| Some((pieces, codec.handle(&chunk).err()?)));
        let (pieces, error) = refused.unwrap();
        assert_eq!((pieces, error.kind()), (11, ErrorKind::Protocol), "{part:.40}");
    }
}

#[test]
fn a_field_that_is_null_or_a_strange_cost_ends_no_answer() {
    let streams: Vec<_> = cassettes().into_iter().map(|(stream, _)| stream).collect();
    fixture::no_null_ends_an_answer(codec, &streams);
    fixture::no_strange_cost_ends_an_answer(codec, &streams);
}
