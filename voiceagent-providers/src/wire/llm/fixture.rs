//! What the tests of the codecs share.

use serde_json::{Value, json};
use voiceagent_core::{
    Error, ErrorKind,
    llm::{FinishReason, LlmEvent, ToolCall},
};

use super::{answer::Codec, events::MAX_EVENT};
use crate::wire::{fixture, sse::SseParser};

pub(crate) const STOP: LlmEvent = LlmEvent::Finished(FinishReason::Stop);
pub(crate) const CALLS: LlmEvent = LlmEvent::Finished(FinishReason::ToolCalls);

pub(crate) fn text(text: &str) -> LlmEvent {
    LlmEvent::Text(text.to_owned())
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> LlmEvent {
    let (name, arguments) = (name.into(), arguments.into());
    LlmEvent::ToolCall(ToolCall { id: id.into(), name, arguments })
}

/// What a stream that comes in these pieces is understood as, and how it fails.
pub(crate) fn understood(
    mut codec: impl Codec,
    pieces: &[&[u8]],
) -> (Vec<LlmEvent>, Option<Error>) {
    let mut parser = SseParser::new(MAX_EVENT);
    let mut understand = || {
        for piece in pieces {
            parser.feed(piece)?;
            while let Some(data) = parser.poll() {
                codec.handle(&data)?;
            }
        }
        codec.end()
    };
    let error = understand().err();
    (std::iter::from_fn(|| codec.poll()).collect(), error)
}

/// What a whole stream is understood as, which must not fail.
pub(crate) fn whole(codec: impl Codec, stream: &str) -> Vec<LlmEvent> {
    let (events, error) = understood(codec, &[stream.as_bytes()]);
    assert!(error.is_none(), "{error:?}");
    events
}

/// Each sample must be understood so, wherever it is split and however its lines end.
pub(crate) fn no_split_changes<C: Codec>(make: impl Fn() -> C, samples: &[(&str, Vec<LlmEvent>)]) {
    for (stream, expected) in samples {
        for stream in [(*stream).to_owned(), stream.replace('\n', "\r\n")] {
            let bytes = stream.as_bytes();
            for at in 0..=bytes.len() {
                let (events, error) = understood(make(), &[&bytes[..at], &bytes[at..]]);
                assert_eq!((&events, error.is_none()), (expected, true), "split at {at}");
            }
        }
    }
}

/// Checks, for every field of every event of these streams, that one that is `null` counts as one
/// that is missing, and that a stream without it is still understood as far as it goes.
pub(crate) fn no_null_ends_an_answer<C: Codec>(make: impl Fn() -> C, streams: &[&str]) {
    for stream in streams {
        let mut parser = SseParser::new(MAX_EVENT);
        parser.feed(stream.as_bytes()).unwrap();
        let events: Vec<_> = std::iter::from_fn(|| parser.poll()).collect();
        let events: Vec<_> = events.iter().map(String::as_str).collect();
        let needed = fixture::needed(&events, |events, changed| told(make(), events, changed));
        assert!(needed.is_empty(), "{needed:?} must be there");
    }
}

/// Checks that what an answer cost, in a form that nobody knows, ends none of these answers.
pub(crate) fn no_strange_cost_ends_an_answer<C: Codec>(make: impl Fn() -> C, streams: &[&str]) {
    let is_answer = |event: &LlmEvent| !matches!(event, LlmEvent::Usage(_));
    let mut tried = 0;
    for stream in streams {
        let expected: Vec<_> = whole(make(), stream).into_iter().filter(is_answer).collect();
        for strange in [json!(7), json!("none"), json!([1]), json!(false)] {
            let mut strangely = String::new();
            let mut parser = SseParser::new(MAX_EVENT);
            parser.feed(stream.as_bytes()).unwrap();
            while let Some(data) = parser.poll() {
                let mut event: Value = serde_json::from_str(&data).unwrap_or(Value::Null);
                tried += replace_costs(&mut event, &strange);
                let data = if event.is_null() { data } else { event.to_string() };
                strangely += &format!("data: {data}\n\n");
            }
            assert_eq!(whole(make(), &strangely), expected, "{strangely}");
        }
    }
    assert!(tried > 0, "some answer tells its cost");
}

/// Puts this in the place of every cost, and says how many there were.
fn replace_costs(value: &mut Value, by: &Value) -> usize {
    let Value::Object(object) = value else { return 0 };
    let replaced = object.iter_mut().map(|(name, value)| {
        if matches!(name.as_str(), "modelStatus" | "usage" | "usageMetadata") {
            *value = by.clone();
            return 1;
        }
        replace_costs(value, by)
    });
    replaced.sum()
}

/// What these events are understood as, and how that fails; `None` if it is by the changed one.
fn told(mut codec: impl Codec, events: &[String], changed: usize) -> Option<String> {
    let mut failed = None;
    for (at, event) in events.iter().enumerate() {
        if let Err(error) = codec.handle(event) {
            if at == changed && error.kind() == ErrorKind::Protocol {
                return None;
            }
            failed = Some(error);
            break;
        }
    }
    let failed = failed.or_else(|| codec.end().err()).map(|error| error.to_string());
    let told = std::iter::from_fn(|| codec.poll()).map(|event| match event {
        // One without an id gets one of ours, which is another each time.
        LlmEvent::ToolCall(call) => LlmEvent::ToolCall(ToolCall { id: "".into(), ..call }),
        event => event,
    });
    Some(format!("{:?} {failed:?}", told.collect::<Vec<_>>()))
}
