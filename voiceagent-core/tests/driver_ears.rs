//! The way of the caller's audio to the recognizer, in virtual time.

use std::{sync::Arc, time::Duration};

use voiceagent_core::{Agent, AgentBuilder, audio::AudioFormat, llm::LanguageModel, stt::SttInput};
use voiceagent_testkit::fakes::{
    Answer, Caller, FakeLine, FakeLlm, FakeStt, FakeTts, FakeVad, Recording,
};

const MULAW: AudioFormat = AudioFormat::MULAW_8K;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn builder(caller: &Caller) -> (AgentBuilder, Recording<SttInput>) {
    let llm: Arc<dyn LanguageModel> = Arc::new(FakeLlm::answers([Answer::text("Good.")]));
    let stt = FakeStt::new(caller.words());
    let inputs = stt.inputs();
    let builder = Agent::builder().llm(llm).stt(Arc::new(stt)).tts(Arc::new(FakeTts::new()));
    (builder, inputs)
}

/// Frames of audio that the recognizer has got.
fn frames(inputs: &Recording<SttInput>) -> usize {
    inputs.all().iter().filter(|input| matches!(input, SttInput::Audio(_))).count()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_line_reaches_the_recognizer_in_bundles_of_80_ms_and_whole() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let (builder, inputs) = builder(&caller);
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(2_000)).await;
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.push(frames(&inputs));
        caller.silence(ms(20)).await;
    }
    seen.dedup();
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 4), "{seen:?}");
    caller.speak("hello", ms(400)).await;
    let audio = inputs.all().into_iter().filter_map(|input| match input {
        SttInput::Audio(frame) => Some((frame.at.0, frame.samples())),
        _ => None,
    });
    let ends: Vec<_> = audio.collect();
    assert!(ends.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0), "nothing is left out");
}

#[tokio::test(start_paused = true)]
async fn speech_reaches_the_recognizer_frame_by_frame() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let (builder, inputs) = builder(&caller);
    let agent = builder.vad(Arc::new(FakeVad::default())).build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(2_000)).await;
    caller.speak("hello there my friend", ms(200)).await;
    let begun = frames(&inputs);
    caller.speak("how are you", ms(20)).await;
    assert_eq!(frames(&inputs), begun + 1);
    assert!(begun >= 110, "what was held back left with the beginning of speech: {begun}");
}

#[tokio::test(start_paused = true)]
async fn without_a_detector_nothing_is_held_back() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let (builder, inputs) = builder(&caller);
    let agent = builder.without_vad().build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(2_000)).await;
    let before = frames(&inputs);
    caller.silence(ms(20)).await;
    assert_eq!(frames(&inputs), before + 1);
}
