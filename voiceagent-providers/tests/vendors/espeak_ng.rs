//! The program espeak-ng, where it is installed. What needs it says so loudly where it is not.

use std::process::{Command, Stdio};

use serde_json::json;
use voiceagent_core::{
    ErrorKind,
    audio::AudioFormat,
    registry::Registry,
    tts::{TextToSpeech, TtsOptions},
};
use voiceagent_providers::espeak_ng::{EspeakNgConfig, EspeakNgTts};
use voiceagent_testkit::conformance;

use crate::voice::{ONE, TWO, Voice};

fn espeak(change: impl Fn(&mut EspeakNgConfig)) -> EspeakNgTts {
    let mut config = EspeakNgConfig::default();
    change(&mut config);
    EspeakNgTts::new(config).expect("the settings are right")
}

fn format() -> AudioFormat {
    espeak(|_| {}).capabilities().formats[0]
}

/// Whether the program is there.
fn is_installed() -> bool {
    let asked = Command::new("espeak-ng").arg("--version").stdout(Stdio::null()).status();
    let installed = asked.is_ok_and(|status| status.success());
    if !installed {
        eprintln!("SKIPPED: espeak-ng is not installed, so that its voice is not tested here");
    }
    installed
}

async fn open() -> Voice {
    Voice::open_in(&espeak(|_| {}), format()).await
}

/// How long some audio lasts, in milliseconds.
fn length(audio: &[u8]) -> u128 {
    format().duration_of(format().samples(audio.len())).as_millis()
}

#[tokio::test]
async fn espeak_ng_passes_the_suite() {
    let tts = espeak(|_| {});
    if is_installed() {
        conformance::tts_local("espeak-ng", &tts).await.assert();
        return;
    }
    let mut report = conformance::Report::new("voice", "espeak-ng");
    report.claim(&tts.capabilities());
    report.skip("the program is not installed");
    report.assert();
}

#[tokio::test]
async fn texts_are_spoken_in_order_and_reported() {
    if !is_installed() {
        return;
    }
    let mut voice = open().await;
    voice.say(ONE, "Good morning. ");
    voice.say(ONE, "…");
    voice.finish(ONE);
    voice.say(TWO, "Grüß Gott, and welcome to the workshop.");
    voice.finish(TWO);
    let first = voice.until_finished(ONE).await;
    let second = voice.until_finished(TWO).await;
    assert_eq!((first.spoken.iter().sum::<u32>(), second.spoken.iter().sum::<u32>()), (2, 1));
    assert!((400..3_000).contains(&length(&first.audio)), "{} ms", length(&first.audio));
    assert!(length(&second.audio) > length(&first.audio));
    let loudest = first.audio.chunks_exact(2).map(|it| i16::from_le_bytes([it[0], it[1]]));
    assert!(loudest.map(i16::unsigned_abs).max() > Some(2_000), "it is heard");
}

#[tokio::test]
async fn a_faster_voice_takes_less_time() {
    if !is_installed() {
        return;
    }
    let mut lengths = Vec::new();
    for words_per_minute in [100, 300] {
        let tts = espeak(|config| config.words_per_minute = Some(words_per_minute));
        let mut voice = Voice::open_in(&tts, format()).await;
        voice.say(ONE, "One moment, please, while I have a look.");
        voice.finish(ONE);
        lengths.push(length(&voice.until_finished(ONE).await.audio));
    }
    assert!(lengths[0] > lengths[1] * 3 / 2, "{lengths:?}");
}

#[tokio::test]
async fn i8_nothing_of_a_cancelled_generation_is_heard_in_the_next() {
    if !is_installed() {
        return;
    }
    let mut voice = open().await;
    voice.say(ONE, &"This takes a while, and nobody listens to it any more. ".repeat(60));
    voice.until_audio().await;
    voice.cancel(ONE);
    voice.say(TWO, "Sorry.");
    voice.finish(TWO);
    let audio = voice.until_finished_after_others(TWO).await;
    assert!(length(&audio) < 3_000, "{} ms", length(&audio));
}

#[tokio::test]
async fn an_unknown_voice_is_refused_by_its_program() {
    if !is_installed() {
        return;
    }
    let tts = espeak(|config| config.voice = Some("xx-yy".into()));
    let error = tts.open(TtsOptions::new(format())).await.expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("voice"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_missing_says_how_to_install_it() {
    let tts = espeak(|config| config.program = "/nowhere/espeak-ng".into());
    let error = tts.open(TtsOptions::new(format())).await.expect_err("it is not there");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("apt install espeak-ng"), "{error}");
    let other = tts.open(TtsOptions::new(AudioFormat::MULAW_8K)).await.expect_err("no such format");
    assert_eq!(other.kind(), ErrorKind::Unsupported);
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let mut registry = Registry::default();
    voiceagent_providers::register(&mut registry);
    let right = json!({ "provider": "espeak-ng" });
    assert_eq!(registry.tts.build(right.clone()).unwrap().name(), "espeak-ng");
    for (field, value) in [
        ("colour", json!("red")),
        ("pitch", json!(100)),
        ("program", json!("")),
        ("stall_timeout", json!(0)),
        ("start_timeout", json!(0)),
        ("voice", json!("-w/etc/passwd")),
        ("words_per_minute", json!(20)),
    ] {
        let mut config = right.clone();
        config[field] = value;
        let error = registry.tts.build(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
    }
}
