//! A conversation with a speech-to-speech model, and the house in which it lives.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use tokio::time::timeout;
use voiceagent_core::{
    Error, GenerationId, Link, ToolCallId, TurnId,
    audio::{AudioFormat, AudioFrame, MediaTime},
    realtime::{Prompt, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions},
};
use voiceagent_testkit::{
    conformance::realtime::{RealtimeScene, RealtimeVendor},
    fakes::Reply,
    tone,
    vendor::{RealtimeScript, Record, SpeechVendor, silence, speech},
};

pub(crate) const ONE: GenerationId = GenerationId::new(1);
pub(crate) const TWO: GenerationId = GenerationId::new(2);
pub(crate) const LONG: &str = "We are open from eight to six, and on Saturdays until noon.";

const PATIENCE: Duration = Duration::from_secs(30);
const FRAME: Duration = Duration::from_millis(20);

/// A vendor, and a model that talks to it.
#[derive(Debug)]
pub(crate) struct House<M> {
    pub(crate) vendor: SpeechVendor,
    pub(crate) script: RealtimeScript,
    pub(crate) model: M,
}

impl<M: RealtimeModel + Clone> House<M> {
    pub(crate) async fn talk(&self, format: AudioFormat) -> Talk {
        Talk::open(&self.model, format).await
    }

    /// Waits until the last connection has sent a message that is wanted.
    pub(crate) async fn until_sent(&self, wanted: impl Fn(&Value) -> bool + Send + Sync) -> Value {
        let find = |all: &[Record]| {
            let sent = all.last()?.texts.iter().filter_map(|it| serde_json::from_str(it).ok());
            sent.into_iter().find(|it| wanted(it))
        };
        self.vendor.until(|all| find(all).is_some()).await;
        find(&self.vendor.records()).expect("it was sent")
    }

    /// The vendor has refused nothing.
    pub(crate) fn assert_no_complaints(&self) {
        assert!(self.script.complaints().is_empty(), "{:?}", self.script.complaints());
    }
}

impl<M: RealtimeModel + Clone> RealtimeVendor for House<M> {
    fn model(&self) -> Arc<dyn RealtimeModel> {
        Arc::new(self.model.clone())
    }

    fn play(&self, scenes: Vec<RealtimeScene>) {
        play(&self.script, scenes);
    }

    fn user(&self, format: AudioFormat) -> Vec<AudioFrame> {
        turn(format)
    }
}

/// A conversation, and what was said in it.
#[derive(Debug)]
pub(crate) struct Talk {
    link: Link<RealtimeInput, RealtimeEvent>,
    format: AudioFormat,
    /// The audio of the generation that spoke last.
    audio: Vec<u8>,
}

impl Talk {
    pub(crate) async fn open(model: &dyn RealtimeModel, format: AudioFormat) -> Self {
        Self::open_with(model, RealtimeOptions::new("Be brief.", format)).await
    }

    pub(crate) async fn open_with(model: &dyn RealtimeModel, options: RealtimeOptions) -> Self {
        let format = options.format;
        let link = model.open(options).await.expect("the vendor is there");
        Self { link, format, audio: Vec::new() }
    }

    pub(crate) fn give(&self, input: RealtimeInput) {
        self.link.try_send(input).expect("the link has room");
    }

    pub(crate) fn ask(&self, generation: GenerationId) {
        self.give(RealtimeInput::Generate { generation, prompt: Prompt::Answer });
    }

    pub(crate) fn say(&self, generation: GenerationId, text: &str) {
        self.give(RealtimeInput::Generate { generation, prompt: Prompt::Say(text.into()) });
    }

    pub(crate) fn result(&self, id: &ToolCallId) {
        self.give(RealtimeInput::ToolResult { id: id.clone(), output: "{}".into() });
    }

    /// The user says something and falls silent.
    pub(crate) fn speak(&self) {
        for frame in turn(self.format) {
            self.give(RealtimeInput::Audio(frame));
        }
    }

    pub(crate) fn commit(&self, turn: u64) {
        self.give(RealtimeInput::Commit { turn: TurnId::new(turn) });
    }

    pub(crate) async fn next(&mut self) -> Result<RealtimeEvent, Error> {
        timeout(PATIENCE, self.link.recv()).await.expect("something comes").expect("it goes on")
    }

    pub(crate) async fn until(&mut self, wanted: impl Fn(&RealtimeEvent) -> bool) -> RealtimeEvent {
        loop {
            let event = self.next().await.expect("nothing fails");
            if let RealtimeEvent::Audio { payload, .. } = &event {
                self.audio.extend_from_slice(payload);
            }
            if wanted(&event) {
                return event;
            }
        }
    }

    pub(crate) async fn until_audio(&mut self) -> GenerationId {
        let is_audio = |event: &RealtimeEvent| matches!(event, RealtimeEvent::Audio { .. });
        let RealtimeEvent::Audio { generation, .. } = self.until(is_audio).await else {
            unreachable!()
        };
        generation
    }

    /// All that is heard until the end of a generation, as the text that it spells.
    pub(crate) async fn until_finished(&mut self, generation: GenerationId) -> String {
        let end = RealtimeEvent::Finished { generation };
        self.until(|event| *event == end).await;
        tone::read(self.format, &std::mem::take(&mut self.audio))
    }

    pub(crate) async fn until_call(&mut self) -> ToolCallId {
        let is_call = |event: &RealtimeEvent| matches!(event, RealtimeEvent::ToolCall { .. });
        let RealtimeEvent::ToolCall { call, .. } = self.until(is_call).await else {
            unreachable!()
        };
        call.id
    }

    /// The words of the next turn that are told.
    pub(crate) async fn until_words(&mut self) -> (Option<TurnId>, String) {
        let are_words =
            |event: &RealtimeEvent| matches!(event, RealtimeEvent::UserTranscript { .. });
        let RealtimeEvent::UserTranscript { turn, transcript } = self.until(are_words).await else {
            unreachable!()
        };
        (turn, transcript.text.to_string())
    }

    /// The error with which the link ends.
    pub(crate) async fn until_error(&mut self) -> Error {
        loop {
            if let Err(error) = self.next().await {
                let end = timeout(PATIENCE, self.link.recv()).await.expect("the link ends");
                assert!(end.is_none(), "the error is the last item");
                return error;
            }
        }
    }

    /// The link ends without an error.
    pub(crate) async fn until_end(&mut self) {
        while let Some(event) = timeout(PATIENCE, self.link.recv()).await.expect("the link ends") {
            event.expect("it is no fault");
        }
    }
}

/// Some words, and the silence behind them.
pub(crate) fn turn(format: AudioFormat) -> Vec<AudioFrame> {
    let mut audio =
        [speech(format, Duration::from_millis(400)), silence(format, Duration::from_millis(700))]
            .map(|part| part.to_vec())
            .concat();
    let mut frames = Vec::new();
    let one = format.bytes_in(FRAME);
    let mut at = MediaTime(0);
    while !audio.is_empty() {
        let payload = Bytes::from_iter(audio.drain(..one.min(audio.len())));
        let frame = AudioFrame::new(format, at, payload);
        at = MediaTime(at.0 + frame.samples());
        frames.push(frame);
    }
    frames
}

/// Lets a vendor play the scenes of the suite.
fn play(script: &RealtimeScript, scenes: Vec<RealtimeScene>) {
    let look_up = |reply: Reply, arguments| reply.then_call("look_up", arguments);
    script.play(scenes.into_iter().map(|scene| match scene {
        RealtimeScene::Call(arguments) => look_up(Reply::default(), arguments),
        RealtimeScene::CallSeveral(all) => all.into_iter().fold(Reply::default(), look_up),
        RealtimeScene::Say(text) => Reply::text(text),
        other => panic!("{other:?} is not played"),
    }));
}
