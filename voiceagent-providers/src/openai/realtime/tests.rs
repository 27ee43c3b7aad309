use std::time::Duration;

use serde_json::{Value, json};
use voiceagent_core::{
    Error, ErrorKind, GenerationId, Secret, ToolCallId, TurnId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    llm::{Message, ToolCall, Usage},
    realtime::{FIRST_OWN, Prompt, RealtimeEvent, RealtimeInput, RealtimeOptions},
    stt::Transcript,
    tool::ToolSpec,
};

use super::{codec::RealtimeApi, config::OpenAiRealtimeConfig, *};
use crate::wire::{
    realtime::{Out, RealtimeCodec, fixture},
    secrets::Secrets,
};

const ONE: GenerationId = GenerationId::new(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/openai/realtime/", $name, ".json"))
    };
}

fn config() -> OpenAiRealtimeConfig {
    OpenAiRealtimeConfig::new(Secret::new("sk-12345"))
}

fn vendors() -> OpenAiRealtimeConfig {
    OpenAiRealtimeConfig {
        turn_detection: TurnDetection::SemanticVad { eagerness: Some("high".into()) },
        ..config()
    }
}

fn options() -> RealtimeOptions {
    RealtimeOptions::new("You are a dealership agent.", AudioFormat::MULAW_8K)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A conversation that is open.
struct Talk(RealtimeApi);

impl Talk {
    fn new(config: &OpenAiRealtimeConfig) -> Self {
        let mut talk = Self(RealtimeApi::new(config, &options()).unwrap());
        talk.0.begin(&mut Out::default());
        assert!(!talk.0.is_ready());
        talk.hear(cassette!("session_created"));
        assert!(!talk.0.is_ready(), "the session is not as it was asked for");
        talk.hear(cassette!("session_updated"));
        assert!(talk.0.is_ready());
        talk
    }

    fn give(&mut self, input: RealtimeInput) -> (Vec<Value>, Vec<RealtimeEvent>) {
        let mut out = Out::default();
        self.0.take(input, &mut out);
        (out.messages.iter().map(|it| json(it)).collect(), out.events)
    }

    fn ask(&mut self, generation: u64, prompt: Prompt) -> Vec<Value> {
        let generation = GenerationId::new(generation);
        self.give(RealtimeInput::Generate { generation, prompt }).0
    }

    /// Hears a message; what is sent and told then.
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

    fn error(&mut self, text: &str) -> Error {
        self.0.decode(text, &Secrets::new([]), &mut Out::default()).unwrap_err()
    }
}

fn created(generation: u64) -> String {
    let mut created = json(cassette!("response_created"));
    created["response"]["metadata"] = json!({ "generation": generation.to_string() });
    created.to_string()
}

fn kinds(sent: &[Value]) -> Vec<&str> {
    sent.iter().map(|it| it["type"].as_str().unwrap()).collect()
}

#[test]
fn a_conversation_begins_with_its_settings_and_what_was_said_before() {
    let mut config = config();
    config.turn_detection = TurnDetection::ServerVad {
        threshold: Some(0.5),
        prefix_padding: Some(Duration::from_millis(300)),
        silence_duration: Some(Duration::from_millis(400)),
    };
    let parameters = json!({ "type": "object", "properties": {} });
    let call = ToolCall { id: "call_1".into(), name: "look".into(), arguments: "{}".into() };
    let result = Message::ToolResult { id: "call_1".into(), output: r#"{"ok":true}"#.into() };
    let history = [
        Message::User { text: "Hi".into() },
        Message::Assistant { text: " ".into(), interrupted: true },
        Message::ToolCall(call),
        result,
        Message::Assistant { text: "Done.".into(), interrupted: false },
    ];
    let options = options()
        .with_tools([ToolSpec::new("book_appointment", "Book", parameters)])
        .with_history(history);
    let mut out = Out::default();
    RealtimeApi::new(&config, &options).unwrap().begin(&mut out);
    let sent: Vec<_> = out.messages.iter().map(|it| json(it)).collect();
    // What the documented example sets beyond ours: the defaults, and whose choice they are.
    let mut documented = json(cassette!("client_session_update"));
    documented.as_object_mut().unwrap().remove("event_id");
    let session = documented["session"].as_object_mut().unwrap();
    for default in ["max_output_tokens", "model", "tool_choice"] {
        session.remove(default);
    }
    session["audio"]["input"]["turn_detection"]["threshold"] = json!(0.5);
    // The documented one ends.
    session["audio"]["input"]["transcription"]["model"] = json!("gpt-transcribe");
    session["audio"]["input"]["turn_detection"]["interrupt_response"] = json!(false);
    assert_eq!(sent[0], documented);
    assert_eq!(sent[1], json(cassette!("client_conversation_item_create_user")));
    assert_eq!(sent[2]["item"]["type"], "function_call");
    assert_eq!(sent[3], json(cassette!("client_conversation_item_create_function_output")));
    assert_eq!(sent[4]["item"]["content"][0], json!({ "type": "output_text", "text": "Done." }));
    assert_eq!(sent.len(), 5, "nothing empty is said again");
}

#[test]
fn the_vendors_turn_detection_is_off_unless_it_is_asked_for() {
    let sent = |config: &OpenAiRealtimeConfig| {
        let mut out = Out::default();
        RealtimeApi::new(config, &options()).unwrap().begin(&mut out);
        json(&out.messages[0])["session"]["audio"]["input"]["turn_detection"].take()
    };
    assert_eq!(sent(&config()), Value::Null);
    let documented = json(cassette!("client_session_update_semantic_vad"));
    let mut documented = documented["session"]["audio"]["input"]["turn_detection"].clone();
    documented["interrupt_response"] = json!(false);
    assert_eq!(sent(&vendors()), documented);
}

#[test]
fn a_turn_is_heard_committed_and_told_by_its_name() {
    let mut talk = Talk::new(&config());
    let silence = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![0xFF; 160].into());
    for _ in 0..5 {
        let (sent, _) = talk.give(RealtimeInput::Audio(silence.clone()));
        assert_eq!(sent, [json(cassette!("client_input_audio_buffer_append"))]);
    }
    let turn = TurnId::new(7);
    let (sent, _) = talk.give(RealtimeInput::Commit { turn });
    assert_eq!(sent, [json!({ "type": "input_audio_buffer.commit", "event_id": "turn-7" })]);
    assert!(talk.hear(cassette!("input_audio_buffer_committed")).is_empty());
    assert!(talk.hear(cassette!("input_transcription_delta")).is_empty());
    let transcript = Transcript::final_("Hi");
    let words = RealtimeEvent::UserTranscript { turn: Some(turn), transcript };
    assert_eq!(talk.hear(cassette!("input_transcription_completed")), [words]);
}

#[test]
fn a_turn_without_sound_or_words_is_told_as_such() {
    let mut talk = Talk::new(&config());
    let turn = TurnId::new(7);
    let nothing = |turn| {
        let transcript = Transcript::final_("");
        [RealtimeEvent::UserTranscript { turn, transcript }]
    };
    let (sent, told) = talk.give(RealtimeInput::Commit { turn });
    assert!(sent.is_empty(), "the vendor refuses less than 100 ms");
    assert_eq!(told, nothing(Some(turn)));
    assert_eq!(talk.hear(cassette!("input_transcription_failed")), nothing(None));
    let audio = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), vec![0xFF; 800].into());
    talk.give(RealtimeInput::Audio(audio));
    talk.give(RealtimeInput::Commit { turn });
    let refused = r#"{"type":"error","error":{"type":"invalid_request_error",
        "code":"input_audio_buffer_commit_empty","event_id":"turn-7"}}"#;
    assert_eq!(talk.hear(refused), nothing(Some(turn)));
}

#[test]
fn an_answer_is_text_audio_usage_and_an_end() {
    let mut talk = Talk::new(&config());
    let sent = talk.ask(1, Prompt::Answer);
    let metadata = json!({ "metadata": { "generation": "1" } });
    let asked =
        json!({ "type": "response.create", "event_id": "generation-1", "response": metadata });
    assert_eq!(sent, [asked]);
    assert!(talk.hear(cassette!("response_created")).is_empty());
    assert!(talk.hear(cassette!("response_output_item_added")).is_empty());
    assert!(talk.hear(cassette!("response_content_part_added")).is_empty());
    let text = RealtimeEvent::AgentTranscript { generation: ONE, text: "Hello".to_owned() };
    for delta in [
        cassette!("response_output_audio_transcript_delta"),
        cassette!("response_output_text_delta"),
    ] {
        assert_eq!(talk.hear(delta), std::slice::from_ref(&text));
    }
    let audio =
        RealtimeEvent::Audio { generation: ONE, payload: bytes::Bytes::from(vec![0xFF; 160]) };
    let delta = cassette!("response_output_audio_delta");
    for delta in [delta, &delta.replace("output_audio", "audio")] {
        assert_eq!(talk.hear(delta), std::slice::from_ref(&audio));
    }
    assert!(talk.hear(cassette!("rate_limits_updated")).is_empty());
    assert!(talk.0.owes());
    let usage = RealtimeEvent::Usage { generation: ONE, usage: Usage::new(150, 64, 50) };
    let end = RealtimeEvent::Finished { generation: ONE };
    assert_eq!(talk.hear(cassette!("response_done_completed")), [usage, end]);
    assert!(!talk.0.owes() && talk.0.is_idle());
    assert!(talk.hear(cassette!("response_output_audio_delta")).is_empty(), "it is over");
}

#[test]
fn what_the_agent_says_by_order_keeps_the_instructions() {
    let mut talk = Talk::new(&config());
    let sent = talk.ask(1, Prompt::Say("Good bye!".into()));
    let response = &sent[0]["response"];
    let instructions = response["instructions"].as_str().unwrap();
    assert!(instructions.starts_with("You are a dealership agent.\n\n"), "{instructions}");
    assert!(instructions.ends_with("\nGood bye!"), "{instructions}");
    assert_eq!(response["tool_choice"], "none");
    let sent = Talk::new(&config()).ask(1, Prompt::Follow("Greet the caller.".into()));
    let instructions = &sent[0]["response"]["instructions"];
    assert_eq!(instructions, "You are a dealership agent.\n\nGreet the caller.");
}

#[test]
fn i8_nothing_is_asked_for_before_what_was_cancelled_is_over() {
    let mut talk = Talk::new(&config());
    talk.ask(1, Prompt::Answer);
    talk.hear(&created(1));
    talk.hear(cassette!("response_output_audio_delta"));
    let (sent, _) = talk.give(RealtimeInput::Cancel { generation: ONE });
    assert_eq!(sent, [json!({ "type": "response.cancel", "response_id": "resp_1" })]);
    assert!(talk.give(RealtimeInput::Cancel { generation: ONE }).0.is_empty(), "once");
    let heard = Duration::from_millis(15);
    assert!(talk.give(RealtimeInput::Truncate { generation: ONE, heard }).0.is_empty());
    assert!(talk.ask(2, Prompt::Answer).is_empty());
    assert!(talk.hear(cassette!("response_output_audio_delta")).is_empty());
    let (sent, told) = talk.hear_all(cassette!("response_done_cancelled_turn_detected"));
    let cut = json!({ "type": "conversation.item.truncate", "item_id": "item_2",
        "content_index": 0, "audio_end_ms": 15 });
    assert_eq!(sent[0], cut);
    assert_eq!(kinds(&sent[1..]), ["response.create"]);
    assert!(matches!(told[..], [RealtimeEvent::Usage { .. }]), "{told:?}");
}

#[test]
fn h13_a_cut_has_the_documented_form() {
    let mut talk = Talk::new(&config());
    talk.ask(1, Prompt::Answer);
    talk.hear(&created(1));
    let long = bytes::Bytes::from(vec![0xFF; 16_000]);
    let mut delta = json(cassette!("response_output_audio_delta"));
    delta["delta"] = json!(base64_simd::STANDARD.encode_to_string(&long));
    talk.hear(&delta.to_string());
    talk.hear(cassette!("response_done_completed"));
    let heard = Duration::from_millis(1_500);
    let (sent, _) = talk.give(RealtimeInput::Truncate { generation: ONE, heard });
    assert_eq!(sent, [json(cassette!("client_conversation_item_truncate"))]);
    let (sent, _) = talk.give(RealtimeInput::Forget { generation: ONE });
    assert_eq!(sent, [json(cassette!("client_conversation_item_delete"))]);
}

#[test]
fn an_answer_that_was_cancelled_before_it_began_is_cancelled_when_it_begins() {
    let mut talk = Talk::new(&config());
    talk.ask(1, Prompt::Answer);
    assert!(talk.give(RealtimeInput::Cancel { generation: ONE }).0.is_empty());
    assert!(talk.give(RealtimeInput::Forget { generation: ONE }).0.is_empty());
    let (sent, _) = talk.hear_all(&created(1));
    assert_eq!(kinds(&sent), ["response.cancel"]);
    talk.hear(cassette!("response_output_item_added"));
    let (sent, _) = talk.hear_all(cassette!("response_done_cancelled_turn_detected"));
    assert_eq!(sent, [json(cassette!("client_conversation_item_delete"))]);
}

#[test]
fn calls_of_one_answer_are_told_once_each_and_their_results_are_not_answered_unasked() {
    let mut talk = Talk::new(&config());
    talk.ask(1, Prompt::Answer);
    talk.hear(&created(1));
    assert!(talk.hear(cassette!("response_function_call_arguments_delta")).is_empty());
    assert!(talk.hear(cassette!("response_function_call_arguments_done")).is_empty());
    let first = cassette!("response_output_item_done_function_call");
    let told = talk.hear(first);
    let call = |id: &str| ToolCall {
        id: ToolCallId::new(id),
        name: "book_appointment".into(),
        arguments: r#"{"slot":"09:30"}"#.into(),
    };
    assert_eq!(told, [RealtimeEvent::ToolCall { generation: ONE, call: call("call_1") }]);
    assert!(talk.hear(first).is_empty(), "once");
    let told = talk.hear(&first.replace("call_1", "call_2"));
    assert_eq!(told, [RealtimeEvent::ToolCall { generation: ONE, call: call("call_2") }]);
    talk.hear(cassette!("response_done_completed"));
    assert!(!talk.0.is_idle(), "results are on their way");
    let output: std::sync::Arc<str> = r#"{"ok":true}"#.into();
    let result = |id: &str| RealtimeInput::ToolResult { id: id.into(), output: output.clone() };
    let documented = json(cassette!("client_conversation_item_create_function_output"));
    assert_eq!(talk.give(result("call_1")).0, [documented]);
    assert!(talk.give(result("call_1")).0.is_empty(), "once");
    assert!(talk.give(result("unknown")).0.is_empty());
    assert_eq!(kinds(&talk.give(result("call_2")).0), ["conversation.item.create"]);
    assert!(talk.0.is_idle());
    assert_eq!(kinds(&talk.ask(1, Prompt::Answer)), ["response.create"]);
}

#[test]
fn a_call_that_is_cut_off_is_not_made_and_forgotten() {
    let mut talk = Talk::new(&config());
    talk.ask(1, Prompt::Answer);
    talk.hear(&created(1));
    talk.give(RealtimeInput::Cancel { generation: ONE });
    let cut = cassette!("response_output_item_done_function_call");
    let (sent, told) = talk.hear_all(&cut.replace("completed", "incomplete"));
    assert!(told.is_empty());
    assert_eq!(sent, [json!({ "type": "conversation.item.delete", "item_id": "item_3" })]);
    talk.hear(cassette!("response_done_completed"));
    assert!(talk.0.is_idle(), "no result is awaited");
}

#[test]
fn an_answer_that_failed_is_told_with_its_reason() {
    let mut talk = Talk::new(&config());
    talk.ask(1, Prompt::Answer);
    talk.hear(&created(1));
    let failed = |kind| [RealtimeEvent::Failed { generation: ONE, kind }];
    assert_eq!(
        talk.hear(cassette!("response_done_failed_rate_limit")),
        failed(ErrorKind::RateLimited)
    );
    talk.ask(1, Prompt::Answer);
    talk.hear(&created(1));
    let text = r#"{"type":"response.done","response":{"id":"resp_1","status":"failed",
        "status_details":"overloaded"}}"#;
    assert_eq!(talk.hear(text), failed(ErrorKind::Overloaded));
    talk.ask(1, Prompt::Answer);
    let refused = r#"{"type":"error","error":{"type":"invalid_request_error",
        "code":"invalid_value","event_id":"generation-1"}}"#;
    assert_eq!(talk.hear(refused), failed(ErrorKind::Rejected));
    assert!(!talk.0.owes());
}

#[test]
fn errors_of_messages_that_crossed_are_passed_over_and_others_end_the_link() {
    let mut talk = Talk::new(&config());
    assert!(talk.hear(cassette!("error_cancel_not_active")).is_empty());
    let error = talk.error(cassette!("error_insufficient_quota"));
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(error.message(), "the vendor reports an error (insufficient_quota)");
    let moved = r#"{"type":"error","error":{"type":"insufficient_quota","code":"other"}}"#;
    assert_eq!(talk.error(moved).kind(), ErrorKind::Unauthorized);
    let expired = r#"{"type":"error","error":{"type":"invalid_request_error",
        "code":"session_expired","message":"Your session hit the maximum duration"}}"#;
    assert_eq!(talk.error(expired).kind(), ErrorKind::Disconnected);
}

#[test]
fn a_vendor_that_answers_by_itself_names_its_answers_and_is_asked_to_go_on() {
    let mut talk = Talk::new(&vendors());
    let started = talk.hear(cassette!("input_audio_buffer_speech_started"));
    assert_eq!(started, [RealtimeEvent::SpeechStarted]);
    assert!(!talk.0.is_idle(), "somebody speaks");
    let stopped = talk.hear(cassette!("input_audio_buffer_speech_stopped"));
    assert_eq!(stopped, [RealtimeEvent::SpeechStopped]);
    talk.hear(cassette!("input_audio_buffer_committed"));
    talk.hear(cassette!("response_created"));
    let call = talk.hear(cassette!("response_output_item_done_function_call"));
    assert!(
        matches!(call[..], [RealtimeEvent::ToolCall { generation: FIRST_OWN, .. }]),
        "{call:?}"
    );
    talk.hear(cassette!("response_done_completed"));
    let result = RealtimeInput::ToolResult { id: "call_1".into(), output: "{}".into() };
    let (sent, _) = talk.give(result);
    assert_eq!(kinds(&sent), ["conversation.item.create", "response.create"]);
    talk.hear(cassette!("response_created"));
    let told = talk.hear(cassette!("response_output_audio_delta"));
    assert!(
        matches!(&told[..], [RealtimeEvent::Audio { generation, .. }] if *generation == FIRST_OWN.next()),
        "{told:?}"
    );
}

#[test]
fn what_the_vendor_overtakes_is_asked_for_when_it_is_done() {
    let mut talk = Talk::new(&vendors());
    assert_eq!(kinds(&talk.ask(3, Prompt::Say("Still there?".into()))), ["response.create"]);
    // The vendor has begun to answer meanwhile, and refuses.
    talk.hear(cassette!("response_created"));
    let busy = r#"{"type":"error","error":{"type":"invalid_request_error",
        "code":"conversation_already_has_active_response","event_id":"generation-3"}}"#;
    assert!(talk.hear(busy).is_empty());
    let (sent, told) = talk.hear_all(cassette!("response_done_completed"));
    assert_eq!(told.last(), Some(&RealtimeEvent::Finished { generation: FIRST_OWN }));
    assert_eq!(sent[0]["event_id"], "generation-3");
    talk.hear(&created(3));
    let told = talk.hear(cassette!("response_done_completed"));
    let end = RealtimeEvent::Finished { generation: GenerationId::new(3) };
    assert_eq!(told.last(), Some(&end));
}

#[test]
fn a_turn_that_ended_while_the_vendor_spoke_on_is_answered_after_that() {
    let mut talk = Talk::new(&vendors());
    talk.hear(cassette!("response_created"));
    let busy = r#"{"type":"error","error":{"type":"invalid_request_error",
        "code":"conversation_already_has_active_response","event_id":null}}"#;
    assert!(talk.hear(busy).is_empty());
    let (sent, _) = talk.hear_all(cassette!("response_done_completed"));
    assert_eq!(sent, [json!({ "type": "response.create", "event_id": "go-on" })]);
}

#[test]
fn an_answer_that_the_vendor_interrupts_is_told_if_it_was_heard_of() {
    let mut talk = Talk::new(&vendors());
    let interrupted = cassette!("response_done_cancelled_turn_detected");
    talk.hear(cassette!("response_created"));
    assert!(matches!(talk.hear(interrupted)[..], [RealtimeEvent::Usage { .. }]));
    talk.hear(cassette!("response_created"));
    talk.hear(cassette!("response_output_audio_transcript_delta"));
    let generation = FIRST_OWN.next();
    let told = talk.hear(interrupted);
    assert_eq!(told.last(), Some(&RealtimeEvent::Interrupted { generation }));
}

#[test]
fn a_function_that_outlives_its_conversation_is_answered_as_the_call_that_it_is() {
    let call = ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() };
    let options = options().with_history([Message::ToolCall(call)]);
    for (config, goes_on) in [(config(), false), (vendors(), true)] {
        let mut talk = Talk(RealtimeApi::new(&config, &options).unwrap());
        let mut out = Out::default();
        talk.0.begin(&mut out);
        let called = json(&out.messages[1]);
        assert_eq!((out.messages.len(), &called["item"]["call_id"]), (2, &json!("1")));
        talk.hear(cassette!("session_updated"));
        let result = || RealtimeInput::ToolResult { id: "1".into(), output: "{}".into() };
        let (sent, _) = talk.give(result());
        let item = json!({ "type": "function_call_output", "call_id": "1", "output": "{}" });
        assert_eq!((&sent[0]["item"], sent.len() == 2), (&item, goes_on), "{sent:?}");
        assert!(talk.give(result()).0.is_empty(), "once");
    }
}

#[test]
fn formats_that_the_vendor_does_not_take_are_unsupported() {
    let options = RealtimeOptions::new("", AudioFormat::PCM_16K);
    let error = RealtimeApi::new(&config(), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("session_created"),
        cassette!("session_updated"),
        cassette!("input_audio_buffer_speech_started"),
        cassette!("input_audio_buffer_speech_stopped"),
        cassette!("input_audio_buffer_committed"),
        cassette!("response_created"),
        cassette!("response_output_item_added"),
        cassette!("response_output_audio_delta"),
        cassette!("response_output_audio_transcript_delta"),
        cassette!("response_output_item_done_function_call"),
        cassette!("response_done_completed"),
        cassette!("input_transcription_completed"),
        cassette!("error_cancel_not_active"),
    ];
    let codec = |config| move || RealtimeApi::new(&config, &options()).unwrap();
    for config in [config(), vendors()] {
        assert_eq!(Vec::from_iter(fixture::needed(codec(config), &messages)), ["type"]);
    }
}

#[test]
fn a_frame_without_audio_is_not_sent() {
    fixture::an_empty_frame_is_not_sent(Talk::new(&config()).0, options().format);
}
