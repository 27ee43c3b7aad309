//! Vendors whose pages have moved: to another host nobody follows, because a key would go with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use voiceagent_core::{
    Error, ErrorKind,
    audio::AudioFormat,
    embedding::Purpose,
    llm::{LlmEvent, LlmRequest, Message},
    realtime::RealtimeOptions,
    registry::Registry,
    stt::SttOptions,
    tts::TtsOptions,
};

use crate::{
    caller::Caller,
    pages_of,
    voice::{ONE, Voice},
};

const KEY: &str = "scripted-vendor-key";

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

/// A host that is no vendor's, and how many connections it got.
async fn stranger() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok(connection) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    (format!("http://{address}"), count)
}

fn settings(provider: &str, url: &str, further: &Value) -> Value {
    let mut settings = json!({ "provider": provider, "api_key": KEY, "base_url": url });
    for (field, value) in further.as_object().expect("settings are an object") {
        settings[field] = value.clone();
    }
    settings
}

fn question() -> LlmRequest {
    LlmRequest::new("Be brief.", vec![Message::User { text: "Hi".into() }])
}

/// How a model fails, wherever it does.
async fn failure_of_model(settings: Value) -> Error {
    let model = registry().llm.build(settings).expect("the settings are right");
    // The connection is open, whatever the vendor says on it.
    let _ = model.warm().await;
    match model.generate(question()).await {
        Err(error) => error,
        Ok(mut events) => loop {
            if let Err(error) = events.next().await.expect("it does not end well") {
                break error;
            }
        },
    }
}

async fn failure_of_voice(settings: Value) -> Error {
    let voice = registry().tts.build(settings).expect("the settings are right");
    let format = voice.capabilities().formats[0];
    if let Err(error) = voice.open(TtsOptions::new(format)).await {
        return error;
    }
    let mut voice = Voice::open_in(&*voice, format).await;
    voice.say(ONE, "Hello there.");
    voice.finish(ONE);
    voice.until_fault().await
}

async fn failure_of_recognizer(settings: Value) -> Error {
    let ears = registry().stt.build(settings).expect("the settings are right");
    let format = ears.capabilities().formats[0];
    if let Err(error) = ears.open(SttOptions::new(format)).await {
        return error;
    }
    let mut caller = Caller::dial_in(&*ears, format).await;
    caller.say();
    caller.finalize();
    caller.until_error().await.1
}

async fn failure_of_conversation(settings: Value) -> Error {
    let model = registry().realtime.build(settings).expect("the settings are right");
    let format = model.capabilities().formats.first().copied().unwrap_or(AudioFormat::PCM_16K);
    model.open(RealtimeOptions::new("Be brief.", format)).await.expect_err("nobody is there")
}

async fn failure_of_embedder(settings: Value) -> Error {
    let embedder = registry().embedding.build(settings).expect("the settings are right");
    embedder.embed(&["Hello".into()], Purpose::Query).await.expect_err("nobody is there")
}

#[tokio::test]
async fn no_request_and_no_key_follows_a_redirect_to_another_host() {
    let none = json!({});
    let (address, strangers) = stranger().await;
    let moved = pages_of::moved_to(&address).await;
    let pages = format!("{moved}/v1");
    let socket = moved.replace("http://", "ws://");
    let mut failures = Vec::new();
    for (provider, further) in [
        ("anthropic", &none),
        ("gemini", &none),
        ("openai", &none),
        ("openai", &json!({ "api": "responses" })),
        ("openai", &json!({ "api": "responses_websocket" })),
        ("openai-compatible", &json!({ "model": "m" })),
    ] {
        let failure = failure_of_model(settings(provider, &pages, further)).await;
        failures.push((format!("the model {provider} {further}"), failure));
    }
    for (provider, url, further) in [
        ("azure", &socket, json!({ "region": "r" })),
        ("cartesia", &socket, json!({ "voice": "v" })),
        ("deepgram", &socket, none.clone()),
        ("deepgram-flux", &socket, none.clone()),
        ("elevenlabs", &socket, json!({ "voice": "v" })),
        ("openai", &pages, none.clone()),
    ] {
        let failure = failure_of_voice(settings(provider, url, &further)).await;
        failures.push((format!("the voice {provider}"), failure));
    }
    for (provider, url, further) in [
        ("assemblyai", &socket, none.clone()),
        ("azure", &socket, json!({ "region": "r" })),
        ("cartesia", &socket, none.clone()),
        ("deepgram", &socket, none.clone()),
        ("deepgram-flux", &socket, none.clone()),
        ("elevenlabs", &socket, none.clone()),
        ("openai", &pages, none.clone()),
        ("openai-realtime", &socket, none.clone()),
        ("soniox", &socket, none.clone()),
        ("speechmatics", &socket, none.clone()),
    ] {
        let failure = failure_of_recognizer(settings(provider, url, &further)).await;
        failures.push((format!("the recognizer {provider}"), failure));
    }
    for provider in ["deepgram", "gemini", "openai", "openai-live"] {
        let failure = failure_of_conversation(settings(provider, &socket, &none)).await;
        failures.push((format!("the conversation {provider}"), failure));
    }
    for (provider, further) in
        [("openai", none.clone()), ("vertex", json!({ "project": "p", "location": "l" }))]
    {
        let mut settings = settings(provider, &pages, &further);
        if provider == "vertex" {
            settings.as_object_mut().expect("it is one").remove("api_key");
            settings["access_token"] = KEY.into();
        }
        failures.push((format!("the embedder {provider}"), failure_of_embedder(settings).await));
    }
    for (who, error) in failures {
        assert_eq!(error.kind(), ErrorKind::Rejected, "{who}: {error}");
        assert!(!format!("{error:?}").contains(KEY), "{who}");
    }
    assert_eq!(strangers.load(Ordering::SeqCst), 0, "somebody has followed");
}

/// A vendor that has moved its page within its own host.
async fn moved_within() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    let said = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n\
        data: [DONE]\n\n";
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            while let Some(head) = pages_of::request(&mut stream).await {
                let has_key = head.contains(&format!("authorization: bearer {KEY}"));
                let answer = if !has_key {
                    "HTTP/1.1 401 x\r\ncontent-length: 0\r\n\r\n".to_owned()
                } else if head.starts_with("post /v1/") {
                    let to = "location: /v2/chat/completions\r\ncontent-length: 0";
                    format!("HTTP/1.1 308 Permanent Redirect\r\n{to}\r\n\r\n")
                } else {
                    let length = said.len();
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{said}")
                };
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn a_page_that_has_moved_within_its_host_is_found() {
    let settings = settings("openai", &moved_within().await, &json!({}));
    let model = registry().llm.build(settings).expect("the settings are right");
    let answer = model.generate(question()).await.expect("the vendor answers");
    let events: Vec<_> = answer.map(|event| event.expect("nothing fails")).collect().await;
    assert!(events.contains(&LlmEvent::Text("Hi".to_owned())), "{events:?}");
}

#[tokio::test]
async fn a_page_that_moves_in_a_circle_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            while pages_of::request(&mut stream).await.is_some() {
                let answer = "HTTP/1.1 307 x\r\nlocation: /v1/x\r\ncontent-length: 0\r\n\r\n";
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    let settings = settings("openai", &format!("http://{address}/v1"), &json!({}));
    let failed = tokio::time::timeout(Duration::from_secs(30), failure_of_model(settings)).await;
    assert_eq!(failed.expect("it ends").kind(), ErrorKind::Rejected);
}
