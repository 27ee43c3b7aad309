//! The suite for speech-to-speech models over the one of the testkit, in both modes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use voiceagent_core::{
    audio::{AudioFormat, AudioFrame, MediaTime},
    realtime::RealtimeModel,
};
use voiceagent_testkit::{
    conformance::realtime::{RealtimeScene, RealtimeVendor, realtime},
    fakes::{FakeRealtime, Reply, Words},
    tone,
};

/// Frames of one turn: words in the first second, and silence.
const FRAMES: u64 = 100;

/// A fake whose replies are the suite's.
#[derive(Debug)]
struct Scripted {
    change: fn(FakeRealtime) -> FakeRealtime,
    scenes: Arc<Mutex<VecDeque<RealtimeScene>>>,
    words: Mutex<Words>,
    turns: Mutex<u64>,
}

impl Scripted {
    fn new(change: fn(FakeRealtime) -> FakeRealtime) -> Self {
        let (scenes, words) = (Arc::default(), Mutex::default());
        Self { change, scenes, words, turns: Mutex::default() }
    }
}

impl RealtimeVendor for Scripted {
    fn model(&self) -> Arc<dyn RealtimeModel> {
        let scenes = self.scenes.clone();
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let model = FakeRealtime::new(words, move |_| {
            let scene = scenes.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match scene {
                Some(RealtimeScene::Call(arguments)) => Reply::call("look_up", arguments),
                Some(RealtimeScene::CallSeveral(all)) => all
                    .into_iter()
                    .fold(Reply::default(), |reply, one| reply.then_call("look_up", one)),
                Some(RealtimeScene::Say(text)) => Reply::text(text),
                Some(_) | None => Reply::default(),
            }
        });
        Arc::new((self.change)(model))
    }

    fn play(&self, scenes: Vec<RealtimeScene>) {
        *self.scenes.lock().unwrap_or_else(PoisonError::into_inner) = scenes.into();
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = Words::default();
        *self.turns.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    }

    fn user(&self, format: AudioFormat) -> Vec<AudioFrame> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *turns * FRAMES;
        *turns += 1;
        let begin = Duration::from_millis(20 * first);
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.say("are you open", begin, begin + Duration::from_secs(1));
        let samples = format.samples_in(Duration::from_millis(20));
        let frames = (first..first + FRAMES).map(|number| {
            let at = MediaTime(number * samples);
            let payload = if number < first + FRAMES / 2 {
                tone::speech(format, at, samples)
            } else {
                tone::silence(format, Duration::from_millis(20))
            };
            AudioFrame::new(format, at, payload)
        });
        frames.collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_managed_model_conforms() {
    let report = realtime(&Scripted::new(FakeRealtime::with_server_vad)).await;
    report.assert();
    assert!(report.checks().len() >= 13, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_duplex_model_conforms() {
    realtime(&Scripted::new(FakeRealtime::duplex)).await.assert();
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_silent_does_not_conform() {
    let silent = |model: FakeRealtime| {
        use voiceagent_testkit::fakes::RealtimeFault;
        model.with_faults([RealtimeFault::Silent; 64])
    };
    let report = realtime(&Scripted::new(silent)).await;
    assert!(report.to_string().contains("FAILED"), "{report}");
}
