//! Vendors over a network that misbehaves.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::timeout;
use voiceagent_core::{
    ErrorKind, GenerationId, Secret,
    llm::{LanguageModel as _, LlmEvent, LlmRequest, Message},
    tts::{TextToSpeech as _, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_providers::{
    deepgram::{DeepgramStt, DeepgramSttConfig, DeepgramTts, DeepgramTtsConfig},
    openai::{OpenAiLlm, OpenAiLlmConfig},
};
use voiceagent_testkit::{
    chaos::{ChaosProxy, Weather},
    vendor::{
        ListenScript, ScriptedVendor, SpeakScript, SpeechVendor,
        chat::{ChatVendor, Dialect, Reply},
    },
};

use crate::caller::{Caller, FORMAT};

const SOON: Duration = Duration::from_secs(30);
const ANSWER: &str = "There is one at nine, and there is one at ten.";

/// A bad network that loses nothing. The scripted vendors' library takes a handshake in smaller
/// pieces for an attack.
fn bad() -> Weather {
    Weather::fair().delay(Duration::from_millis(20)).pieces(48)
}

async fn ears() -> (SpeechVendor, ChaosProxy, DeepgramStt) {
    let vendor = SpeechVendor::listen(ListenScript::utterances(["one two", "three four"])).await;
    let (proxy, url) = ChaosProxy::before(&vendor.url()).await.expect("loopback has a free port");
    let mut config = DeepgramSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = url;
    (vendor, proxy, DeepgramStt::new(config).expect("the settings are right"))
}

async fn mind(reply: Reply) -> (ChatVendor, ChaosProxy, OpenAiLlm) {
    let vendor = ChatVendor::replying(Dialect::OpenAi, [reply]).await;
    let (proxy, url) = ChaosProxy::before(vendor.url()).await.expect("loopback has a free port");
    let mut config = OpenAiLlmConfig::default();
    config.api_key = Some(Secret::new("sk-12345"));
    config.base_url = Some(url.into());
    (vendor, proxy, OpenAiLlm::new(config).expect("the settings are right"))
}

fn question() -> LlmRequest {
    LlmRequest::new("Be brief.", vec![Message::User { text: "When?".into() }])
}

#[tokio::test]
async fn a_recognizer_hears_the_same_over_a_network_that_delays_and_cuts_into_pieces() {
    let (_vendor, proxy, stt) = ears().await;
    proxy.set(bad());
    let mut caller = Caller::dial(&stt).await;
    for expected in ["one two", "three four"] {
        caller.say();
        caller.pause();
        assert_eq!(&*caller.until_final().await.text, expected);
    }
}

#[tokio::test]
async fn rc1_a_connection_that_the_network_resets_in_mid_utterance_costs_no_words() {
    let (vendor, proxy, stt) = ears().await;
    let mut caller = Caller::dial(&stt).await;
    caller.say_for(Duration::from_millis(500));
    caller.until_interim().await;
    proxy.cut();
    caller.say_for(Duration::from_millis(500));
    caller.pause();
    assert_eq!(&*caller.until_final().await.text, "one two");
    assert_eq!((vendor.accepted(), proxy.accepted()), (2, 2));
}

#[tokio::test]
async fn rd13_an_answer_is_the_same_over_a_network_that_cuts_it_into_single_bytes() {
    let (_vendor, proxy, llm) = mind(Reply::text(ANSWER)).await;
    proxy.set(Weather::fair().pieces(1));
    let stream = llm.generate(question()).await.expect("the vendor answers");
    let events: Vec<_> = timeout(SOON, stream.collect()).await.expect("it ends");
    let text: String = events
        .into_iter()
        .filter_map(|event| match event.expect("nothing fails") {
            LlmEvent::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(text, ANSWER);
}

#[tokio::test]
async fn rd6_an_answer_that_the_network_resets_keeps_its_words_and_ends_with_an_error() {
    let (_vendor, proxy, llm) = mind(Reply::text(ANSWER).stall_after(3)).await;
    let mut stream = llm.generate(question()).await.expect("the vendor answers");
    let mut text = String::new();
    let error = timeout(SOON, async {
        loop {
            match stream.next().await.expect("an error ends it") {
                Ok(LlmEvent::Text(more)) => {
                    text += &more;
                    proxy.cut();
                }
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    });
    assert_eq!(error.await.expect("it is noticed").kind(), ErrorKind::Disconnected);
    assert!(!text.is_empty() && ANSWER.starts_with(&text), "{text}");
}

#[tokio::test]
async fn rd5_an_answer_that_the_network_swallows_is_given_up_at_its_deadline() {
    let (_vendor, proxy, llm) = mind(Reply::text(ANSWER).stall_after(1)).await;
    let mut stream = llm.generate(question()).await.expect("the vendor answers");
    while !matches!(stream.next().await, Some(Ok(LlmEvent::Text(_)))) {}
    proxy.set(Weather::fair().swallowed());
    // Nothing arrives any more, so that time passes only by deadlines.
    tokio::time::pause();
    let error = timeout(SOON, async {
        loop {
            if let Err(error) = stream.next().await.expect("an error ends it") {
                return error;
            }
        }
    });
    assert_eq!(error.await.expect("it is noticed").kind(), ErrorKind::Stalled);
}

#[tokio::test]
async fn a_voice_sounds_the_same_over_a_network_that_delays_and_cuts_into_pieces() {
    let vendor = SpeechVendor::speak(SpeakScript::new()).await;
    let (proxy, url) = ChaosProxy::before(&vendor.url()).await.expect("loopback has a free port");
    let mut sounds = Vec::new();
    for (url, weather) in [(vendor.url(), Weather::fair()), (url, bad())] {
        proxy.set(weather);
        let mut config = DeepgramTtsConfig::new(Secret::new(SpeechVendor::KEY));
        config.base_url = url;
        let tts = DeepgramTts::new(config).expect("the settings are right");
        let mut link = tts.open(TtsOptions::new(FORMAT)).await.expect("the vendor is there");
        let generation = GenerationId::new(1);
        for input in [
            TtsInput::Text { generation, text: "Good day.".into() },
            TtsInput::Finish { generation },
        ] {
            link.try_send(input).expect("the link has room");
        }
        let mut sound = Vec::new();
        loop {
            let event = timeout(SOON, link.recv()).await.expect("it goes on");
            match event.expect("it goes on").expect("nothing fails") {
                TtsEvent::Audio { payload, .. } => sound.extend_from_slice(&payload),
                TtsEvent::Finished { .. } => break,
                _ => {}
            }
        }
        sounds.push(sound);
    }
    assert!(!sounds[0].is_empty() && sounds[0] == sounds[1], "the voice was changed");
    assert_eq!(proxy.accepted(), 1);
}
