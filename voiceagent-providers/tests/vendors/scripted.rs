use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use voiceagent_testkit::{
    conformance::llm::{KEY, LlmScene, LlmVendor},
    vendor::chat::{ChatRequest, ChatVendor, Dialect, Reply},
};

/// How long a model that writes slowly takes for a piece of an argument.
const PAUSE: Duration = Duration::from_millis(400);

/// What it writes, which takes 4 s.
const SLOW: [&str; 10] =
    ["{\"no", "te\":", "\"The ", "left ", "lamp ", "is ", "out ", "when ", "it ", "rains\"}"];

/// A scripted vendor of any dialect that plays the scenes of the suite.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) server: ChatVendor,
    scene: Arc<Mutex<LlmScene>>,
}

impl Scripted {
    pub(crate) async fn start(dialect: Dialect) -> Self {
        let scene = Arc::new(Mutex::new(LlmScene::Echo));
        let played = Arc::clone(&scene);
        let before: Mutex<Option<ChatRequest>> = Mutex::default();
        let server = ChatVendor::start(dialect, move |request| {
            let scene = played.lock().expect("no test panics while it holds the lock").clone();
            let mut before = before.lock().expect("no test panics while it holds the lock");
            let before = before.replace(request.clone());
            let caches = before.is_some_and(|before| caches(dialect, &before, request));
            reply(dialect, scene, request, caches)
        })
        .await;
        Self { server, scene }
    }
}

#[async_trait]
impl LlmVendor for Scripted {
    fn play(&self, scene: LlmScene) {
        *self.scene.lock().expect("no test panics while it holds the lock") = scene;
    }

    async fn requested(&self, count: usize) {
        self.server.until(|server| server.requests().len() >= count).await;
    }

    async fn aborted(&self, count: usize) {
        self.server.until(|server| server.aborted() >= count).await;
    }
}

/// Whether the vendor has the beginning of a request at hand since the one before.
fn caches(dialect: Dialect, before: &ChatRequest, request: &ChatRequest) -> bool {
    let same = before.model == request.model
        && before.body["tools"] == request.body["tools"]
        && request.messages.starts_with(&before.messages);
    // Anthropic keeps nothing that it is not asked to keep.
    let asked = dialect != Dialect::Anthropic || before.body.to_string().contains("cache_control");
    same && asked
}

fn reply(dialect: Dialect, scene: LlmScene, request: &ChatRequest, caches: bool) -> Reply {
    match scene {
        LlmScene::AnswerInForm => match request.schema() {
            Some(schema) if schema["properties"]["open"].is_object() => {
                Reply::tokens(["{\"open\":true}"])
            }
            _ => Reply::text("Yes, we are."),
        },
        LlmScene::Cache => Reply::tokens([request.last_user_text().unwrap_or_default()]).usage(
            120,
            if caches { 64 } else { 0 },
            18,
        ),
        LlmScene::CallSlowly => Reply::raw(slow_call(dialect)).per_token(PAUSE),
        LlmScene::CallTools(calls) => {
            let none = Reply::tokens([""; 0]);
            calls.iter().fold(none, |reply, (name, arguments)| reply.and_tool_call(name, arguments))
        }
        LlmScene::CutToolCall => Reply::raw([cut_call(dialect)]),
        LlmScene::Echo => Reply::tokens([request.last_user_text().unwrap_or_default()]),
        LlmScene::Garbage(bytes) => Reply::raw([bytes]),
        LlmScene::Refuse { status, retry_after } => {
            let error = json!({ "message": format!("not with {KEY}"), "code": KEY });
            let refusal = Reply::refuse(status, json!({ "error": error }).to_string());
            match retry_after {
                Some(seconds) => refusal.retry_after(&seconds.to_string()),
                None => refusal,
            }
        }
        LlmScene::Say(words) => Reply::tokens(words).usage(120, 64, 18),
        LlmScene::SayByteByByte(text) => {
            Reply::raw(whole(dialect, &text).into_bytes().chunks(1).map(<[u8]>::to_vec))
        }
        LlmScene::SayThenCut(words) => {
            let count = words.len();
            Reply::tokens(words).drop_after(count)
        }
        LlmScene::SayThenStall(words) => {
            let count = words.len();
            Reply::tokens(words).stall_after(count)
        }
        LlmScene::Silence => Reply::silence(),
        unknown => panic!("the suite plays {unknown:?}, which this vendor cannot"),
    }
}

/// A stream that ends in the middle of a call's arguments.
fn cut_call(dialect: Dialect) -> String {
    match dialect {
        Dialect::Anthropic => {
            let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "book", "input": {} });
            let piece = json!({ "type": "input_json_delta", "partial_json": "{\"phone\":\"+1555" });
            event(&json!({ "type": "content_block_start", "index": 0, "content_block": call }))
                + &event(&json!({ "type": "content_block_delta", "index": 0, "delta": piece }))
        }
        Dialect::Gemini => {
            // Calls come whole, and the answer goes on.
            let call = json!({ "name": "book", "args": { "phone": "+1555" } });
            let content = json!({ "parts": [{ "functionCall": call }] });
            event(&json!({ "candidates": [{ "content": content }] }))
        }
        Dialect::OpenAi => {
            let call = json!({ "index": 0, "id": "call_1", "type": "function",
                "function": { "name": "book", "arguments": "{\"phone\":\"+1555" } });
            event(&json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [call] } }] }))
        }
        Dialect::OpenAiResponses => {
            let item = json!({ "type": "function_call", "call_id": "call_1", "name": "book" });
            event(&json!({ "type": "response.output_item.added", "item": item }))
                + &event(&json!({ "type": "response.function_call_arguments.delta",
                    "delta": "{\"phone\":\"+1555" }))
        }
        unknown => panic!("{unknown:?} is not scripted"),
    }
}

/// A stream that calls a tool, in its pieces.
fn slow_call(dialect: Dialect) -> Vec<String> {
    let pieces = |piece: fn(&str) -> Value| SLOW.map(|text| event(&piece(text)));
    let (begin, pieces, end) = match dialect {
        Dialect::Anthropic => {
            let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "book", "input": {} });
            let pieces = pieces(|text| {
                let piece = json!({ "type": "input_json_delta", "partial_json": text });
                json!({ "type": "content_block_delta", "index": 0, "delta": piece })
            });
            let reason = json!({ "stop_reason": "tool_use" });
            (
                event(&json!({ "type": "content_block_start", "index": 0, "content_block": call })),
                pieces,
                event(&json!({ "type": "message_delta", "delta": reason }))
                    + &event(&json!({ "type": "message_stop" })),
            )
        }
        Dialect::Gemini => {
            let call = json!({ "name": "book", "args": { "note": "Calls come whole." } });
            let content = json!({ "parts": [{ "functionCall": call }] });
            let candidate = json!({ "content": content, "finishReason": "STOP" });
            return vec![event(&json!({ "candidates": [candidate] }))];
        }
        Dialect::OpenAi => {
            let call = json!({ "index": 0, "id": "call_1", "type": "function",
                "function": { "name": "book", "arguments": "" } });
            let pieces = pieces(|text| {
                let piece = json!({ "index": 0, "function": { "arguments": text } });
                json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [piece] } }] })
            });
            let last = json!({ "index": 0, "delta": {}, "finish_reason": "tool_calls" });
            (
                event(&json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [call] } }] })),
                pieces,
                event(&json!({ "choices": [last] })) + "data: [DONE]\n\n",
            )
        }
        Dialect::OpenAiResponses => {
            let mut item = json!({ "type": "function_call", "call_id": "call_1", "name": "book" });
            let begin = event(&json!({ "type": "response.output_item.added", "item": item }));
            let pieces = pieces(
                |text| json!({ "type": "response.function_call_arguments.delta", "delta": text }),
            );
            item["arguments"] = SLOW.concat().into();
            let response = json!({ "id": "resp_1" });
            (
                begin,
                pieces,
                event(&json!({ "type": "response.output_item.done", "item": item }))
                    + &event(&json!({ "type": "response.completed", "response": response })),
            )
        }
        unknown => panic!("{unknown:?} is not scripted"),
    };
    [begin].into_iter().chain(pieces).chain([end]).collect()
}

/// A stream that says this text.
fn whole(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Anthropic => {
            let piece = json!({ "type": "text_delta", "text": text });
            event(&json!({ "type": "content_block_delta", "index": 0, "delta": piece }))
                + &event(&json!({ "type": "message_stop" }))
        }
        Dialect::Gemini => {
            let content = json!({ "parts": [{ "text": text }] });
            event(&json!({ "candidates": [{ "content": content, "finishReason": "STOP" }] }))
        }
        Dialect::OpenAi => {
            let delta = json!({ "content": text });
            event(&json!({ "choices": [{ "index": 0, "delta": delta }] })) + "data: [DONE]\n\n"
        }
        Dialect::OpenAiResponses => {
            event(&json!({ "type": "response.output_text.delta", "delta": text }))
                + &event(&json!({ "type": "response.completed", "response": { "id": "resp_1" } }))
        }
        unknown => panic!("{unknown:?} is not scripted"),
    }
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}
