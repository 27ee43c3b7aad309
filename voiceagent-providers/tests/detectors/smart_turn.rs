//! Smart Turn with a tiny model of the same inputs and outputs, which `smart_turn/make.py` makes.

use std::{env, f64::consts::TAU, fs, path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};
use voiceagent_core::{
    Error, ErrorKind, TurnId,
    audio::{AudioFormat, AudioFrame, MediaTime, g711::Law},
    turn::{TurnDetector, TurnSnapshot},
};
use voiceagent_testkit::conformance;

use super::registry;

fn tiny() -> Arc<dyn TurnDetector> {
    let config = json!({ "provider": "smart-turn", "model": path("tiny.onnx") });
    registry().turn.build(config).expect("the tiny model loads")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/detectors/smart_turn").join(name)
}

/// `make.py`'s sound at 16 kHz.
fn samples(count: usize) -> Vec<f64> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state) / f64::from(1_u32 << 31) - 1.0) * 0.01
    };
    let hum = |time: f64| (TAU * (200.0 + 100.0 * time) * time).sin() * (time / 4.0).min(1.0) * 0.3;
    (0..count).map(|at| hum(at as f64 / 16_000.0) + noise()).collect()
}

/// The samples in frames of 20 ms.
fn frames(format: AudioFormat, samples: &[f64]) -> Vec<AudioFrame> {
    let to_i16 = |sample: &f64| (sample * 32_768.0).round() as i16;
    let payload = |samples: &[f64]| -> Vec<u8> {
        if format == AudioFormat::MULAW_8K {
            samples.iter().map(|sample| Law::Mulaw.encode(to_i16(sample))).collect()
        } else {
            samples.iter().flat_map(|sample| to_i16(sample).to_le_bytes()).collect()
        }
    };
    let length = format.samples_in(Duration::from_millis(20));
    let frames = samples.chunks(length as usize).zip(0..);
    frames
        .map(|(samples, number)| {
            AudioFrame::new(format, MediaTime(number * length), payload(samples).into())
        })
        .collect()
}

async fn end_of_turn(frames: Vec<AudioFrame>) -> f64 {
    let mut turn = TurnSnapshot::new(TurnId::new(1), "");
    turn.audio = frames.into();
    f64::from(tiny().score(turn).await.expect("it scores any turn").end_of_turn)
}

#[tokio::test]
async fn smart_turn_passes() {
    conformance::turn("smart-turn", &*tiny(), Duration::from_secs(60)).await.assert();
}

#[tokio::test]
async fn a_prediction_is_that_of_another_runtime_from_other_features() {
    let expected: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(path("expected.json")).unwrap()).unwrap();
    for case in expected {
        let samples = samples(case["samples"].as_u64().unwrap() as usize);
        let heard = end_of_turn(frames(AudioFormat::PCM_16K, &samples)).await;
        let expected = case["probability"].as_f64().unwrap();
        assert!((heard - expected).abs() < 2e-3, "{heard} is not {expected}");
    }
}

#[tokio::test]
async fn a_line_that_sends_nothing_while_nobody_speaks_is_heard_as_one_that_sends_silence() {
    let tone = |at: u32| (f64::from(at) * 0.3).sin() * 0.3;
    let mut samples: Vec<f64> = (0..16_000).map(tone).collect();
    samples.extend([0.0; 16_000]);
    samples.extend((0..8_000).map(tone));
    let all = frames(AudioFormat::MULAW_8K, &samples);
    let is_silent = |frame: &AudioFrame| frame.payload.iter().all(|byte| *byte == 0xFF);
    let some: Vec<_> = all.iter().filter(|frame| !is_silent(frame)).cloned().collect();
    assert_eq!((all.len(), some.len()), (250, 150));
    let (all, some) = (end_of_turn(all).await, end_of_turn(some).await);
    assert!((all - some).abs() < 1e-4, "{all} and {some}");
}

#[test]
fn what_is_no_such_model_is_refused_with_its_path() {
    let refused = |config: Value| -> Error { registry().turn.build(config).unwrap_err() };
    let other = path("expected.json");
    let wrong = refused(json!({ "provider": "smart-turn", "model": other }));
    assert_eq!(wrong.kind(), ErrorKind::Config);
    assert!(wrong.message().contains("expected.json"), "{wrong}");
    let missing = refused(json!({ "provider": "smart-turn", "model": "nowhere.onnx" }));
    assert_eq!(missing.kind(), ErrorKind::Config);
    let idle = json!({ "provider": "smart-turn", "model": path("tiny.onnx"), "threads": 0 });
    assert_eq!(refused(idle).kind(), ErrorKind::Config);
}
