mod caller;
mod far_end;
mod pump;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use tokio::sync::mpsc;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    transport::{CallInfo, Inbound, Media, Outbound, Transport, TransportCapabilities},
};

use self::{far_end::FarEnd, pump::Pump};

pub use caller::Caller;

/// Room for what a test asks of the caller ahead of time. A test that asks for more waits.
const ACTS: usize = 64;

/// Room for a second of frames each way, as a socket has; beyond it the line waits for its reader.
const LINK: usize = 64;

/// A call leg with a [`Caller`] at its other end.
///
/// An audio leg sends a frame each 20 ms, of silence unless the caller speaks, and plays what it
/// gets at the pace of real time, as the buffer of a carrier does: marks are answered when they
/// have been played, and all at once on [`Outbound::Clear`]. A text leg sends what the caller says
/// as transcripts, and reads what it gets at the caller's reading speed.
///
/// ```
/// use std::time::Duration;
/// use voiceagent_core::{audio::AudioFormat, transport::{Inbound, Transport}};
/// use voiceagent_testkit::fakes::FakeLine;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let line = FakeLine::audio(AudioFormat::MULAW_8K);
/// let caller = line.caller();
/// let mut link = Box::new(line).open().await.unwrap();
/// caller.speak("Hello?", Duration::from_millis(20)).await;
/// assert!(matches!(link.recv().await, Some(Ok(Inbound::Audio(_)))));
/// # }
/// ```
pub struct FakeLine {
    call: CallInfo,
    capabilities: TransportCapabilities,
    reading: Duration,
    travel: Duration,
    caller: Caller,
    acts: mpsc::Receiver<caller::Act>,
}

impl FakeLine {
    /// A line for this call that can do everything.
    #[must_use]
    pub fn new(call: CallInfo) -> Self {
        let (wishes, acts) = mpsc::channel(ACTS);
        let format = match call.media {
            Media::Audio { outbound, .. } => Some(outbound),
            Media::Text | _ => None,
        };
        Self {
            call,
            capabilities: TransportCapabilities::default()
                .with_clear(true)
                .with_marks(true)
                .with_dtmf(true)
                .with_transfer(true),
            reading: Duration::from_millis(50),
            travel: Duration::ZERO,
            caller: Caller::new(wishes, FarEnd::new(format)),
            acts,
        }
    }

    /// A line that carries audio of this format both ways.
    #[must_use]
    pub fn audio(format: AudioFormat) -> Self {
        Self::new(CallInfo::new("call-1", Media::audio(format)))
    }

    /// A line that carries text.
    #[must_use]
    pub fn text() -> Self {
        Self::new(CallInfo::new("call-1", Media::Text))
    }

    /// Says what the line can do. What it cannot, it ignores. Everything unless said.
    #[must_use]
    pub const fn with_capabilities(mut self, capabilities: TransportCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Says how long the caller of a text leg takes to read a character. 50 ms unless said.
    #[must_use]
    pub const fn with_reading(mut self, per_char: Duration) -> Self {
        self.reading = per_char;
        self
    }

    /// Says how long what is sent travels to the caller, and each report of a played mark back. So
    /// a clear arrives when more has been played, and its marks come back later. No time unless
    /// said.
    #[must_use]
    pub const fn with_travel(mut self, travel: Duration) -> Self {
        self.travel = travel;
        self
    }

    /// The person at the other end.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

#[async_trait]
impl Transport for FakeLine {
    fn call(&self) -> &CallInfo {
        &self.call
    }

    fn capabilities(&self) -> TransportCapabilities {
        self.capabilities
    }

    async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
        Ok(Link::spawn(LINK, |peer| Pump::new(*self).run(peer)))
    }
}

impl fmt::Debug for FakeLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeLine").field("call", &self.call).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
