use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use voiceagent_core::{
    GenerationId, TurnId,
    audio::{AudioFrame, MediaTime},
    realtime::{FIRST_OWN, Prompt},
    stt::Transcript,
};

use super::*;
use crate::tone;

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
const TURN: TurnId = TurnId::new(1);
const ONE: GenerationId = GenerationId::new(1);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// "open today" from 0 to 200 ms, "please" from 1,000 to 1,200 ms.
fn words() -> Words {
    let words = Words::default();
    words.say("open today", ms(0), ms(200));
    words.say("please", ms(1_000), ms(1_200));
    words
}

async fn open(model: &FakeRealtime) -> Link<RealtimeInput, RealtimeEvent> {
    model.open(RealtimeOptions::new("", FORMAT)).await.unwrap()
}

async fn play(link: &Link<RealtimeInput, RealtimeEvent>, frames: std::ops::Range<u64>) {
    for number in frames {
        let at = MediaTime(number * 160);
        let frame = AudioFrame::new(FORMAT, at, tone::speech(FORMAT, at, 160));
        let _ = link.try_send(RealtimeInput::Audio(frame));
        sleep(ms(20)).await;
    }
}

/// Everything until nothing comes for a minute, with the audio as the text that it spells.
async fn rest(link: &mut Link<RealtimeInput, RealtimeEvent>) -> Vec<String> {
    let mut events = Vec::<String>::new();
    let mut heard = Vec::new();
    while let Ok(Some(event)) = timeout(ms(60_000), link.recv()).await {
        match event {
            Ok(RealtimeEvent::Audio { payload, .. }) => heard.extend(payload),
            Ok(RealtimeEvent::UserTranscript { transcript: Transcript { text, .. }, .. }) => {
                events.push(format!("user: {text}"));
            }
            Ok(RealtimeEvent::AgentTranscript { text, .. }) => {
                events.push(format!("agent: {text}"))
            }
            Ok(RealtimeEvent::ToolCall { call, .. }) => {
                events.push(format!("{} {}{}", call.id, call.name, call.arguments));
            }
            Ok(RealtimeEvent::Usage { .. }) => {}
            Ok(other) => events.push(format!("{other:?}")),
            Err(error) => events.push(error.to_string()),
        }
    }
    events.push(tone::read(FORMAT, &heard));
    events
}

fn generate() -> RealtimeInput {
    RealtimeInput::Generate { generation: ONE, prompt: Prompt::Answer }
}

#[tokio::test(start_paused = true)]
async fn a_turn_managed_model_speaks_when_it_is_told_to() {
    let model = FakeRealtime::new(words(), |said| {
        assert_eq!(said, "open today");
        Reply::text("Yes.").then_call("hours", json!({ "day": 1 }))
    });
    let mut link = open(&model).await;
    play(&link, 0..12).await;
    assert!(link.try_recv().is_none(), "it says nothing by itself");
    link.try_send(RealtimeInput::Commit { turn: TURN }).unwrap();
    link.try_send(generate()).unwrap();
    let begun = Instant::now();
    assert!(matches!(
        link.recv().await,
        Some(Ok(RealtimeEvent::UserTranscript { turn: Some(TURN), .. }))
    ));
    assert!(matches!(link.recv().await, Some(Ok(RealtimeEvent::AgentTranscript { .. }))));
    assert_eq!(begun.elapsed(), ms(300));
    let events = rest(&mut link).await;
    let finished = format!("{:?}", RealtimeEvent::Finished { generation: ONE });
    assert_eq!(events, [r#"call-1 hours{"day":1}"#, &finished, "Yes."]);
    assert_eq!((model.opened().count(), model.inputs().count()), (1, 14));
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_after_a_cancel() {
    let model = FakeRealtime::replies(Words::default(), [Reply::text("One moment please.")]);
    let mut link = open(&model).await;
    link.try_send(generate()).unwrap();
    sleep(ms(320)).await;
    link.try_send(RealtimeInput::Cancel { generation: ONE }).unwrap();
    assert_eq!(rest(&mut link).await, ["agent: One moment please.", "One "]);
}

#[tokio::test(start_paused = true)]
async fn a_duplex_model_manages_the_floor_by_itself() {
    let long = "We are open until six, and tomorrow from nine.";
    let replies = [Reply::text(long), Reply::text("Bye.")];
    let model = FakeRealtime::replies(words(), replies).duplex().with_first_audio(ms(700));
    let mut link = open(&model).await;
    play(&link, 0..80).await;
    let events = rest(&mut link).await;
    let (talk, heard) = events.split_at(events.len() - 1);
    let finished = format!("{:?}", RealtimeEvent::Finished { generation: FIRST_OWN.next() });
    let agent = format!("agent: {long}");
    assert_eq!(
        talk,
        [
            "SpeechStarted",
            "SpeechStopped",
            "user: open today",
            &agent,
            "SpeechStarted",
            "SpeechStopped",
            "user: please",
            "agent: Bye.",
            &finished,
        ]
    );
    assert!(heard[0].starts_with("We are ") && heard[0].ends_with("Bye."), "{}", heard[0]);
    assert!(!heard[0].contains("tomorrow"), "the user's speech stopped it: {}", heard[0]);
}

#[tokio::test(start_paused = true)]
async fn each_conversation_fails_as_it_was_told() {
    let model = FakeRealtime::replies(words(), []).with_faults([
        RealtimeFault::Refuse(ErrorKind::Unauthorized),
        RealtimeFault::Drop(ms(100)),
    ]);
    let refused = model.open(RealtimeOptions::new("", FORMAT)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthorized);
    let mut link = open(&model).await;
    play(&link, 0..8).await;
    assert_eq!(link.recv().await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(link.recv().await.is_none());
    let unsupported = RealtimeOptions::new("", AudioFormat::ALAW_8K);
    assert_eq!(model.open(unsupported).await.unwrap_err().kind(), ErrorKind::Unsupported);
}
