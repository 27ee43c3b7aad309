//! Recordings of calls through the real driver, in virtual time.

use std::{fs, path::PathBuf, sync::Arc};

use voiceagent_core::{
    Agent, AgentBuilder, Call, Event,
    session::{EndReason, Leg},
};
use voiceagent_testkit::fakes::{Answer, Caller, FakeLine, FakeLlm, FakeStt, FakeTts, FakeVad};

use crate::rig::{LONG, MULAW, ms};

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("there is room for a test");
    folder
}

fn builder(caller: &Caller) -> AgentBuilder {
    let llm = FakeLlm::answers([Answer::text(LONG), Answer::text("Very well.")]);
    Agent::builder()
        .llm(Arc::new(llm))
        .stt(Arc::new(FakeStt::new(caller.words())))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
}

async fn events(mut call: Call) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((_, event)) = call.next_event().await {
        events.push(event);
    }
    events
}

/// When the sides of a recording sound, without pauses below 50 ms, and its length.
fn spans(file: &[u8], side: usize) -> (Vec<(i64, i64)>, i64) {
    let mut spans = Vec::<(i64, i64)>::new();
    let moments = file[80..].chunks_exact(4);
    let length = moments.len() as i64 / 8;
    for (at, moment) in moments.enumerate() {
        let sample = i16::from_le_bytes([moment[side * 2], moment[side * 2 + 1]]);
        if sample.unsigned_abs() > 100 {
            let at = at as i64 / 8;
            match spans.last_mut().filter(|span| span.1 + 50 > at) {
                Some(span) => span.1 = at,
                None => spans.push((at, at)),
            }
        }
    }
    (spans, length)
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn d13_a_recording_is_whole_when_the_call_is_over_and_holds_what_the_caller_heard() {
    let folder = folder("whole");
    let line = FakeLine::audio(MULAW).with_travel(ms(60));
    let made = tokio::time::Instant::now();
    let caller = line.caller();
    let agent = builder(&caller).record(&folder).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    let spoke = [made.elapsed(), made.elapsed() + ms(1_000)];
    caller.speak("tell me everything", ms(1_000)).await;
    caller.hears_something(ms(5_000)).await;
    caller.silence(ms(900)).await;
    caller.speak("wait a moment", ms(900)).await;
    caller.hears("Very well.", ms(9_000)).await;
    caller.silence(ms(500)).await;
    caller.hang_up().await;
    events(call).await;
    let lasted = made.elapsed();
    let file = fs::read(folder.join("call-1.wav")).unwrap();
    let (left, length) = spans(&file, 0);
    assert!((length - lasted.as_millis() as i64).abs() < 50, "{length}, {lasted:?}");
    for (found, truth) in [left[0].0, left[0].1].into_iter().zip(spoke) {
        assert!((found - truth.as_millis() as i64).abs() <= 20, "{left:?}, {spoke:?}");
    }
    let (right, _) = spans(&file, 1);
    // What is heard there is reported here when it has travelled back.
    let heard: Vec<(i64, i64)> = caller
        .heard_spans()
        .into_iter()
        .map(|(from, to)| (from.as_millis() as i64 + 60, to.as_millis() as i64 + 60))
        .collect();
    assert!(right.first().is_some_and(|first| (first.0 - heard[0].0).abs() <= 20), "{right:?}");
    for (begin, end) in &right {
        let within = heard.iter().any(|(from, to)| from - 20 <= *begin && *end <= to + 20);
        assert!(within, "{right:?} is heard, {heard:?}");
    }
    let cut = heard[0].1;
    assert!(right.iter().any(|(_, end)| (end - cut).abs() <= 120), "{right:?} ends at {cut}");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_recording_belongs_to_its_owner() {
    let folder = folder("owner");
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let agent = builder(&caller).record(&folder).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(100)).await;
    drop(call);
    let file = fs::metadata(folder.join("call-1.wav")).unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
    assert!(file.is_file());
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_folder_that_is_missing_is_told_and_the_call_goes_on() {
    let line = FakeLine::audio(MULAW);
    let caller = line.caller();
    let missing = folder("missing").join("nowhere");
    let agent = builder(&caller).greeting("Hello.").record(missing).build().unwrap();
    let call = agent.start(Box::new(line)).await.unwrap();
    caller.hears("Hello.", ms(5_000)).await;
    caller.hang_up().await;
    let events = events(call).await;
    let lost = |event: &&Event| matches!(event, Event::Failed { leg: Leg::Recorder, .. });
    assert_eq!(events.iter().filter(lost).count(), 1, "told once");
    assert!(events.contains(&Event::Ended { reason: EndReason::UserHungUp }));
}
