//! Chains over sockets: a first vendor that fails in the middle of its work, and a second one that
//! takes over. Cuts at every byte are in `fallback.rs`, waiting times in the core's tests of time.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use voiceagent_core::{
    ErrorKind, Secret,
    adapt::{FallbackLlm, FallbackStt, FallbackTts, LlmFailover, TtsFailover},
    audio::AudioFormat,
    llm::{FinishReason, LanguageModel, LlmEvent, LlmRequest, Message},
    registry::Registry,
    stt::{SpeechToText, SttEvent, SttOptions},
    tts::TextToSpeech,
};
use voiceagent_providers::deepgram::{
    DeepgramStt, DeepgramSttConfig, DeepgramTts, DeepgramTtsConfig,
};
use voiceagent_testkit::vendor::{
    ListenScript, Record, Refusal, ScriptedVendor, SpeakScript, SpeechVendor, TurnScript,
    chat::{ChatVendor, Dialect, Reply},
};

use crate::{
    caller::{Caller, FORMAT},
    voice::{ONE, Voice},
};

const SECOND: Duration = Duration::from_secs(1);
const UTTERANCE: &str = "I need an oil change.";
const REPLY: &str = "Yes, we are open on Saturday from nine to twelve.";

/// What becomes of the first vendor.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is lost, and cannot be reached again.
    Dropped,
    /// It is lost, and says to come back in a minute.
    Limited,
    /// It says nothing more, and answers nobody.
    Stalled,
}

fn strike(vendor: &SpeechVendor, fault: Fault) {
    match fault {
        Fault::Dropped => vendor.refuse(Some(Refusal::status(503))),
        Fault::Limited => {
            vendor.refuse(Some(Refusal::status(429).retry_after(60 * SECOND)));
        }
        Fault::Stalled => {
            vendor.ignore_handshakes(true);
            return vendor.stall();
        }
    }
    vendor.drop_connections();
}

/// What is understood by a chain whose first recognizer fails within the utterance.
async fn understood_despite(fault: Fault) {
    let script = || ListenScript::utterances([UTTERANCE]);
    let (first, second) =
        (SpeechVendor::listen(script()).await, SpeechVendor::listen(script()).await);
    let ears = |vendor: &SpeechVendor| {
        let mut config = DeepgramSttConfig::new(Secret::new(SpeechVendor::KEY));
        config.base_url = vendor.url();
        config.connect_timeout = SECOND;
        config.stall_timeout = SECOND;
        Arc::new(DeepgramStt::new(config).expect("the settings are right")) as Arc<dyn SpeechToText>
    };
    let chain = FallbackStt::new(ears(&first), vec![ears(&second)]);
    let mut caller = Caller::dial(&chain).await;
    caller.say_for(SECOND / 2);
    caller.until_interim().await;
    strike(&first, fault);
    caller.say_for(SECOND / 2);
    caller.pause();
    let said = caller.until_final().await;
    assert_eq!(&*said.text, UTTERANCE, "{fault:?}: all of it, and once");
    assert_eq!((first.accepted(), second.accepted()), (1, 1), "{fault:?}");
}

#[tokio::test]
async fn rc1_a_recognizer_that_is_dropped_in_an_utterance_costs_no_words() {
    understood_despite(Fault::Dropped).await;
}

#[tokio::test]
async fn rc3_a_recognizer_that_stalls_in_an_utterance_costs_no_words() {
    understood_despite(Fault::Stalled).await;
}

#[tokio::test]
async fn rc8_a_recognizer_that_is_rate_limited_in_an_utterance_costs_no_words() {
    understood_despite(Fault::Limited).await;
}

#[tokio::test]
async fn rc8_a_recognizer_that_asks_for_more_than_a_caller_waits_says_so_at_once() {
    let vendor = SpeechVendor::listen(ListenScript::utterances([UTTERANCE])).await;
    let mut config = DeepgramSttConfig::new(Secret::new(SpeechVendor::KEY));
    config.base_url = vendor.url();
    let stt = DeepgramStt::new(config).expect("the settings are right");
    let mut link = stt.open(SttOptions::new(AudioFormat::PCM_16K)).await.expect("it opens");
    strike(&vendor, Fault::Limited);
    let ended = link.recv().await.expect("the link says why it ends").expect_err("it ends");
    assert_eq!((ended.kind(), ended.provider()), (ErrorKind::RateLimited, Some("deepgram")));
    assert_eq!(ended.retry_after(), Some(60 * SECOND));
    assert!(link.recv().await.is_none());
}

/// The audio of a connection, which one vendor takes as text.
fn audio_bytes(record: &Record) -> usize {
    let texts = record.texts.iter().filter_map(|text| {
        let message: Value = serde_json::from_str(text).ok()?;
        let encoded = message["audio_base_64"].as_str()?;
        Some(encoded.trim_end_matches('=').len() * 3 / 4)
    });
    record.audio_bytes + texts.sum::<usize>()
}

/// Waits until a connection of a vendor has so many bytes of audio.
async fn until_heard(provider: &str, vendor: &SpeechVendor, bytes: usize) {
    let all = |records: &[Record]| records.iter().any(|it| audio_bytes(it) >= bytes);
    let heard = timeout(10 * SECOND, vendor.until(all)).await;
    let got = || vendor.records().iter().map(audio_bytes).collect::<Vec<_>>();
    heard.unwrap_or_else(|_| panic!("{provider}: {:?} of {bytes} bytes were heard", got()));
}

/// What a chain says, from its first interim on, whose first recognizer is lost within the
/// utterance, or between a request to finalize and its answer. All settings are the defaults.
async fn understood_by_second(provider: &str, vendors: [SpeechVendor; 2], finalize: bool) {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let ears = |vendor: &SpeechVendor| {
        let settings =
            json!({ "provider": provider, "api_key": SpeechVendor::KEY, "base_url": vendor.url() });
        registry.stt.build(settings).expect("the settings are right")
    };
    let [first, second] = &vendors;
    let chain = FallbackStt::new(ears(first), vec![ears(second)]);
    let mut caller = Caller::dial(&chain).await;
    let spoken = SECOND * 3 / 5;
    caller.say_for(spoken);
    caller.until_interim().await;
    first.stall();
    caller.say_for(spoken);
    if finalize {
        caller.finalize();
    }
    let sent = 2 * FORMAT.bytes_in(spoken);
    until_heard(provider, first, sent).await;
    strike(first, Fault::Limited);
    let event = caller
        .until(|event| match event {
            SttEvent::Transcript(it) => it.is_final,
            SttEvent::EndOfTurn | SttEvent::FailedOver(_) => true,
            _ => false,
        })
        .await;
    assert!(matches!(event, SttEvent::FailedOver(_)), "{provider}: {event:?} of half an utterance");
    until_heard(provider, second, sent).await;
}

#[cfg(all(feature = "assemblyai", feature = "elevenlabs", feature = "soniox"))]
#[tokio::test]
async fn rc1_no_recognizer_that_is_given_up_covers_what_it_did_not_finish() {
    for finalize in [false, true] {
        let turns = || TurnScript::utterances([UTTERANCE]);
        let listen = || SpeechVendor::listen(ListenScript::utterances([UTTERANCE]));
        understood_by_second("deepgram", [listen().await, listen().await], finalize).await;
        let flux = || SpeechVendor::flux(turns());
        understood_by_second("deepgram-flux", [flux().await, flux().await], finalize).await;
        let soniox = || SpeechVendor::soniox(turns());
        understood_by_second("soniox", [soniox().await, soniox().await], finalize).await;
        let scribe = || SpeechVendor::scribe(turns());
        understood_by_second("elevenlabs", [scribe().await, scribe().await], finalize).await;
        let assemblyai = || SpeechVendor::assemblyai(turns());
        understood_by_second("assemblyai", [assemblyai().await, assemblyai().await], finalize)
            .await;
    }
}

/// All that a chain says whose first model answers so.
async fn answered_despite(reply: Reply) {
    let first = ChatVendor::replying(Dialect::OpenAi, [reply]).await;
    let second = ChatVendor::start(Dialect::OpenAi, |request| {
        // It is shown what was said, and goes on.
        let said = request.messages.iter().rev().find(|message| message.role == "assistant");
        let said = said.map_or("", |message| message.content.as_str());
        Reply::text(REPLY.strip_prefix(said).unwrap_or(REPLY).trim_start())
    })
    .await;
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let model = |vendor: &ChatVendor| {
        let settings = json!({ "provider": "openai", "api_key": "k", "base_url": vendor.url() });
        registry.llm.build(settings).expect("the settings are right")
    };
    let mut settings = LlmFailover::default();
    (settings.first_token, settings.stall) = (SECOND, SECOND);
    let chain = FallbackLlm::with_settings(model(&first), vec![model(&second)], settings);
    let asked = Message::User { text: "Are you open on Saturday?".into() };
    let answer = chain.generate(LlmRequest::new("Be brief.", vec![asked])).await;
    let answer = answer.expect("somebody answers");
    let (mut text, mut ends) = (String::new(), Vec::new());
    answer
        .for_each(|event| {
            match event.expect("nothing fails") {
                LlmEvent::Text(more) => text.push_str(&more),
                LlmEvent::Finished(reason) => ends.push(reason),
                _ => {}
            }
            std::future::ready(())
        })
        .await;
    assert_eq!(text, REPLY);
    assert_eq!(ends, [FinishReason::Stop]);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
}

fn words() -> Vec<&'static str> {
    REPLY.split_inclusive(' ').collect()
}

#[tokio::test]
async fn rd6_a_reply_that_is_dropped_in_mid_sentence_is_completed() {
    answered_despite(Reply::tokens(words()).drop_after(4)).await;
}

#[tokio::test]
async fn rd5_a_reply_that_stalls_in_mid_sentence_is_completed() {
    answered_despite(Reply::tokens(words()).stall_after(4)).await;
}

#[tokio::test]
async fn rd3_a_model_that_says_nothing_is_replaced() {
    answered_despite(Reply::silence()).await;
}

#[tokio::test]
async fn rd1_a_model_that_is_rate_limited_is_replaced() {
    let body = json!({ "error": { "code": "rate_limit_exceeded" } }).to_string();
    answered_despite(Reply::refuse(429, body).retry_after("60")).await;
}

/// What is heard of a chain whose first voice fails within the sentence.
async fn heard_despite(fault: Fault) {
    // Slowly enough, so that audio is still to come.
    let script = || SpeakScript::new().speed(4);
    let (first, second) =
        (SpeechVendor::speak(script()).await, SpeechVendor::speak(script()).await);
    let voice = |vendor: &SpeechVendor| {
        let mut config = DeepgramTtsConfig::new(Secret::new(SpeechVendor::KEY));
        config.base_url = vendor.url();
        config.connect_timeout = SECOND;
        Arc::new(DeepgramTts::new(config).expect("the settings are right")) as Arc<dyn TextToSpeech>
    };
    let mut settings = TtsFailover::default();
    settings.stall = SECOND;
    let chain = FallbackTts::with_settings(voice(&first), vec![voice(&second)], settings);
    let mut speaker = Voice::open(&chain).await;
    speaker.say(ONE, REPLY);
    speaker.finish(ONE);
    let begun = speaker.until_audio().await;
    strike(&first, fault);
    let rest = speaker.until_finished(ONE).await;
    let whole = second.audio(crate::voice::FORMAT, REPLY).len();
    let heard = begun + rest.audio.len();
    assert!(heard >= whole, "{fault:?}: {heard} of {whole} bytes were heard");
    assert!(heard < 2 * whole, "{fault:?}: it was not said anew: {heard} of {whole}");
    assert_eq!((first.accepted(), second.accepted()), (1, 1), "{fault:?}");
}

#[tokio::test]
async fn re3_a_voice_that_is_dropped_in_mid_sentence_is_continued() {
    heard_despite(Fault::Dropped).await;
}

#[tokio::test]
async fn re2_a_voice_that_stalls_in_mid_sentence_is_continued() {
    heard_despite(Fault::Stalled).await;
}

#[tokio::test]
async fn re3_a_voice_that_is_rate_limited_in_mid_sentence_is_continued() {
    heard_despite(Fault::Limited).await;
}
