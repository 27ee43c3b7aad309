//! Voices at another rate than the line: nothing of what they say is missing at its end.

use std::sync::Arc;

use async_trait::async_trait;
use voiceagent_core::{
    Agent, GenerationId, Link, Result,
    adapt::FallbackTts,
    audio::{AudioFormat, Clip},
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};
use voiceagent_testkit::{
    fakes::{Caller, FakeLlm, FakeRealtime, Words},
    tone,
};

use crate::rig::{MULAW, builder, ms, phone_line};

/// How long each text sounds: 100 turns of the tone, which is as loud at its end as anywhere.
const MILLIS: u64 = 200;
const FORMAT: AudioFormat = AudioFormat::PCM_24K;

fn sound() -> bytes::Bytes {
    let rate = f64::from(FORMAT.sample_rate);
    let turn = |at: u64| (at as f64 * 500.0 / rate * std::f64::consts::TAU).sin();
    let samples = (0..FORMAT.samples_in(ms(MILLIS))).map(|at| (turn(at) * 16_000.0) as i16);
    samples.flat_map(i16::to_le_bytes).collect()
}

/// How long it is from the first loud sample to the last, in milliseconds.
fn loud_for(audio: &[u8]) -> f64 {
    let samples = tone::samples(MULAW, audio);
    let is_loud = |sample: &f32| sample.abs() > 0.15;
    let begin = samples.iter().position(is_loud).expect("something was heard");
    let end = samples.iter().rposition(is_loud).expect("something was heard");
    (end - begin) as f64 / 8.0
}

/// Says a tone for each text. One that is lost ends after the first.
#[derive(Debug)]
struct ToneVoice {
    is_lost: bool,
}

#[async_trait]
impl TextToSpeech for ToneVoice {
    fn name(&self) -> &str {
        "tone"
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut can = TtsCapabilities::new(vec![FORMAT]);
        can.segments = true;
        can
    }

    async fn open(&self, _: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let is_lost = self.is_lost;
        Ok(Link::spawn(64, move |mut peer| async move {
            while let Some(input) = peer.recv().await {
                match input {
                    TtsInput::Text { generation, .. } => {
                        peer.send(TtsEvent::Audio { generation, payload: sound() }).await?;
                        peer.send(TtsEvent::Spoken { generation, texts: 1 }).await?;
                        if is_lost {
                            return Ok(());
                        }
                    }
                    TtsInput::Finish { generation } => {
                        peer.send(TtsEvent::Finished { generation }).await?;
                    }
                    _ => {}
                }
            }
            Ok(())
        }))
    }
}

/// A model that says a tone when it is asked to speak.
#[derive(Debug)]
struct ToneModel(Words);

#[async_trait]
impl RealtimeModel for ToneModel {
    fn name(&self) -> &str {
        "tone"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        FakeRealtime::replies(self.0.clone(), []).with_formats([FORMAT]).capabilities()
    }

    async fn open(&self, _: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        Ok(Link::spawn(64, |mut peer| async move {
            while let Some(input) = peer.recv().await {
                if let RealtimeInput::Generate { generation, .. } = input {
                    let text = "Good morning.".into();
                    peer.send(RealtimeEvent::AgentTranscript { generation, text }).await?;
                    peer.send(RealtimeEvent::Audio { generation, payload: sound() }).await?;
                    peer.send(RealtimeEvent::Finished { generation }).await?;
                }
            }
            Ok(())
        }))
    }
}

fn is_whole(caller: &Caller) {
    let loud = loud_for(&caller.heard_audio());
    assert!((loud - MILLIS as f64).abs() < 0.8, "{loud} ms were heard");
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_voice_of_another_rate_is_heard_to_its_last_sample() {
    let (line, caller) = phone_line();
    let agent = builder(FakeLlm::answers([]), &caller)
        .tts(Arc::new(ToneVoice { is_lost: false }))
        .greeting("Good morning.");
    let _call = agent.build().unwrap().start(Box::new(line)).await.unwrap();
    caller.silence(ms(1_000)).await;
    is_whole(&caller);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_model_of_another_rate_is_heard_to_its_last_sample() {
    let (line, caller) = phone_line();
    let agent = Agent::builder().realtime(Arc::new(ToneModel(caller.words())));
    let agent = agent.greeting("Good morning.").build().unwrap();
    let _call = agent.start(Box::new(line)).await.unwrap();
    caller.silence(ms(1_000)).await;
    is_whole(&caller);
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_chain_of_voices_of_another_rate_says_everything_to_its_last_sample() {
    for is_lost in [false, true] {
        let (first, second) = (ToneVoice { is_lost }, ToneVoice { is_lost: false });
        let voice = FallbackTts::new(Arc::new(first), vec![Arc::new(second)]);
        let mut link = voice.open(TtsOptions::new(MULAW)).await.unwrap();
        let generation = GenerationId::new(1);
        for text in ["Yes. ", "Until six."] {
            link.try_send(TtsInput::Text { generation, text: text.into() }).unwrap();
        }
        link.try_send(TtsInput::Finish { generation }).unwrap();
        let mut audio = Vec::new();
        loop {
            match link.recv().await.unwrap().unwrap() {
                TtsEvent::Audio { payload, .. } => audio.extend_from_slice(&payload),
                TtsEvent::Finished { .. } => break,
                _ => {}
            }
        }
        // What a whole clip of it is, and 3 ms of the filter before each voice.
        let whole = Clip::new(FORMAT, &sound()).unwrap().encode(MULAW).unwrap().len();
        let late = 24;
        let voices = if is_lost { 2 } else { 1 };
        assert_eq!(audio.len(), 2 * whole + voices * late, "lost in the middle: {is_lost}");
        assert!((loud_for(&audio[audio.len() - whole..]) - MILLIS as f64).abs() < 0.8);
        assert!((loud_for(&audio[late..][..whole]) - MILLIS as f64).abs() < 0.8);
    }
}
