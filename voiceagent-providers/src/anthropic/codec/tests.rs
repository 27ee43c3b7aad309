use voiceagent_core::{Error, ErrorKind, llm::Message};

use super::*;
use crate::wire::llm::fixture::{self, CALLS, STOP, call, text};

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/anthropic/", $name, ".sample.sse"))
    };
}

fn codec() -> Events {
    Events::new(CallIds::of(&[]), Keepsakes::default())
}

fn understood(pieces: &[&[u8]]) -> (Vec<LlmEvent>, Option<Error>) {
    fixture::understood(codec(), pieces)
}

fn events(stream: &str) -> Vec<LlmEvent> {
    fixture::whole(codec(), stream)
}

fn usage(output: u32) -> LlmEvent {
    LlmEvent::Usage(Usage::new(2_073, 2_048, output))
}

/// A stream of these events.
fn stream(events: &[&str]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

const TOOLS: &str = cassette!("text_then_tool_use");

fn cassettes() -> Vec<(&'static str, Vec<LlmEvent>)> {
    let slots = call("toolu_01", "get_available_slots", r#"{"day": "2026-12-01"}"#);
    vec![
        (
            TOOLS,
            vec![text("Let me check "), text("that."), LlmEvent::Progress, slots, usage(42), CALLS],
        ),
        (
            cassette!("tool_no_arguments"),
            vec![LlmEvent::Progress, call("toolu_02", "get_time", "{}"), usage(5), CALLS],
        ),
        (cassette!("thinking_then_text"), vec![LlmEvent::Progress, text("Yes."), usage(9), STOP]),
        (cassette!("unknown_event"), vec![text("ok"), usage(2), STOP]),
        (cassette!("refusal"), vec![usage(0), LlmEvent::Finished(FinishReason::Filtered)]),
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
    let end = TOOLS.find("event: message_delta").unwrap();
    for at in 0..=end {
        let (events, error) = understood(&[&TOOLS.as_bytes()[..at]]);
        let called = events.iter().any(|event| matches!(event, LlmEvent::ToolCall(_)));
        assert!(!called, "cut at {at}");
        assert_eq!(error.unwrap().kind(), ErrorKind::Disconnected, "cut at {at}");
    }
}

#[test]
fn rd6_an_answer_that_is_cut_off_keeps_its_words() {
    let (cut, _) = TOOLS.split_at(TOOLS.find("tool_use").unwrap());
    let (events, error) = understood(&[cut.as_bytes()]);
    assert_eq!(events, [text("Let me check "), text("that.")]);
    assert_eq!(error.unwrap().message(), "the answer was cut off");
}

#[test]
fn an_error_in_the_middle_ends_the_answer() {
    let (events, error) = understood(&[cassette!("midstream_overloaded").as_bytes()]);
    assert_eq!(events, [text("Hel")]);
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.message(), "the vendor reports an error (overloaded_error)");
}

#[test]
fn rd11_calls_may_alternate_and_all_come_when_the_answer_is_complete() {
    let begin = |index: u32, id: &str| {
        format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{{"type":"tool_use",
            "id":"{id}","name":"look","input":{{}}}}}}"#
        )
        .replace('\n', "")
    };
    let more = |index: u32, json: &str| {
        format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"input_json_delta","partial_json":"{json}"}}}}"#
        )
    };
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#;
    let made = stream(&[
        &begin(0, "a"),
        &begin(1, "b"),
        &more(0, r#"{\"n\""#),
        &more(1, r#"{\"n\":2}"#),
        &more(0, ":1}"),
        &more(7, "lost"),
        &begin(2, "a"),
        end,
        r#"{"type":"message_stop"}"#,
    ]);
    let made = events(&made);
    let calls = [call("a", "look", "{\"n\":1}"), call("b", "look", "{\"n\":2}")];
    assert_eq!((&made[0], &made[1..3]), (&LlmEvent::Progress, &calls[..]));
    let LlmEvent::ToolCall(third) = &made[3] else { panic!("{made:?}") };
    assert!(!["a", "b", ""].contains(&third.id.as_str()), "a repeated id is replaced");
    assert_eq!((&*third.arguments, &made[4]), ("{}", &CALLS));
}

#[test]
fn a_call_that_the_limit_cuts_off_is_left_out() {
    let cut =
        TOOLS.replace("\"tool_use\",\"stop", "\"max_tokens\",\"stop").replace("\\\"}\"", "\"");
    let made = events(&cut);
    assert_eq!(made[3..], [usage(42), LlmEvent::Finished(FinishReason::Length)]);
}

#[test]
fn rd7_a_call_that_the_limit_cuts_off_before_its_arguments_is_left_out_although_it_is_closed() {
    let made = |reason: &str, arguments: &str| {
        let piece = serde_json::json!({ "type": "content_block_delta", "index": 0,
            "delta": { "type": "input_json_delta", "partial_json": arguments } });
        events(&stream(&[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"cancel","input":{}}}"#,
            &piece.to_string(),
            r#"{"type":"content_block_stop","index":0}"#,
            &format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#),
            r#"{"type":"message_stop"}"#,
        ]))
    };
    for (reason, end) in [("max_tokens", FinishReason::Length), ("refusal", FinishReason::Filtered)]
    {
        for arguments in ["", "{\"why\":"] {
            let made = made(reason, arguments);
            assert_eq!(made, [LlmEvent::Progress, LlmEvent::Finished(end)], "{reason} {arguments}");
        }
    }
    let made = made("tool_use", "");
    assert_eq!(made, [LlmEvent::Progress, call("a", "cancel", "{}"), CALLS], "it takes none");
}

#[test]
fn thoughts_before_a_call_are_kept_as_they_came() {
    let keepsakes = Keepsakes::default();
    let thinking = cassette!("thinking_then_text");
    let thinking = &thinking[..thinking
        .find("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1")
        .unwrap()];
    let redacted = stream(&[
        r#"{"type":"content_block_start","index":7,"content_block":{"type":"redacted_thinking","data":"x\"y"}}"#,
        r#"{"type":"content_block_stop","index":7}"#,
    ]);
    let tools = &TOOLS[TOOLS.find("event: content_block_start").unwrap()..];
    let whole = format!("{thinking}{redacted}{tools}");
    let codec = Events::new(CallIds::of(&[]), keepsakes.clone());
    let (events, error) = fixture::understood(codec, &[whole.as_bytes()]);
    assert!(error.is_none() && events[0] == LlmEvent::Progress, "{events:?} {error:?}");
    assert_eq!(
        keepsakes.of(&"toolu_01".into()).as_deref(),
        Some(
            r#"[{"type":"thinking","thinking":"short","signature":"c2ln"},{"type":"redacted_thinking","data":"x\"y"}]"#
        ),
    );
}

#[test]
fn rd4_only_what_the_model_does_is_progress() {
    let mut codec = codec();
    let mut handle = |data: &str| codec.handle(data).unwrap();
    for idle in [
        "",
        "{}",
        r#"{"type":"message_start","message":{"usage":null}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
    ] {
        assert!(!handle(idle), "{idle}");
    }
    assert!(handle(
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"thinking"}}"#
    ));
    assert!(handle(r#"{"type":"ping"}"#), "a model that thinks in secret is not stalled");
    assert!(!handle(r#"{"type":"content_block_stop","index":1}"#));
    assert!(!handle(r#"{"type":"ping"}"#));
}

#[test]
fn rd5_each_piece_of_an_argument_shows_that_the_model_works() {
    let mut codec = codec();
    let mut told = |data: &str| {
        assert!(codec.handle(data).unwrap(), "{data}");
        std::iter::from_fn(|| codec.poll()).collect::<Vec<_>>()
    };
    let begin = r#"{"type":"content_block_start","content_block":{"type":"tool_use"}}"#;
    let piece =
        r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#;
    for data in [begin, piece, piece, r#"{"type":"ping"}"#] {
        assert_eq!(told(data), [LlmEvent::Progress], "{data}");
    }
}

#[test]
fn what_is_none_of_the_protocol_is_refused() {
    let mut codec = codec();
    for broken in ["{", "[]", "null", "<html>", r#"{"type":7}"#] {
        assert_eq!(codec.handle(broken).unwrap_err().kind(), ErrorKind::Protocol, "{broken}");
    }
}

#[test]
fn an_answer_that_does_not_end_is_refused_with_bounded_memory() {
    let piece = "x".repeat(100_000);
    for delta in [
        format!(r#"{{"type":"text_delta","text":"{piece}"}}"#),
        format!(r#"{{"type":"input_json_delta","partial_json":"{piece}"}}"#),
        format!(r#"{{"type":"thinking_delta","thinking":"{piece}"}}"#),
    ] {
        let mut codec = codec();
        let event = format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
        let refused = (1..1_000).find_map(|pieces| Some((pieces, codec.handle(&event).err()?)));
        let (pieces, error) = refused.unwrap();
        assert_eq!((pieces, error.kind()), (11, ErrorKind::Protocol), "{delta:.40}");
    }
    let call = r#"{"type":"content_block_start","content_block":{"type":"tool_use","name":"f"}}"#;
    let mut codec = Events::new(CallIds::of(&[] as &[Message]), Keepsakes::default());
    let refused = (1..1_000).find_map(|calls| Some((calls, codec.handle(call).err()?)));
    assert_eq!(refused.unwrap().0, 129);
}

#[test]
fn a_field_that_is_null_or_a_strange_cost_ends_no_answer() {
    let streams: Vec<_> = cassettes().into_iter().map(|(stream, _)| stream).collect();
    fixture::no_null_ends_an_answer(codec, &streams);
    fixture::no_strange_cost_ends_an_answer(codec, &streams);
}
