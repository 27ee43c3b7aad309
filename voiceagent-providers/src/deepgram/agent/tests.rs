use serde_json::{Value, json};
use voiceagent_core::{
    ErrorKind, GenerationId, Secret, ToolCallId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    llm::{Message, ToolCall},
    realtime::{FIRST_OWN, Prompt, RealtimeEvent, RealtimeInput, RealtimeOptions},
    stt::Transcript,
    tool::ToolSpec,
};

use super::{codec::AgentCodec, *};
use crate::wire::{
    realtime::{Out, RealtimeCodec, STILL_RUNS, fixture},
    secrets::Secrets,
};

const ONE: GenerationId = GenerationId::new(1);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/deepgram/agent/", $name, ".json"))
    };
}

fn config() -> DeepgramAgentConfig {
    DeepgramAgentConfig::new(Secret::new("dg-12345"))
}

fn options() -> RealtimeOptions {
    RealtimeOptions::new("You are a dealership agent.", AudioFormat::MULAW_8K)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn said(role: &str, content: &str) -> String {
    json!({ "type": "ConversationText", "role": role, "content": content }).to_string()
}

/// A conversation that is open.
struct Talk {
    codec: AgentCodec,
    settings: Value,
}

impl Talk {
    fn new() -> Self {
        Self::with(options())
    }

    fn with(options: RealtimeOptions) -> Self {
        let mut codec = AgentCodec::new(&config(), &options).unwrap();
        let mut out = Out::default();
        codec.begin(&mut out);
        assert!(out.messages.is_empty(), "the vendor speaks first");
        codec.decode(cassette!("welcome"), &Secrets::new([]), &mut out).unwrap();
        let settings = json(&out.messages[0]);
        let mut talk = Self { codec, settings };
        assert!(!talk.codec.is_ready());
        talk.hear(cassette!("settings_applied"));
        assert!(talk.codec.is_ready() && talk.codec.is_idle());
        talk
    }

    fn give(&mut self, input: RealtimeInput) -> Vec<Value> {
        let mut out = Out::default();
        self.codec.take(input, &mut out);
        assert!(out.events.is_empty(), "{:?}", out.events);
        out.messages.iter().map(|it| json(it)).collect()
    }

    fn ask(&mut self, generation: GenerationId, prompt: Prompt) -> Vec<Value> {
        self.give(RealtimeInput::Generate { generation, prompt })
    }

    fn hear_all(&mut self, text: &str) -> (Vec<Value>, Vec<RealtimeEvent>) {
        let mut out = Out::default();
        self.codec.decode(text, &Secrets::new([]), &mut out).unwrap();
        (out.messages.iter().map(|it| json(it)).collect(), out.events)
    }

    fn hear(&mut self, text: &str) -> Vec<RealtimeEvent> {
        let (sent, told) = self.hear_all(text);
        assert!(sent.is_empty(), "{sent:?}");
        told
    }

    fn hear_audio(&mut self) -> Vec<RealtimeEvent> {
        let mut out = Out::default();
        let audio = vec![0xFF; 160].into();
        self.codec.decode_binary(audio, &Secrets::new([]), &mut out).unwrap();
        out.events
    }

    /// The names of what audio is taken for.
    fn sounding(&mut self) -> Option<GenerationId> {
        match &self.hear_audio()[..] {
            [RealtimeEvent::Audio { generation, .. }] => Some(*generation),
            [] => None,
            other => panic!("{other:?}"),
        }
    }
}

fn own(nth: u64) -> GenerationId {
    GenerationId::new(FIRST_OWN.number() + nth)
}

fn text(generation: GenerationId, text: &str) -> RealtimeEvent {
    RealtimeEvent::AgentTranscript { generation, text: text.to_owned() }
}

fn words(text: &str) -> RealtimeEvent {
    RealtimeEvent::UserTranscript { turn: None, transcript: Transcript::final_(text) }
}

fn finished(generation: GenerationId) -> RealtimeEvent {
    RealtimeEvent::Finished { generation }
}

fn result(id: &str) -> RealtimeInput {
    RealtimeInput::ToolResult { id: id.into(), output: r#"{"ok":true}"#.into() }
}

#[test]
fn a_connection_begins_as_the_vendor_documents_it() {
    let parameters = json!({ "type": "object", "properties": {} });
    let tools = [ToolSpec::new("book_appointment", "Book", parameters)];
    let talk = Talk::with(options().with_tools(tools));
    let mut documented = json(cassette!("client_settings"));
    let agent = documented["agent"].as_object_mut().unwrap();
    // The session greets, and the language is the models'.
    agent.remove("greeting");
    agent.remove("language");
    agent["think"]["functions"][0]["defer_until_eot"] = json!(true);
    agent["speak"]["provider"]["version"] = json!("v1");
    assert_eq!(talk.settings, documented);
}

#[test]
fn what_hears_and_speaks_is_configured_by_its_family() {
    let mut config = config();
    config.model = "nova-3".to_owned();
    config.language = Some("multi".to_owned());
    config.voice = "flux-alexis-en".to_owned();
    let mut endpoint = ThinkEndpoint::new("https://llm.example/v1/chat/completions");
    endpoint.headers.insert("authorization".to_owned(), Secret::new("Bearer sk-12345"));
    config.think_endpoint = Some(endpoint);
    assert!(!format!("{config:?}").contains("12345"));
    let sent = json(&settings::settings(&config, &options()).unwrap());
    let listen = json!({ "type": "deepgram", "version": "v1", "model": "nova-3",
        "language": "multi", "smart_format": true });
    assert_eq!(sent["agent"]["listen"]["provider"], listen);
    assert_eq!(sent["agent"]["speak"]["provider"]["version"], "v2");
    let endpoint = json!({ "url": "https://llm.example/v1/chat/completions",
        "headers": { "authorization": "Bearer sk-12345" } });
    assert_eq!(sent["agent"]["think"]["endpoint"], endpoint);
}

#[test]
fn audio_goes_as_it_is_and_a_pause_is_filled_with_the_vendors_words() {
    let mut talk = Talk::new();
    let audio = vec![0xFF; 160];
    let frame = AudioFrame::new(AudioFormat::MULAW_8K, MediaTime(0), audio.clone().into());
    let mut out = Out::default();
    talk.codec.take(RealtimeInput::Audio(frame), &mut out);
    assert!(out.audio == [audio] && out.messages.is_empty());
    let (pause, message) = talk.codec.keep_alive().unwrap();
    assert_eq!(pause, config().keep_alive);
    assert_eq!(json(message), json(cassette!("client_keepalive")));
}

#[test]
fn a_turn_is_answered_sentence_by_sentence() {
    let mut talk = Talk::new();
    assert_eq!(talk.hear(cassette!("conversation_text")), [words("Hi")]);
    assert!(talk.codec.owes());
    assert!(talk.hear(cassette!("agent_thinking")).is_empty());
    assert_eq!(talk.hear(&said("assistant", "Hello!")), [text(own(0), "Hello!")]);
    assert!(talk.hear(cassette!("agent_started_speaking")).is_empty());
    assert_eq!(talk.sounding(), Some(own(0)));
    assert_eq!(talk.hear(&said("assistant", "How are you?")), [text(own(0), " How are you?")]);
    assert!(talk.hear(cassette!("latency_report")).is_empty());
    assert!(talk.codec.owes());
    assert_eq!(talk.hear(cassette!("agent_audio_done")), [finished(own(0))]);
    assert!(!talk.codec.owes() && talk.codec.is_idle());
}

#[test]
fn i8_a_user_who_speaks_stops_what_sounds_and_late_audio_is_dropped() {
    let mut talk = Talk::new();
    assert!(talk.hear(cassette!("user_started_speaking")).is_empty());
    talk.hear(&said("user", "Hello?"));
    talk.hear(&said("assistant", "Good morning."));
    talk.hear_audio();
    talk.hear(cassette!("agent_audio_done"));
    // All of it has come, and it may still sound.
    let stopped = RealtimeEvent::Interrupted { generation: own(0) };
    assert_eq!(talk.hear(cassette!("user_started_speaking")), [stopped]);
    assert_eq!(talk.sounding(), None, "it was on its way");
    assert!(talk.hear(cassette!("user_started_speaking")).is_empty(), "once");
    talk.hear(&said("user", "Stop."));
    assert!(talk.hear(cassette!("agent_audio_done")).is_empty(), "of what was stopped");
    assert_eq!(talk.hear(&said("assistant", "Yes?")), [text(own(1), "Yes?")]);
    assert_eq!(talk.sounding(), Some(own(1)));
}

#[test]
fn what_the_agent_says_by_order_is_known_by_its_words() {
    let mut talk = Talk::new();
    let sent = talk.ask(ONE, Prompt::Say("One moment.".into()));
    assert_eq!(sent, [json(cassette!("client_inject_agent_message"))]);
    assert!(talk.codec.owes());
    // The user was quicker, and is answered first.
    talk.hear(&said("user", "Are you there?"));
    assert_eq!(talk.hear(&said("assistant", "I am.")), [text(own(0), "I am.")]);
    assert_eq!(talk.sounding(), Some(own(0)));
    let both = [finished(own(0)), text(ONE, "One moment.")];
    assert_eq!(talk.hear(&said("assistant", "One moment.")), both);
    assert_eq!(talk.sounding(), Some(ONE));
    assert_eq!(talk.hear(cassette!("agent_audio_done")), [finished(ONE)]);
}

#[test]
fn instructions_are_told_in_the_place_of_the_user_and_are_not_his_words() {
    let mut talk = Talk::new();
    let sent = talk.ask(ONE, Prompt::Follow("Greet the caller.".into()));
    let told = json!({ "type": "InjectUserMessage", "content": "Greet the caller." });
    assert_eq!(sent, [told]);
    let again = talk.ask(own(7), Prompt::Answer);
    assert!(again.is_empty(), "one at a time");
    assert!(talk.hear(&said("user", "Greet the caller.")).is_empty());
    assert_eq!(talk.hear(&said("assistant", "Hello!")), [text(ONE, "Hello!")]);
    let (sent, told) = talk.hear_all(cassette!("agent_audio_done"));
    assert_eq!((sent.len(), told), (1, vec![finished(ONE)]));
}

#[test]
fn an_order_that_the_user_overtakes_has_failed() {
    for refusal in [cassette!("injection_refused"), cassette!("user_started_speaking")] {
        let mut talk = Talk::new();
        talk.ask(ONE, Prompt::Say("Are you still there?".into()));
        let kind = ErrorKind::Overloaded;
        assert_eq!(talk.hear(refusal), [RealtimeEvent::Failed { generation: ONE, kind }]);
        assert!(!talk.codec.owes());
    }
}

#[test]
fn a_greeting_that_the_user_talks_over_has_failed_and_nothing_more_is_owed() {
    let mut talk = Talk::new();
    talk.ask(ONE, Prompt::Follow("Greet the caller.".into()));
    talk.hear(&said("user", "Greet the caller."));
    let failed = RealtimeEvent::Failed { generation: ONE, kind: ErrorKind::Overloaded };
    assert_eq!(talk.hear(cassette!("user_started_speaking")), [failed]);
    assert!(!talk.codec.owes(), "the user speaks");
    assert_eq!(talk.hear(&said("user", "Are you open?")), [words("Are you open?")]);
    assert!(talk.codec.owes());
    assert_eq!(talk.hear(&said("assistant", "Until six.")), [text(own(0), "Until six.")]);
    assert_eq!(talk.hear(cassette!("agent_audio_done")), [finished(own(0))]);
    assert!(!talk.codec.owes() && talk.codec.is_idle());
    let next = talk.ask(GenerationId::new(2), Prompt::Say("Good bye.".into()));
    assert_eq!(next[0]["type"], "InjectAgentMessage");
}

#[test]
fn an_order_that_the_vendor_has_not_taken_up_outlasts_an_interruption() {
    let mut talk = Talk::new();
    talk.ask(ONE, Prompt::Follow("Greet the caller.".into()));
    assert!(talk.hear(cassette!("user_started_speaking")).is_empty(), "it is on its way");
    talk.hear(&said("user", "Greet the caller."));
    assert_eq!(talk.hear(&said("assistant", "Hello!")), [text(ONE, "Hello!")]);
}

#[test]
fn nothing_more_is_told_of_what_was_cancelled() {
    let mut talk = Talk::new();
    talk.hear(&said("assistant", "We are open."));
    talk.give(RealtimeInput::Cancel { generation: own(0) });
    assert!(talk.hear(&said("assistant", "From eight to six.")).is_empty());
    assert_eq!(talk.sounding(), None);
    // Nobody will run what it calls, and it does not wait for that.
    let (sent, told) = talk.hear_all(cassette!("function_call_request"));
    assert_eq!((&sent[0]["type"], told.len()), (&json!("FunctionCallResponse"), 0));
    assert!(talk.hear(cassette!("agent_audio_done")).is_empty());
}

#[test]
fn a_call_is_told_once_and_its_result_goes_back() {
    let mut talk = Talk::new();
    talk.hear(&said("user", "At half past nine."));
    let call = ToolCall {
        id: ToolCallId::new("f1"),
        name: "book_appointment".into(),
        arguments: r#"{"slot":"09:30"}"#.into(),
    };
    let called = RealtimeEvent::ToolCall { generation: own(0), call };
    let request = cassette!("function_call_request");
    assert_eq!(talk.hear(request), [called, finished(own(0))]);
    assert!(talk.hear(request).is_empty());
    assert!(!talk.codec.owes(), "the vendor waits for us");
    assert!(!talk.codec.is_idle());
    assert_eq!(talk.give(result("f1")), [json(cassette!("client_function_call_response"))]);
    assert!(talk.codec.owes());
    assert!(talk.give(result("f1")).is_empty());
    assert_eq!(talk.hear(&said("assistant", "Booked.")), [text(own(1), "Booked.")]);
}

#[test]
fn calls_of_the_vendors_own_and_calls_that_it_cancels_are_not_answered() {
    let mut talk = Talk::new();
    let theirs = cassette!("function_call_request").replace("true", "false");
    assert!(talk.hear(&theirs).is_empty());
    talk.hear(cassette!("function_call_request"));
    assert!(talk.hear(cassette!("function_call_cancelled")).is_empty());
    assert!(talk.give(result("f1")).is_empty());
    assert!(talk.codec.is_idle());
}

#[test]
fn a_lost_conversation_is_told_and_its_open_calls_are_answered_in_words() {
    let call = |id: &str| {
        let id = ToolCallId::new(id);
        Message::ToolCall(ToolCall { id, name: "look".into(), arguments: "{}".into() })
    };
    let history = [
        Message::User { text: "Are you open?".into() },
        call("1"),
        Message::ToolResult { id: "1".into(), output: "true".into() },
        call("2"),
        Message::Assistant { text: "We are".into(), interrupted: true },
    ];
    let options = options().with_history(history);
    let sent = json(&settings::settings(&config(), &options).unwrap());
    let call = |id: &str, response: &str| {
        json!({ "id": id, "name": "look", "client_side": true, "arguments": "{}",
            "response": response })
    };
    let told = json!([
        { "type": "History", "role": "user", "content": "Are you open?" },
        { "type": "History", "function_calls": [call("1", "true")] },
        { "type": "History", "function_calls": [call("2", STILL_RUNS)] },
        { "type": "History", "role": "assistant", "content": "We are" },
    ]);
    assert_eq!(sent["agent"]["context"]["messages"], told);
    let mut codec = AgentCodec::new(&config(), &options).unwrap();
    assert!(!codec.is_idle() && !codec.owes());
    let mut out = Out::default();
    codec.take(result("2"), &mut out);
    let told = json(&out.messages[0])["content"].as_str().unwrap().to_owned();
    assert_eq!(told, r#"(The function look has returned: {"ok":true})"#);
    assert!(codec.owes());
}

#[test]
fn errors_end_the_conversation_and_warnings_do_not() {
    let mut talk = Talk::new();
    assert!(talk.hear(cassette!("warning")).is_empty());
    let secrets = Secrets::new([&Secret::new("Token dg-12345")]);
    for (code, kind) in [
        ("CLIENT_MESSAGE_TIMEOUT", ErrorKind::Disconnected),
        ("FAILED_TO_THINK", ErrorKind::Overloaded),
        ("INVALID_SETTINGS", ErrorKind::Rejected),
        ("dg-12345", ErrorKind::Disconnected),
    ] {
        let text = cassette!("error").replace("SAMPLE", code);
        let error = talk.codec.decode(&text, &secrets, &mut Out::default()).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.to_string().contains("12345"), "{error}");
    }
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("welcome"),
        cassette!("settings_applied"),
        cassette!("user_started_speaking"),
        cassette!("conversation_text"),
        cassette!("agent_thinking"),
        cassette!("function_call_request"),
        cassette!("function_call_cancelled"),
        cassette!("agent_started_speaking"),
        cassette!("agent_audio_done"),
        cassette!("injection_refused"),
        cassette!("warning"),
        cassette!("error"),
    ];
    let codec = || AgentCodec::new(&config(), &options()).unwrap();
    assert_eq!(Vec::from_iter(fixture::needed(codec, &messages)), ["id", "name", "type"]);
}

#[test]
fn a_frame_without_audio_is_not_sent() {
    fixture::an_empty_frame_is_not_sent(Talk::new().codec, options().format);
}
