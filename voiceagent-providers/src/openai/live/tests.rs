use std::time::Duration;

use base64_simd::STANDARD;
use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, GenerationId, Secret, ToolCallId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    llm::{Message, ToolCall, Usage},
    realtime::{FIRST_OWN, Prompt, RealtimeEvent, RealtimeInput, RealtimeOptions},
    stt::Transcript,
    tool::ToolSpec,
};

use super::{codec::LiveApi, *};
use crate::wire::{
    realtime::{Out, RealtimeCodec, STILL_RUNS, fixture},
    secrets::Secrets,
};

const ONE: GenerationId = GenerationId::new(1);
const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
/// Codes of mu-law.
const LOUD: u8 = 0x80;
const SILENT: u8 = 0xFF;

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/openai/live/", $name, ".json"))
    };
}

fn config() -> OpenAiLiveConfig {
    OpenAiLiveConfig::new(Secret::new("sk-12345"))
}

fn options() -> RealtimeOptions {
    RealtimeOptions::new("You are a dealership agent.", FORMAT)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn own(nth: u64) -> GenerationId {
    GenerationId::new(FIRST_OWN.number() + nth)
}

fn finished(generation: GenerationId) -> RealtimeEvent {
    RealtimeEvent::Finished { generation }
}

fn text(generation: GenerationId, text: &str) -> RealtimeEvent {
    RealtimeEvent::AgentTranscript { generation, text: text.to_owned() }
}

/// A conversation that is open, past the tick at its beginning.
struct Talk(LiveApi);

impl Talk {
    fn new() -> Self {
        Self::with(options())
    }

    fn with(options: RealtimeOptions) -> Self {
        let mut talk = Self(LiveApi::new(&config(), &options).unwrap());
        talk.0.begin(&mut Out::default());
        assert!(!talk.0.is_ready());
        talk.hear(cassette!("session_started"));
        assert!(talk.0.is_ready());
        assert!(talk.sound(LOUD, 400).is_empty(), "a tick is no speech");
        assert!(talk.sound(SILENT, 100).is_empty());
        talk
    }

    fn give(&mut self, input: RealtimeInput) -> Vec<Value> {
        let mut out = Out::default();
        self.0.take(input, &mut out);
        assert!(out.events.is_empty(), "{:?}", out.events);
        out.messages.iter().map(|it| json(it)).collect()
    }

    fn ask(&mut self, prompt: Prompt) -> Vec<Value> {
        self.give(RealtimeInput::Generate { generation: ONE, prompt })
    }

    fn hear_all(&mut self, text: &str) -> (Vec<Value>, Vec<RealtimeEvent>) {
        let mut out = Out::default();
        self.0.decode(text, &Secrets::new([]), &mut out).unwrap();
        (out.messages.iter().map(|it| json(it)).collect(), out.events)
    }

    fn hear(&mut self, text: &str) -> Vec<RealtimeEvent> {
        let (sent, told) = self.hear_all(text);
        assert!(sent.is_empty(), "{sent:?}");
        told
    }

    /// Audio of the vendor's, in one message.
    fn sound(&mut self, code: u8, milliseconds: u64) -> Vec<RealtimeEvent> {
        let audio = vec![code; FORMAT.bytes_in(Duration::from_millis(milliseconds))];
        let mut message = json(cassette!("output_audio_delta"));
        message["delta"] = STANDARD.encode_to_string(&audio).into();
        self.hear(&message.to_string())
    }

    fn backend(&mut self, event: &Value) -> Vec<RealtimeEvent> {
        self.hear(&json!({ "type": "response.event", "event": event }).to_string())
    }
}

/// How much audio of whom was told.
fn told(events: &[RealtimeEvent]) -> Vec<(GenerationId, u128)> {
    let told = events.iter().filter_map(|event| match event {
        RealtimeEvent::Audio { generation, payload } => {
            Some((*generation, FORMAT.duration_of(FORMAT.samples(payload.len())).as_millis()))
        }
        _ => None,
    });
    told.collect()
}

fn function_call(id: &str) -> Value {
    let item = json!({ "type": "function_call", "call_id": id, "name": "look",
        "arguments": "{\"day\":1}" });
    json!({ "type": "response.output_item.done", "item": item })
}

fn completed() -> Value {
    let usage = json!({ "input_tokens": 20, "output_tokens": 10,
        "input_tokens_details": { "cached_tokens": 5 } });
    json!({ "type": "response.completed", "response": { "id": "r", "usage": usage } })
}

fn called(generation: GenerationId, id: &str) -> RealtimeEvent {
    let arguments = "{\"day\":1}".into();
    let call = ToolCall { id: ToolCallId::new(id), name: "look".into(), arguments };
    RealtimeEvent::ToolCall { generation, call }
}

fn result(id: &str) -> RealtimeInput {
    RealtimeInput::ToolResult { id: id.into(), output: "{}".into() }
}

#[test]
fn a_conversation_begins_as_the_vendor_types_it() {
    let tools = [ToolSpec::new("look", "Looks.", json!({ "type": "object" }))];
    let sent = start::start(&config(), &options().with_tools(tools)).unwrap();
    let mut documented = json(cassette!("client_session_start"));
    documented.as_object_mut().unwrap().remove("event_id");
    documented["session"]["delegation"] = json!({ "type": "responses", "responses": {
        "model": "gpt-6-luna", "instructions": "You are a dealership agent.",
        "tools": [{ "type": "function", "name": "look", "description": "Looks.",
            "parameters": { "type": "object" }, "strict": false }],
    } });
    assert_eq!(json(&sent), documented);
    assert_eq!(json(LiveApi::GOODBYE.unwrap()), json(cassette!("client_close")));
    let unknown = RealtimeOptions::new("", AudioFormat::PCM_8K);
    assert_eq!(start::start(&config(), &unknown).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn the_last_of_what_was_said_before_is_told_as_text() {
    let call = ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() };
    let mut history = vec![Message::User { text: "x".repeat(30_000).into() }];
    history.extend([
        Message::User { text: "Are you open?".into() },
        Message::ToolCall(call),
        Message::ToolResult { id: "1".into(), output: "true".into() },
        Message::Assistant { text: "We are".into(), interrupted: true },
        Message::ToolCall(ToolCall { id: "2".into(), name: "book".into(), arguments: "{}".into() }),
    ]);
    let sent = json(&start::start(&config(), &options().with_history(history)).unwrap());
    let input = |role, kind, text| json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] });
    let running = format!("The function book was called with {{}}. It has returned: {STILL_RUNS}");
    let expected = json!([
        input("user", "input_text", "Are you open?"),
        input("developer", "input_text", "The function look was called with {}."),
        input("developer", "input_text", "It has returned: true"),
        input("assistant", "output_text", "We are"),
        input("developer", "input_text", &running),
    ]);
    assert_eq!(sent["session"]["input"], expected);
}

#[test]
fn audio_goes_as_it_is_and_a_vendor_that_hears_owes_audio() {
    let mut talk = Talk::new();
    let documented = json(cassette!("client_input_audio_append"));
    let audio = STANDARD.decode_to_vec(documented["audio"].as_str().unwrap()).unwrap();
    let frame = AudioFrame::new(FORMAT, MediaTime(0), audio.into());
    assert!(!talk.0.owes());
    assert_eq!(talk.give(RealtimeInput::Audio(frame)), [documented]);
    assert!(talk.0.owes());
    assert!(talk.hear(cassette!("output_audio_delta")).is_empty(), "silence is left out");
    assert!(!talk.0.owes() && talk.0.is_idle());
}

#[test]
fn what_is_said_ends_where_it_pauses() {
    let mut talk = Talk::new();
    let hello = cassette!("output_transcript_delta");
    assert_eq!(talk.hear(hello), [text(own(0), "Hello")]);
    assert_eq!(told(&talk.sound(LOUD, 300)), [(own(0), 300)]);
    // What rings on belongs to it; a pause between sentences is as long as it takes to come.
    assert_eq!(told(&talk.sound(SILENT, 500)), [(own(0), 200)]);
    assert_eq!(told(&talk.sound(LOUD, 100)), [(own(0), 100)]);
    assert!(!talk.0.is_idle());
    assert_eq!(talk.sound(SILENT, 1_000).last(), Some(&finished(own(0))));
    assert!(talk.0.is_idle());
    assert!(talk.hear(hello).is_empty(), "it is over");
    assert_eq!(told(&talk.sound(LOUD, 100)), [(own(1), 100)]);
}

#[test]
fn text_whose_sound_does_not_come_ends_too() {
    let mut talk = Talk::new();
    talk.hear(cassette!("output_transcript_delta"));
    assert!(talk.sound(SILENT, 1_000).is_empty(), "it may be ahead");
    assert_eq!(talk.sound(SILENT, 1_000), [finished(own(0))]);
}

#[test]
fn words_of_the_user_are_told_when_he_pauses_or_is_answered() {
    let words = |text| {
        let transcript = Transcript::final_(text);
        RealtimeEvent::UserTranscript { turn: None, transcript }
    };
    let mut talk = Talk::new();
    assert!(talk.hear(cassette!("input_transcript_delta")).is_empty());
    let more = cassette!("input_transcript_delta").replace("\"Hi\"", "\" there.\"");
    assert!(talk.hear(&more).is_empty() && !talk.0.is_idle());
    assert!(talk.sound(SILENT, 500).is_empty());
    assert_eq!(talk.sound(SILENT, 300), [words("Hi there.")]);
    talk.hear(cassette!("input_transcript_delta"));
    assert_eq!(talk.sound(LOUD, 20)[0], words("Hi"));
}

#[test]
fn what_the_agent_says_by_order_is_what_is_said_next() {
    let mut talk = Talk::new();
    let sent = talk.ask(Prompt::Say("Good bye!".into()));
    let mut documented = json(cassette!("client_commentary_append"));
    let content = sent[0]["content"].as_str().unwrap();
    assert!(content.ends_with("\nGood bye!"), "{content}");
    documented["content"] = content.into();
    documented["delegation_id"] = Value::Null;
    documented["event_id"] = "generation-1".into();
    assert_eq!(sent, [documented]);
    assert!(talk.0.owes());
    assert_eq!(told(&talk.sound(LOUD, 100)), [(ONE, 100)]);
    // One after the other.
    let next = RealtimeInput::Generate { generation: own(9), prompt: Prompt::Answer };
    assert!(talk.give(next).is_empty());
    let silence = STANDARD.encode_to_string(vec![SILENT; 8_000]);
    let silence = json!({ "type": "session.output_audio.delta", "delta": silence });
    let (sent, told) = talk.hear_all(&silence.to_string());
    assert_eq!((sent.len(), told.last()), (1, Some(&finished(ONE))));
}

#[test]
fn a_long_order_goes_in_pieces() {
    let mut talk = Talk::new();
    let sent = talk.ask(Prompt::Say("ü".repeat(1_000).into()));
    let content: String = sent.iter().map(|it| it["content"].as_str().unwrap()).collect();
    assert!(sent.len() == 2 && content.ends_with(&"ü".repeat(1_000)));
    assert!(sent.iter().all(|it| it["content"].as_str().unwrap().len() <= 1_500));
}

#[test]
fn nothing_more_is_told_of_what_was_cancelled() {
    let mut talk = Talk::new();
    talk.sound(LOUD, 100);
    talk.give(RealtimeInput::Cancel { generation: own(0) });
    assert!(talk.sound(LOUD, 100).is_empty());
    // Nobody will run what it calls, and the backend does not wait for that.
    talk.backend(&function_call("c1"));
    let completed = json!({ "type": "response.event", "event": completed() });
    let (sent, _) = talk.hear_all(&completed.to_string());
    assert_eq!((&sent[0]["item"]["call_id"], sent.len()), (&json!("c1"), 2));
    assert!(talk.sound(SILENT, 1_000).is_empty());
    assert_eq!(told(&talk.sound(LOUD, 100)), [(own(1), 100)]);
}

#[test]
fn an_order_that_was_cancelled_before_it_began_takes_no_later_answer_with_it() {
    let words = cassette!("input_transcript_delta");
    let asked = || {
        let mut talk = Talk::new();
        talk.ask(Prompt::Say("Good morning!".into()));
        talk
    };
    let cancel = RealtimeInput::Cancel { generation: ONE };

    let mut soon = asked();
    soon.give(cancel.clone());
    assert!(soon.sound(SILENT, 1_000).is_empty());
    assert!(soon.sound(LOUD, 100).is_empty(), "it has come after all");

    let mut late = asked();
    late.give(cancel.clone());
    assert!(late.sound(SILENT, 3_000).is_empty());
    assert_eq!(told(&late.sound(LOUD, 100)), [(own(0), 100)], "the vendor has dropped it");

    let mut spoken_over = asked();
    spoken_over.hear(words);
    spoken_over.give(cancel.clone());
    assert_eq!(told(&spoken_over.sound(LOUD, 100)), [(own(0), 100)], "the user is answered");

    let mut spoken_behind = asked();
    spoken_behind.give(cancel);
    let next = RealtimeInput::Generate { generation: own(9), prompt: Prompt::Answer };
    assert!(spoken_behind.give(next).is_empty(), "one after the other");
    let (sent, _) = spoken_behind.hear_all(words);
    assert_eq!(sent.len(), 1, "what waits behind it is asked for");
    assert_eq!(told(&spoken_behind.sound(LOUD, 100)), [(own(9), 100)]);
}

#[test]
fn the_backend_goes_on_with_the_results_of_all_its_calls() {
    let mut talk = Talk::new();
    assert!(talk.hear(cassette!("delegation_created")).is_empty());
    assert!(talk.backend(&function_call("c1")).is_empty(), "more may come");
    talk.backend(&function_call("c2"));
    let usage = RealtimeEvent::Usage { generation: own(0), usage: Usage::new(20, 5, 10) };
    let told = talk.backend(&completed());
    assert_eq!(told, [called(own(0), "c1"), called(own(0), "c2"), finished(own(0)), usage]);
    assert!(!talk.0.is_idle());
    let output = |id| {
        let item = json!({ "type": "function_call_output", "call_id": id, "output": "{}" });
        json!({ "type": "response.item.create", "item": item })
    };
    assert_eq!(talk.give(result("c2")), [output("c2")]);
    assert!(talk.give(result("c2")).is_empty() && talk.give(result("c9")).is_empty());
    let go_on = json!({ "type": "response.create" });
    assert_eq!(talk.give(result("c1")), [output("c1"), go_on]);
}

#[test]
fn rd7_a_call_that_is_cut_off_or_whose_answer_failed_is_not_made() {
    let over = |status: &str, details: Value| {
        let mut end = completed();
        end["type"] = format!("response.{status}").into();
        end["response"].as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
        end
    };
    let limit = json!({ "incomplete_details": { "reason": "max_output_tokens" } });
    let fault = json!({ "error": { "code": "rate_limit_exceeded", "message": "A sentence." } });
    let mut cut = function_call("c1");
    cut["item"]["status"] = "incomplete".into();
    let mut empty = function_call("c1");
    empty["item"]["arguments"] = "".into();
    for (item, end) in [
        (&cut, completed()),
        (&cut, over("incomplete", limit.clone())),
        (&empty, over("incomplete", limit.clone())),
        (&function_call("c1"), over("failed", fault)),
    ] {
        let mut talk = Talk::new();
        talk.sound(LOUD, 100);
        talk.backend(item);
        let told = talk.backend(&end);
        assert!(matches!(told[..], [RealtimeEvent::Usage { .. }]), "{item} {end}: {told:?}");
        assert!(talk.give(result("c1")).is_empty(), "nobody waits for it");
    }
    let mut talk = Talk::new();
    talk.backend(&function_call("c1"));
    assert_eq!(talk.backend(&over("incomplete", limit))[0], called(own(0), "c1"), "it is whole");
    let mut talk = Talk::new();
    talk.backend(&empty);
    let told = talk.backend(&completed());
    assert!(
        matches!(&told[0], RealtimeEvent::ToolCall { call, .. } if &*call.arguments == "{}"),
        "it takes no arguments: {told:?}"
    );
}

#[test]
fn calls_beside_speech_belong_to_it() {
    let mut talk = Talk::new();
    talk.sound(LOUD, 100);
    talk.backend(&function_call("c1"));
    assert_eq!(talk.backend(&completed())[0], called(own(0), "c1"));
    assert_eq!(told(&talk.sound(LOUD, 100)), [(own(0), 100)]);
    assert_eq!(talk.sound(SILENT, 1_000).last(), Some(&finished(own(0))));
}

#[test]
fn a_function_that_outlives_its_conversation_is_answered_in_words() {
    let call = ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() };
    let mut talk = Talk::with(options().with_history([Message::ToolCall(call)]));
    assert!(!talk.0.is_idle());
    let sent = talk.give(result("1"));
    assert_eq!(sent[0]["content"], "(The function look has returned: {})");
    assert!(talk.0.is_idle());
}

#[test]
fn errors_are_of_the_conversation_or_of_what_was_asked_for() {
    let mut talk = Talk::new();
    assert!(talk.hear(cassette!("error")).is_empty());
    talk.ask(Prompt::Say("Good bye!".into()));
    let failed = RealtimeEvent::Failed { generation: ONE, kind: ErrorKind::Rejected };
    assert_eq!(talk.hear(&cassette!("error").replace("e1", "generation-1")), [failed]);
    assert!(!talk.0.owes());
    for (text, kind) in [
        (
            cassette!("error").replace("unknown_parameter", "insufficient_quota"),
            ErrorKind::Unauthorized,
        ),
        (
            cassette!("session_closed").replace("close_requested", "expired"),
            ErrorKind::Disconnected,
        ),
        (cassette!("session_closed").replace("close_requested", "content"), ErrorKind::Rejected),
    ] {
        let error = talk.0.decode(&text, &Secrets::new([]), &mut Out::default()).unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    let mut unready = LiveApi::new(&config(), &options()).unwrap();
    let error = unready.decode(cassette!("error"), &Secrets::new([]), &mut Out::default());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Rejected);
    assert!(talk.hear(cassette!("usage_updated")).is_empty());
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let item = json!({ "type": "function_call", "status": "completed", "name": "book",
        "call_id": "call_1", "arguments": "{}" });
    let usage = json!({ "input_tokens": 20, "output_tokens": 10,
        "input_tokens_details": { "cached_tokens": 4 },
        "output_tokens_details": { "reasoning_tokens": 2 } });
    let backend = [
        json!({ "type": "response.created", "response": { "id": "resp_1" } }),
        json!({ "type": "response.output_item.done", "item": item }),
        json!({ "type": "response.completed", "response": { "id": "resp_1", "usage": usage } }),
    ]
    .map(|event| json!({ "type": "response.event", "event": event }).to_string());
    let messages = [
        cassette!("session_started"),
        cassette!("input_transcript_delta"),
        cassette!("output_transcript_delta"),
        cassette!("output_audio_delta"),
        &backend[0],
        &backend[1],
        &backend[2],
        cassette!("error"),
        cassette!("session_closed"),
    ];
    let codec = || LiveApi::new(&config(), &options()).unwrap();
    assert_eq!(Vec::from_iter(fixture::needed(codec, &messages)), ["type"]);
}

#[test]
fn a_frame_without_audio_is_not_sent() {
    fixture::an_empty_frame_is_not_sent(Talk::new().0, FORMAT);
}
