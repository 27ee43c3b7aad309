//! Speech-to-speech models that are lost while a tool runs that they have called, in virtual time.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use voiceagent_core::{
    Agent, Error, ErrorKind, GenerationId, Link, Result, ToolCallId,
    llm::{Message, ToolCall},
    realtime::{
        FIRST_OWN, RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel,
        RealtimeOptions,
    },
    stt::Transcript,
};
use voiceagent_testkit::fakes::{FakeTool, FakeVad, Recording};

use crate::rig::{MULAW, events, ms, phone_line};

/// The frame of audio with which a duplex model has understood, and that behind which it is lost.
const UNDERSTOOD: usize = 120;
const LOST: usize = 250;

/// A model that calls `book` when it is asked for an answer, unless its history has that call, and
/// is lost in its first conversation.
#[derive(Debug)]
struct Booking {
    duplex: bool,
    opened: Recording<RealtimeOptions>,
    inputs: Recording<RealtimeInput>,
}

impl Booking {
    fn call(conversation: usize, generation: GenerationId) -> RealtimeEvent {
        let id = ToolCallId::new(format!("c{conversation}"));
        let call = ToolCall { id, name: "book".into(), arguments: "{}".into() };
        RealtimeEvent::ToolCall { generation, call }
    }
}

#[async_trait]
impl RealtimeModel for Booking {
    fn name(&self) -> &str {
        "booking"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        let mut can = RealtimeCapabilities::new(vec![MULAW]);
        can.duplex = self.duplex;
        can
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        let knows = options.history.iter().any(|it| matches!(it, Message::ToolCall(_)));
        self.opened.add(options);
        let (duplex, inputs, nth) = (self.duplex, self.inputs.clone(), self.opened.count());
        Ok(Link::spawn(256, move |mut peer| async move {
            let mut frames = 0;
            while let Some(input) = peer.recv().await {
                let mut asked = None;
                match &input {
                    RealtimeInput::Audio(_) => frames += 1,
                    RealtimeInput::Commit { turn } => {
                        let (turn, transcript) = (Some(*turn), Transcript::final_("book me"));
                        peer.send(RealtimeEvent::UserTranscript { turn, transcript }).await?;
                    }
                    RealtimeInput::Generate { generation, .. } => asked = Some(*generation),
                    _ => {}
                }
                if duplex && frames == UNDERSTOOD && nth == 1 {
                    let transcript = Transcript::final_("book me");
                    peer.send(RealtimeEvent::UserTranscript { turn: None, transcript }).await?;
                    asked = Some(FIRST_OWN);
                }
                if let Some(generation) = asked.filter(|_| !knows) {
                    peer.send(Self::call(nth, generation)).await?;
                    peer.send(RealtimeEvent::Finished { generation }).await?;
                }
                if nth == 1 && frames == LOST {
                    return Err(Error::new(ErrorKind::Disconnected, "read", "lost"));
                }
                if nth > 1 && !matches!(input, RealtimeInput::Audio(_)) {
                    inputs.add(input);
                }
            }
            Ok(())
        }))
    }
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_tool_that_outlives_its_conversation_runs_once_and_its_result_is_told_to_the_next() {
    for duplex in [false, true] {
        let (line, caller) = phone_line();
        let (opened, inputs) = (Recording::default(), Recording::default());
        let model = Booking { duplex, opened: opened.clone(), inputs: inputs.clone() };
        let tool = FakeTool::returning("book", json!({ "ok": true })).with_delay(ms(6_000));
        let calls = tool.calls();
        let agent = Agent::builder().realtime(Arc::new(model)).tool(tool);
        let agent = agent.vad(Arc::new(FakeVad::default())).build().unwrap();
        let call = agent.start(Box::new(line)).await.unwrap();
        let heard = tokio::spawn(events(call));
        caller.silence(ms(300)).await;
        caller.speak("book me", ms(1_500)).await;
        caller.silence(ms(10_000)).await;
        caller.hang_up().await;
        heard.await.unwrap();
        assert_eq!(calls.count(), 1, "duplex {duplex}");
        let history = opened.all()[1].history.clone();
        let id = ToolCallId::new("c1");
        assert!(
            matches!(&history[..], [Message::User { .. }, Message::ToolCall(call)] if call.id == id),
            "it is open: {history:?}"
        );
        let told = inputs.all();
        let results = told.iter().filter(|input| {
            matches!(input, RealtimeInput::ToolResult { id: of, output }
                if *of == id && output.contains("true"))
        });
        assert_eq!(results.count(), 1, "duplex {duplex}: {told:?}");
    }
}
