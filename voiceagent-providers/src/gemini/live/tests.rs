use serde_json::{Value, json};
use voiceagent_core::{
    GenerationId, Secret, ToolCallId, TurnId,
    audio::{AudioFrame, MediaTime},
    llm::{Message, ToolCall, Usage},
    realtime::{FIRST_OWN, Prompt, RealtimeEvent, RealtimeInput, RealtimeOptions},
    stt::Transcript,
    tool::ToolSpec,
};

use super::{codec::LiveApi, *};
use crate::wire::{
    realtime::{Out, RealtimeCodec, fixture},
    secrets::Secrets,
};

const ONE: GenerationId = GenerationId::new(1);
const TWO: GenerationId = GenerationId::new(2);

macro_rules! cassette {
    ($name:literal) => {
        include_str!(concat!("../../../tests/cassettes/gemini/live/", $name, ".json"))
    };
}

fn config() -> GeminiLiveConfig {
    GeminiLiveConfig::new(Secret::new("AIza-12345"))
}

fn vendors() -> GeminiLiveConfig {
    let detection = ActivityDetection {
        prefix_padding: Some(Duration::from_millis(100)),
        silence_duration: Some(Duration::from_millis(400)),
        ..ActivityDetection::default()
    };
    GeminiLiveConfig { turn_detection: TurnDetection::Vendor(detection), ..config() }
}

fn options() -> RealtimeOptions {
    RealtimeOptions::new("You are a dealership agent.", FORMAT)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A conversation that is open.
struct Talk(LiveApi);

impl Talk {
    fn new(config: GeminiLiveConfig) -> Self {
        let mut talk = Self(LiveApi::new(config, options()).unwrap());
        talk.begin();
        talk
    }

    /// Begins a connection.
    fn begin(&mut self) -> Value {
        let mut out = Out::default();
        self.0.begin(&mut out);
        assert!(!self.0.is_ready());
        self.hear(cassette!("setup_complete"));
        assert!(self.0.is_ready());
        json(&out.messages[0])
    }

    fn give(&mut self, input: RealtimeInput) -> (Vec<Value>, Vec<RealtimeEvent>) {
        let mut out = Out::default();
        self.0.take(input, &mut out);
        (out.messages.iter().map(|it| json(it)).collect(), out.events)
    }

    fn ask(&mut self, generation: GenerationId, prompt: Prompt) -> Vec<Value> {
        self.give(RealtimeInput::Generate { generation, prompt }).0
    }

    /// 20 ms of silence.
    fn listen(&mut self) -> Vec<Value> {
        let silence = vec![0; FORMAT.bytes_in(Duration::from_millis(20))];
        self.give(RealtimeInput::Audio(AudioFrame::new(FORMAT, MediaTime(0), silence.into()))).0
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
}

fn keys(sent: &[Value]) -> Vec<String> {
    let inner = |it: &Value| {
        let (outer, inner) = it.as_object().unwrap().iter().next().unwrap();
        match outer.as_str() {
            "realtimeInput" => inner.as_object().unwrap().keys().next().unwrap().clone(),
            _ => outer.clone(),
        }
    };
    sent.iter().map(inner).collect()
}

#[test]
fn a_connection_begins_as_the_vendor_documents_it() {
    let parameters = json!({ "type": "object", "properties": { "slot": { "type": "string" } } });
    let tools = [ToolSpec::new("book_appointment", "Book", parameters)];
    let mut talk = Talk(LiveApi::new(vendors(), options().with_tools(tools)).unwrap());
    let mut documented = json(cassette!("client_setup"));
    let detection = &mut documented["setup"]["realtimeInputConfig"]["automaticActivityDetection"];
    detection["disabled"] = json!(false);
    assert_eq!(talk.begin(), documented);
}

#[test]
fn a_lost_conversation_is_told_and_a_resumed_one_is_not() {
    let call = ToolCall { id: "1".into(), name: "look".into(), arguments: "{}".into() };
    let history = [
        Message::User { text: "Are you open?".into() },
        Message::ToolCall(call),
        Message::ToolResult { id: "1".into(), output: "true".into() },
        Message::Assistant { text: "We are".into(), interrupted: true },
    ];
    let mut talk = Talk(LiveApi::new(config(), options().with_history(history)).unwrap());
    let text = |setup: &Value| {
        let text = &setup["setup"]["systemInstruction"]["parts"][0]["text"];
        text.as_str().unwrap().to_owned()
    };
    let told = text(&talk.begin());
    let end = "Caller: Are you open?\n(You called look with {}.)\n(It returned true.)\nYou: We are";
    assert!(told.starts_with("You are a dealership agent.") && told.ends_with(end), "{told}");
    assert!(!talk.0.is_resumable());
    assert!(talk.hear(cassette!("session_resumption_update")).is_empty());
    assert!(talk.hear(cassette!("go_away")).is_empty());
    assert!(talk.0.is_dismissed() && !talk.0.is_dismissed(), "once");
    assert!(talk.0.is_resumable() && talk.0.is_idle());
    let setup = talk.begin();
    assert_eq!(setup["setup"]["sessionResumption"], json!({ "handle": "h1" }));
    assert_eq!(text(&setup), "You are a dealership agent.");
}

#[test]
fn a_function_that_outlives_its_conversation_is_answered_in_words() {
    let call = |id: &str| {
        let id = ToolCallId::new(id);
        Message::ToolCall(ToolCall { id, name: "look".into(), arguments: "{}".into() })
    };
    let lost = |config| {
        let history = [Message::User { text: "Book me.".into() }, call("1"), call("2")];
        let mut talk = Talk(LiveApi::new(config, options().with_history(history)).unwrap());
        let setup = talk.begin()["setup"]["systemInstruction"].to_string();
        assert_eq!(setup.matches("do not call it again").count(), 2, "{setup}");
        talk
    };
    let told = |id: &str| {
        let text = |it: &Value| it["realtimeInput"]["text"].as_str().unwrap().to_owned();
        let RealtimeInput::ToolResult { output, .. } = result(id) else { unreachable!() };
        move |sent: &Value| {
            assert_eq!(text(sent), format!("(The function look has returned: {output})"))
        }
    };
    // A vendor that takes turns by itself goes on with each, when it has said what it says.
    let mut talk = lost(vendors());
    told("1")(&talk.give(result("1")).0[0]);
    talk.hear(cassette!("audio"));
    assert!(talk.give(result("2")).0.is_empty(), "it speaks");
    talk.hear(cassette!("generation_complete"));
    let (sent, _) = talk.hear_all(cassette!("turn_complete_with_usage"));
    told("2")(&sent[0]);
    assert!(talk.give(result("2")).0.is_empty(), "once");
    // Any other answers when it is asked to, with what the user has said meanwhile.
    let mut talk = lost(config());
    assert!(talk.give(result("1")).0.is_empty());
    let sent = talk.ask(ONE, Prompt::Answer);
    assert_eq!(keys(&sent), ["activityStart", "text", "activityEnd"]);
    told("1")(&sent[1]);
    let mut talk = lost(config());
    talk.listen();
    talk.give(RealtimeInput::Commit { turn: TurnId::new(2) });
    talk.give(result("2"));
    let sent = talk.ask(ONE, Prompt::Answer);
    assert_eq!(keys(&sent), ["text", "activityEnd"]);
    told("2")(&sent[0]);
}

#[test]
fn a_turn_of_the_sessions_begins_with_its_audio_and_ends_when_an_answer_is_asked_for() {
    let mut talk = Talk::new(config());
    let sent = talk.listen();
    assert_eq!(sent[0], json(cassette!("client_activity_start")));
    let audio = json(cassette!("client_realtime_input_audio"));
    let mime = &sent[1]["realtimeInput"]["audio"]["mimeType"];
    assert_eq!(*mime, audio["realtimeInput"]["audio"]["mimeType"]);
    assert_eq!(keys(&talk.listen()), ["audio"]);
    assert!(talk.hear(cassette!("input_transcription")).is_empty(), "more may come");
    let turn = TurnId::new(7);
    let (sent, told) = talk.give(RealtimeInput::Commit { turn });
    assert!(sent.is_empty());
    let transcript = Transcript::final_("Hi");
    assert_eq!(told, [RealtimeEvent::UserTranscript { turn: Some(turn), transcript }]);
    assert_eq!(talk.ask(ONE, Prompt::Answer), [json(cassette!("client_activity_end"))]);
    assert!(talk.0.owes());
}

#[test]
fn an_answer_is_text_audio_and_an_end() {
    let mut talk = Talk::new(config());
    talk.ask(ONE, Prompt::Answer);
    let text = RealtimeEvent::AgentTranscript { generation: ONE, text: "Hello".to_owned() };
    assert_eq!(talk.hear(cassette!("output_transcription")), [text]);
    let told = talk.hear(cassette!("audio"));
    assert!(
        matches!(&told[..], [RealtimeEvent::Audio { generation: ONE, payload }] if payload.len() % 2 == 0),
        "{told:?}"
    );
    let end = RealtimeEvent::Finished { generation: ONE };
    assert_eq!(talk.hear(cassette!("generation_complete")), [end]);
    assert!(!talk.0.owes() && !talk.0.is_idle(), "the vendor takes it for sounding");
    let usage = RealtimeEvent::Usage { generation: ONE, usage: Usage::new(10, 0, 20) };
    assert_eq!(talk.hear(cassette!("turn_complete_with_usage")), [usage]);
    assert!(talk.0.is_idle());
}

#[test]
fn i8_a_barge_in_stops_the_vendor_with_what_the_user_said_meanwhile() {
    let mut talk = Talk::new(config());
    talk.ask(ONE, Prompt::Answer);
    talk.hear(cassette!("audio"));
    assert!(talk.listen().is_empty(), "it would stop the vendor");
    let (sent, _) = talk.give(RealtimeInput::Cancel { generation: ONE });
    assert_eq!(keys(&sent), ["activityStart", "audio"]);
    assert_eq!(keys(&talk.listen()), ["audio"]);
    assert!(talk.hear(cassette!("audio")).is_empty(), "it was on its way");
    talk.give(RealtimeInput::Commit { turn: TurnId::new(2) });
    assert!(talk.ask(TWO, Prompt::Answer).is_empty(), "the vendor has not stopped");
    let (sent, told) = talk.hear_all(cassette!("interrupted"));
    assert_eq!((keys(&sent), told), (vec!["activityEnd".to_owned()], Vec::new()));
    // The end of what was stopped.
    assert!(talk.hear(r#"{"serverContent":{"turnComplete":true}}"#).is_empty());
    assert!(talk.0.owes());
    talk.hear(cassette!("audio"));
    let end = RealtimeEvent::Finished { generation: TWO };
    assert_eq!(talk.hear(cassette!("generation_complete")), [end]);
}

#[test]
fn what_the_user_said_over_an_answer_is_said_with_the_next_turn() {
    let mut talk = Talk::new(config());
    talk.ask(ONE, Prompt::Answer);
    talk.hear(cassette!("audio"));
    // Three seconds are kept.
    (0..200).for_each(|_| assert!(talk.listen().is_empty()));
    talk.hear(cassette!("generation_complete"));
    talk.hear(cassette!("turn_complete_with_usage"));
    let sent = talk.listen();
    assert_eq!(
        (sent.len(), keys(&sent[..2])),
        (1 + 150 + 1, vec!["activityStart".to_owned(), "audio".to_owned()])
    );
}

#[test]
fn what_the_agent_says_by_order_is_a_turn_of_text() {
    let mut talk = Talk::new(config());
    let sent = talk.ask(ONE, Prompt::Say("Good bye!".into()));
    assert_eq!(keys(&sent), ["activityStart", "text", "activityEnd"]);
    let text = sent[1]["realtimeInput"]["text"].as_str().unwrap();
    assert!(text.ends_with("\nGood bye!"), "{text}");
    let sent = Talk::new(vendors()).ask(ONE, Prompt::Follow("Greet the caller.".into()));
    assert_eq!(sent, [json!({ "realtimeInput": { "text": "Greet the caller." } })]);
}

fn call(id: &str) -> RealtimeEvent {
    let call = ToolCall {
        id: ToolCallId::new(id),
        name: "book_appointment".into(),
        arguments: json(cassette!("tool_call"))["toolCall"]["functionCalls"][0]["args"]
            .to_string()
            .into(),
    };
    RealtimeEvent::ToolCall { generation: ONE, call }
}

/// The same event, without the white space of the cassette.
fn compact(event: &RealtimeEvent) -> RealtimeEvent {
    let mut event = event.clone();
    if let RealtimeEvent::ToolCall { call, .. } = &mut event {
        call.arguments = json(&call.arguments).to_string().into();
    }
    event
}

fn two_calls() -> String {
    let mut calls = json(cassette!("tool_call"));
    let mut second = calls["toolCall"]["functionCalls"][0].clone();
    second["id"] = json!("fc2");
    calls["toolCall"]["functionCalls"].as_array_mut().unwrap().push(second);
    calls.to_string()
}

#[test]
fn a_call_that_the_vendor_has_not_named_is_made_and_answered_without_a_name() {
    let mut talk = Talk::new(vendors());
    let unnamed = two_calls().replace("\"id\":\"fc1\",", "").replace("\"fc2\"", "null");
    assert_ne!(unnamed, two_calls());
    let told = talk.hear(&unnamed);
    let ids = told.iter().filter_map(|event| match event {
        RealtimeEvent::ToolCall { call, .. } => Some(call.id.as_str().to_owned()),
        _ => None,
    });
    let ids: Vec<_> = ids.collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    assert!(talk.give(result(&ids[0])).0.is_empty(), "the other one is not done");
    let sent = talk.give(result(&ids[1])).0;
    let responses = &sent[0]["toolResponse"]["functionResponses"];
    assert_eq!(responses.as_array().unwrap().len(), 2, "{sent:?}");
    assert!(responses[0].get("id").is_none() && responses[0]["name"] == "book_appointment");
}

#[test]
fn calls_without_a_name_are_not_taken_for_those_of_a_conversation_before() {
    let names = || {
        let unnamed = cassette!("tool_call").replace("\"fc1\"", "null");
        let told = Talk::new(vendors()).hear(&unnamed);
        let [RealtimeEvent::ToolCall { call, .. }, _] = &told[..] else { panic!("{told:?}") };
        call.id.clone()
    };
    assert_ne!(names(), names());
}

fn result(id: &str) -> RealtimeInput {
    RealtimeInput::ToolResult { id: id.into(), output: r#"{"output":{"ok":true}}"#.into() }
}

#[test]
fn results_of_all_calls_go_together_when_the_session_asks() {
    let mut talk = Talk::new(config());
    talk.ask(ONE, Prompt::Answer);
    let told: Vec<_> = talk.hear(&two_calls()).iter().map(compact).collect();
    let end = RealtimeEvent::Finished { generation: ONE };
    assert_eq!(told, [call("fc1"), call("fc2"), end.clone()]);
    assert!(!talk.0.owes() && !talk.0.is_idle());
    for id in ["fc2", "fc1", "fc1", "unknown"] {
        assert!(talk.give(result(id)).0.is_empty(), "{id}");
    }
    let sent = talk.ask(ONE, Prompt::Answer);
    let mut documented = json(cassette!("client_tool_response"));
    let responses = documented["toolResponse"]["functionResponses"].as_array_mut().unwrap();
    let mut second = responses[0].clone();
    second["id"] = json!("fc2");
    responses.push(second);
    assert_eq!(sent, [documented]);
    talk.hear(cassette!("audio"));
    assert_eq!(talk.hear(cassette!("generation_complete")), [end]);
}

#[test]
fn a_call_that_comes_late_is_another_round_and_no_result_goes_without_its() {
    let mut talk = Talk::new(config());
    talk.ask(ONE, Prompt::Answer);
    talk.hear(cassette!("tool_call"));
    let second = cassette!("tool_call").replace("fc1", "fc2");
    assert!(talk.hear(&second).is_empty(), "the round is over");
    talk.give(result("fc1"));
    let (sent, told) =
        talk.give(RealtimeInput::Generate { generation: ONE, prompt: Prompt::Answer });
    let end = RealtimeEvent::Finished { generation: ONE };
    let told: Vec<_> = told.iter().map(compact).collect();
    assert_eq!((sent, told), (Vec::new(), vec![call("fc2"), end]));
    talk.give(result("fc2"));
    let sent = talk.ask(ONE, Prompt::Answer);
    let responses = sent[0]["toolResponse"]["functionResponses"].as_array().unwrap();
    assert_eq!(responses.len(), 2);
}

#[test]
fn calls_that_the_vendor_cancels_are_not_answered() {
    let mut talk = Talk::new(config());
    talk.ask(ONE, Prompt::Answer);
    talk.hear(cassette!("tool_call"));
    let (sent, _) = talk.give(RealtimeInput::Cancel { generation: ONE });
    assert_eq!(keys(&sent), ["activityStart"]);
    talk.hear(cassette!("interrupted"));
    talk.hear(cassette!("tool_call_cancellation"));
    assert!(talk.give(result("fc1")).0.is_empty());
    talk.listen();
    talk.give(RealtimeInput::Commit { turn: TurnId::new(2) });
    assert_eq!(keys(&talk.ask(TWO, Prompt::Answer)), ["activityEnd"]);
}

#[test]
fn with_the_vendors_turns_audio_flows_and_answers_name_themselves() {
    let mut talk = Talk::new(vendors());
    assert_eq!(keys(&talk.listen()), ["audio"]);
    talk.hear(cassette!("input_transcription"));
    let told = talk.hear(cassette!("audio"));
    let transcript = Transcript::final_("Hi");
    assert_eq!(told[0], RealtimeEvent::UserTranscript { turn: None, transcript });
    assert!(matches!(told[1], RealtimeEvent::Audio { generation: FIRST_OWN, .. }));
    assert_eq!(keys(&talk.listen()), ["audio"]);
    let interrupted = RealtimeEvent::Interrupted { generation: FIRST_OWN };
    assert_eq!(talk.hear(cassette!("interrupted")), [interrupted]);
    assert!(talk.hear(r#"{"serverContent":{"turnComplete":true}}"#).is_empty());
    let told = talk.hear(cassette!("tool_call"));
    let next = FIRST_OWN.next();
    assert!(matches!(told[0], RealtimeEvent::ToolCall { generation, .. } if generation == next));
    assert_eq!(keys(&talk.give(result("fc1")).0), ["toolResponse"]);
    let told = talk.hear(cassette!("audio"));
    let next = next.next();
    assert!(matches!(told[0], RealtimeEvent::Audio { generation, .. } if generation == next));
}

#[test]
fn a_turn_that_is_open_is_said_again_on_another_connection() {
    let mut talk = Talk::new(config());
    (0..500).for_each(|_| drop(talk.listen()));
    talk.begin();
    let sent = talk.listen();
    assert_eq!((sent.len(), keys(&sent[..1])), (502, vec!["activityStart".to_owned()]));
}

#[test]
fn a_field_that_is_null_costs_no_more_than_one_that_is_missing() {
    let messages = [
        cassette!("setup_complete"),
        cassette!("session_resumption_update"),
        cassette!("input_transcription"),
        cassette!("output_transcription"),
        cassette!("audio"),
        cassette!("tool_call"),
        cassette!("tool_call_cancellation"),
        cassette!("generation_complete"),
        cassette!("turn_complete_with_usage"),
        cassette!("interrupted"),
        cassette!("go_away"),
    ];
    for config in [config(), vendors()] {
        let codec = || {
            let mut codec = LiveApi::new(config.clone(), options()).unwrap();
            codec.mark = 0;
            codec
        };
        assert_eq!(Vec::from_iter(fixture::needed(codec, &messages)), ["data", "name"]);
    }
}

#[test]
fn a_frame_without_audio_is_not_sent() {
    for config in [config(), vendors()] {
        fixture::an_empty_frame_is_not_sent(Talk::new(config).0, FORMAT);
    }
}
