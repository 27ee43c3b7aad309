//! The contract of observers, and the observers that come with the crate.

#[cfg(test)]
mod fixtures;
mod interruptions;
mod latency;
mod log;
mod offset;
mod spans;
mod talk;
mod transcript;
mod usage;

use std::fmt::Debug;

use crate::{CallTime, session::Event};

pub use interruptions::{
    Interruption, InterruptionKind, InterruptionObserver, InterruptionReport, Interruptions,
};
pub use latency::{Latencies, LatencyObserver, LatencyReport, TurnLatency};
pub use offset::Offset;
pub use spans::SpanObserver;
pub use talk::{Talk, TalkObserver, TalkReport};
pub use transcript::{Speaker, TranscriptEntry, TranscriptObserver, TranscriptReport};
pub use usage::{CallUsage, Tokens, UsageObserver, UsageReport};

/// Sees everything that happens in a call.
///
/// Observers run on the call's own task for each event, so they must be quick and must not block.
///
/// ```
/// use voiceagent_core::{CallTime, Event, observer::Observer};
///
/// #[derive(Debug, Default)]
/// struct Counter(usize);
///
/// impl Observer for Counter {
///     fn on_event(&mut self, _at: CallTime, _event: &Event) {
///         self.0 += 1;
///     }
/// }
/// ```
pub trait Observer: Debug + Send + 'static {
    /// Notes one event.
    fn on_event(&mut self, at: CallTime, event: &Event);
}
