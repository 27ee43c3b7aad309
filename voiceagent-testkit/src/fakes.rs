//! Stand-ins for every contract of the core.
//!
//! They live in tokio's time: under `#[tokio::test(start_paused = true)]` a call of minutes runs in
//! milliseconds, and every delay is exact. They are deterministic, they record what they got, and
//! they fail on request.
//!
//! A [`FakeLine`] and its [`Caller`] replace the phone. What the caller says is carried beside the
//! audio in [`Words`], so that a [`FakeStt`] can recognize it; what a [`FakeTts`] says is spelled
//! in its audio, so that [`Caller::heard_text`] can tell which of it was heard.

mod faults;
mod flow;
mod llm;
mod observer;
mod realtime;
mod recording;
mod schedule;
mod speaker;
mod store;
mod stt;
mod tool;
mod transport;
mod tts;
mod turn;
mod vad;
mod words;

pub use flow::FakeFlow;
pub use llm::{Answer, FakeLlm};
pub use observer::RecordingObserver;
pub use realtime::{FakeRealtime, RealtimeFault, Reply};
pub use recording::Recording;
pub use store::FakeStore;
pub use stt::{FakeStt, SttFault};
pub use tool::FakeTool;
pub use transport::{Caller, FakeLine};
pub use tts::{FakeTts, TtsFault};
pub use turn::FakeTurnDetector;
pub use vad::FakeVad;
pub use words::Words;

pub(crate) use schedule::Schedule;

#[cfg(test)]
mod tests;
