//! Faults of a line that pass, and those that end it.

use std::sync::Arc;

use async_trait::async_trait;
use voiceagent_core::{
    Agent, CallId, Error, ErrorKind, Event, Link, Result,
    audio::AudioFormat,
    session::EndReason,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};
use voiceagent_testkit::fakes::{FakeLlm, FakeStt, FakeTts, Words};

/// A line on which something unusable comes, and then nothing more.
#[derive(Debug)]
struct FaultyLine {
    info: CallInfo,
    /// Whether the fault is the end of the line, and not of a message.
    ends: bool,
}

#[async_trait]
impl Transport for FaultyLine {
    fn call(&self) -> &CallInfo {
        &self.info
    }

    fn capabilities(&self) -> TransportCapabilities {
        TransportCapabilities::default()
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        Ok(Link::spawn(8, move |peer| async move {
            let fault = Error::new(ErrorKind::Protocol, "read", "unusable");
            if self.ends {
                return Err(fault);
            }
            peer.report(fault).await?;
            peer.send(Inbound::HungUp).await
        }))
    }
}

async fn end_of(ends: bool) -> Option<EndReason> {
    let info = CallInfo::new(CallId::new("call-1"), Media::audio(AudioFormat::MULAW_8K));
    let agent = Agent::builder()
        .llm(Arc::new(FakeLlm::answers([])))
        .stt(Arc::new(FakeStt::new(Words::default())))
        .tts(Arc::new(FakeTts::new()))
        .build()
        .expect("the recipe is complete");
    let mut call = agent.start(Box::new(FaultyLine { info, ends })).await.expect("the line opens");
    while let Some((_, event)) = call.next_event().await {
        if let Event::Ended { reason } = event {
            return Some(reason);
        }
    }
    None
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn something_unusable_on_the_line_does_not_end_the_call() {
    assert_eq!(end_of(false).await, Some(EndReason::UserHungUp));
}

#[tokio::test(crate = "voiceagent_testkit::leaks", start_paused = true)]
async fn a_line_that_is_cut_for_what_came_was_not_hung_up() {
    assert_eq!(end_of(true).await, Some(EndReason::Failed));
}
