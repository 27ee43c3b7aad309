//! Connections that are open before a call needs them: the vendor counts them, and refuses all
//! others while the call begins.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde_json::json;
use voiceagent_core::{
    adapt::{FallbackStt, WarmStt, WarmTts, Warmth},
    llm::{LlmEvent, LlmRequest, Message},
    registry::Registry,
    stt::{SpeechToText, SttOptions},
    tts::{TextToSpeech, TtsOptions},
};
use voiceagent_testkit::vendor::{
    ListenScript, Refusal, ScriptedVendor, SpeakScript, SpeechVendor,
    chat::{ChatVendor, Dialect, Reply},
};

use crate::{
    caller::Caller,
    voice::{FORMAT, ONE, Voice},
};

const UTTERANCE: &str = "I need an oil change.";

fn registry() -> Registry {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    registry
}

fn voice_of(vendor: &SpeechVendor) -> Arc<dyn TextToSpeech> {
    let settings = json!({
        "provider": "cartesia", "api_key": SpeechVendor::KEY, "voice": "scripted-voice",
        "base_url": vendor.url()
    });
    registry().tts.build(settings).expect("the settings are right")
}

fn ears_of(vendor: &SpeechVendor) -> Arc<dyn SpeechToText> {
    let settings = json!({
        "provider": "deepgram", "api_key": SpeechVendor::KEY, "base_url": vendor.url()
    });
    registry().stt.build(settings).expect("the settings are right")
}

#[tokio::test]
async fn a_call_speaks_on_a_connection_that_waited_for_it() {
    let vendor = SpeechVendor::cartesia(SpeakScript::new()).await;
    let tts = WarmTts::new(voice_of(&vendor), Warmth::default());
    tts.prepare(TtsOptions::new(FORMAT));
    vendor.until_connections(1).await;
    vendor.refuse(Some(Refusal::status(503)));
    let mut voice = Voice::open(&tts).await;
    voice.say(ONE, "Hello there.");
    voice.finish(ONE);
    assert!(voice.until_audio().await > 0, "no other connection can be had");
    assert_eq!(vendor.accepted(), 1);
    drop((voice, tts));
    vendor.until_connections(0).await;
}

#[tokio::test]
async fn a_spare_takes_the_place_of_the_one_that_was_taken() {
    let vendor = SpeechVendor::cartesia(SpeakScript::new()).await;
    let tts = WarmTts::new(voice_of(&vendor), Warmth::default());
    let first = Voice::open(&tts).await;
    vendor.until_connections(2).await;
    let second = Voice::open(&tts).await;
    vendor.until_connections(3).await;
    drop((first, second));
    vendor.until_connections(1).await;
    assert_eq!(vendor.accepted(), 3);
}

#[tokio::test]
async fn a_call_is_heard_on_a_connection_that_waited_for_it() {
    let vendor = SpeechVendor::listen(ListenScript::utterances([UTTERANCE])).await;
    let stt = WarmStt::new(ears_of(&vendor), Warmth::default());
    stt.prepare(SttOptions::new(FORMAT));
    vendor.until_connections(1).await;
    vendor.refuse(Some(Refusal::status(503)));
    let mut caller = Caller::dial_in(&stt, FORMAT).await;
    caller.say();
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCE);
    assert_eq!(vendor.accepted(), 1);
}

/// Somebody on a line to a chain whose first recognizer was prepared, and can be connected to no more.
async fn call_to_a_chain(first: &SpeechVendor, second: &SpeechVendor) -> Caller {
    let warm = WarmStt::new(ears_of(first), Warmth::default());
    warm.prepare(SttOptions::new(FORMAT));
    first.until_connections(1).await;
    first.refuse(Some(Refusal::status(503)));
    let chain = FallbackStt::new(Arc::new(warm), vec![ears_of(second)]);
    Caller::dial_in(&chain, FORMAT).await
}

#[tokio::test]
async fn a_call_to_a_chain_is_heard_on_a_connection_that_waited_for_it() {
    let listen = || SpeechVendor::listen(ListenScript::utterances([UTTERANCE]));
    let (first, second) = (listen().await, listen().await);
    let mut caller = call_to_a_chain(&first, &second).await;
    caller.say();
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, UTTERANCE);
    assert_eq!((first.accepted(), second.accepted()), (1, 0));
}

#[tokio::test]
async fn a_connection_that_waited_leaves_half_an_utterance_to_the_next_recognizer() {
    let listen = || SpeechVendor::listen(ListenScript::utterances([UTTERANCE]));
    let (first, second) = (listen().await, listen().await);
    let mut caller = call_to_a_chain(&first, &second).await;
    caller.say_for(Duration::from_millis(600));
    caller.until_interim().await;
    first.drop_connections();
    second.until_connections(1).await;
    caller.say();
    caller.pause();
    let whole = caller.until_final().await.text;
    assert_eq!(&*whole, UTTERANCE, "it is one final, of one recognizer");
}

#[tokio::test]
async fn any_model_can_open_its_connection_ahead() {
    let vendor = ChatVendor::replying(Dialect::OpenAi, [Reply::tokens(["Hello."])]).await;
    let settings = json!({ "provider": "openai", "api_key": "k", "base_url": vendor.url() });
    let llm = registry().llm.build(settings).expect("the settings are right");
    llm.warm().await.expect("the vendor is there");
    assert_eq!((vendor.accepted(), vendor.requests().len()), (1, 0));
    let request = LlmRequest::new("Be brief.", vec![Message::User { text: "Hi".into() }]);
    let mut answer = llm.generate(request).await.expect("the vendor answers");
    let first = answer.next().await.expect("there is an answer").expect("nothing fails");
    assert!(matches!(first, LlmEvent::Connected { reused: true, .. }), "{first:?}");
    assert_eq!(vendor.accepted(), 1);
}
