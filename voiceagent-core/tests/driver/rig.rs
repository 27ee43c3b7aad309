//! What calls begin with, and what is read out of them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use voiceagent_core::{
    Agent, AgentBuilder, Call, CallTime, Event, audio::AudioFormat, journal::Recording,
    session::EndReason,
};
use voiceagent_testkit::fakes::{Caller, FakeLine, FakeLlm, FakeStt, FakeTts, FakeVad};

pub(crate) const MULAW: AudioFormat = AudioFormat::MULAW_8K;
pub(crate) const LONG: &str =
    "The first thing is this. The second thing is that. The third thing is other.";

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn phone_line() -> (FakeLine, Caller) {
    with_caller(FakeLine::audio(MULAW))
}

pub(crate) fn text_line() -> (FakeLine, Caller) {
    with_caller(FakeLine::text())
}

fn with_caller(line: FakeLine) -> (FakeLine, Caller) {
    let caller = line.caller();
    (line, caller)
}

/// An agent that hears and speaks, with a detector of speech.
pub(crate) fn builder(llm: FakeLlm, caller: &Caller) -> AgentBuilder {
    Agent::builder()
        .llm(Arc::new(llm))
        .stt(Arc::new(FakeStt::new(caller.words())))
        .tts(Arc::new(FakeTts::new().with_segments()))
        .vad(Arc::new(FakeVad::default()))
}

/// All events until the end, and when they were.
pub(crate) async fn timed_events(mut call: Call) -> Vec<(CallTime, Event)> {
    let mut events = Vec::new();
    while let Some(event) = call.next_event().await {
        events.push(event);
    }
    events
}

/// All events until the end.
pub(crate) async fn events(call: Call) -> Vec<Event> {
    timed_events(call).await.into_iter().map(|(_, event)| event).collect()
}

/// Why a call was over, each time that it was told.
pub(crate) async fn ends(call: Call) -> Vec<EndReason> {
    let events = events(call).await;
    let ends = events.iter().filter_map(|event| match event {
        Event::Ended { reason } => Some(*reason),
        _ => None,
    });
    ends.collect()
}

/// A folder for the journals of one test. It is gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("voiceagent-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn recording(&self) -> Recording {
        Recording::open(self.0.join("call-1.journal")).expect("the journal is complete")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
