//! A sound behind the agent, through the real driver, in virtual time.

use std::sync::Arc;

use voiceagent_core::{
    Agent, Event,
    audio::{Background, Clip, Decibels},
    transport::Outbound,
};
use voiceagent_testkit::fakes::{Answer, FakeLine, FakeLlm, FakeStt, FakeTts, FakeVad};

use crate::rig::{LONG, MULAW, ms};

fn hum() -> Background {
    let clip: Vec<u8> = (0..4_000).map(|at| if at / 40 % 2 == 0 { 0x90 } else { 0x10 }).collect();
    Background::new(Clip::new(MULAW, &clip).expect("mu-law can be decoded"))
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i17_the_background_goes_on_without_a_gap_when_the_agent_is_cut_off() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let llm = FakeLlm::answers([Answer::text(LONG), Answer::text("Very well.")]);
    let agent = Agent::builder()
        .llm(Arc::new(llm))
        .stt(Arc::new(FakeStt::new(caller.words())))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
        .background(hum())
        .build()
        .unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("tell me everything", ms(1_000)).await;
    caller.silence(ms(3_000)).await;
    caller.speak("wait a moment", ms(900)).await;
    caller.silence(ms(5_000)).await;
    let spans = caller.heard_spans();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert!(spans[0].0 < ms(10) && spans[0].1 > ms(9_890), "{spans:?}");
    assert_eq!(caller.heard_audio().len() / 8, (spans[0].1 - spans[0].0).as_millis() as usize);
    let cleared = caller.received().iter().any(|(_, sent)| matches!(sent, Outbound::Clear));
    caller.hang_up().await;
    let (mut cut, mut spoke) = (0, 0);
    while let Some((_, event)) = call.next_event().await {
        cut += u32::from(matches!(event, Event::Interrupted { .. }));
        spoke += u32::from(matches!(event, Event::AgentStopped { interrupted: false, .. }));
    }
    assert!(cleared && cut == 1 && spoke == 1, "{cut}, {spoke}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn i17_the_agent_is_understood_over_a_soft_background_and_marks_tell_what_was_heard() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let agent = Agent::builder()
        .llm(Arc::new(FakeLlm::new(|_| Answer::text("Hello there."))))
        .stt(Arc::new(FakeStt::new(caller.words())))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
        .background(hum().with_gain(Decibels(-110.0)))
        .build()
        .unwrap();
    let mut call = agent.start(Box::new(line)).await.unwrap();
    caller.speak("hello", ms(500)).await;
    caller.hears("Hello there.", ms(5_000)).await;
    caller.silence(ms(500)).await;
    caller.hang_up().await;
    let mut heard = None;
    while let Some((_, event)) = call.next_event().await {
        if let Event::AgentStopped { pii_heard, interrupted: false, .. } = event {
            heard = Some(pii_heard);
        }
    }
    assert_eq!(heard.as_deref(), Some("Hello there."));
}

#[test]
fn a_background_that_makes_no_sense_is_refused() {
    let build = |background| {
        let llm = Arc::new(FakeLlm::new(|_| Answer::default()));
        Agent::builder().llm(llm).background(background).build()
    };
    assert!(build(hum()).is_ok());
    for background in [
        hum().with_gain(Decibels(f32::NAN)),
        hum().with_duck(Decibels(3.0)),
        Background::new(Clip::new(MULAW, &[]).unwrap()),
    ] {
        assert!(build(background).is_err());
    }
}
