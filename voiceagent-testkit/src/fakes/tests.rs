use std::time::Duration;

use tokio::time::timeout;
use voiceagent_core::{
    GenerationId, MarkId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    stt::{SpeechToText, SttEvent, SttInput, SttOptions},
    transport::{Inbound, Outbound, Transport},
    tts::{TextToSpeech, TtsEvent, TtsInput, TtsOptions},
    vad::VadFactory,
};

use super::*;
use crate::tone;

const FORMAT: AudioFormat = AudioFormat::MULAW_8K;
const ONE: GenerationId = GenerationId::new(1);

/// Repeats to the caller what the recognizer understands, until the line goes; returns how many
/// frames the detector took for speech.
async fn parrot(line: FakeLine, stt: &FakeStt, tts: &FakeTts) -> usize {
    let mut detector = FakeVad::default().detector();
    let mut line = Box::new(line).open().await.unwrap();
    let mut stt = stt.open(SttOptions::new(FORMAT)).await.unwrap();
    let mut tts = tts.open(TtsOptions::new(FORMAT)).await.unwrap();
    let mut spoken = 0;
    loop {
        tokio::select! {
            biased;
            inbound = line.recv() => match inbound {
                Some(Ok(Inbound::Audio(frame))) => {
                    let score = detector.speech_probability(&tone::samples(FORMAT, &frame.payload));
                    spoken += usize::from(score > 0.5);
                    stt.try_send(SttInput::Audio(frame)).unwrap();
                }
                Some(_) => {}
                None => return spoken,
            },
            Some(Ok(event)) = stt.recv() => if let SttEvent::Transcript(said) = event
                && said.is_final
            {
                tts.try_send(TtsInput::Text { generation: ONE, text: said.text }).unwrap();
                tts.try_send(TtsInput::Finish { generation: ONE }).unwrap();
            },
            Some(Ok(event)) = tts.recv() => if let TtsEvent::Audio { payload, .. } = event {
                let frame = AudioFrame::new(FORMAT, MediaTime(0), payload);
                line.try_send(Outbound::Audio(frame)).unwrap();
            } else {
                line.try_send(Outbound::Mark(MarkId::new(1))).unwrap();
            },
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_says_comes_back_through_all_fakes() {
    let line = FakeLine::audio(FORMAT);
    let caller = line.caller();
    let call = tokio::spawn(async move {
        let (stt, tts) = (FakeStt::new(line.caller().words()), FakeTts::new());
        parrot(line, &stt, &tts).await
    });
    caller.silence(Duration::from_millis(500)).await;
    caller.speak("Do you sell blue cars?", Duration::from_millis(1_200)).await;
    caller.hears("Do you sell blue cars?", Duration::from_secs(3)).await;
    // Until the last character has sounded to its end.
    caller.silence(Duration::from_millis(100)).await;
    caller.hang_up().await;
    assert_eq!(call.await.unwrap(), 60, "1,200 ms of speech are 60 frames");

    // 1,700 ms of caller, 300 ms until the final, 80 ms until the voice, 22 characters of 60 ms.
    let (heard_from, heard_to) = caller.heard_spans()[0];
    assert_eq!(heard_from, Duration::from_millis(1_700 + 300 + 80));
    assert_eq!(heard_to - heard_from, Duration::from_millis(22 * 60));
    assert_eq!(caller.heard_text(), "Do you sell blue cars?");
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_a_call_are_the_same() {
    let run = || async {
        let line = FakeLine::audio(FORMAT);
        let caller = line.caller();
        let (stt, tts) = (FakeStt::new(caller.words()), FakeTts::new());
        let talk = async {
            caller.speak("Hello", Duration::from_millis(333)).await;
            caller.silence(Duration::from_millis(1_000)).await;
            caller.hang_up().await;
        };
        let (frames, ()) = tokio::join!(parrot(line, &stt, &tts), talk);
        (frames, caller.received(), caller.heard_audio())
    };
    let (first, second) = (run().await, run().await);
    assert_eq!(first, second);
    assert!(!first.2.is_empty());
    assert!(timeout(Duration::from_secs(1), run()).await.is_err(), "a call takes its time");
}
