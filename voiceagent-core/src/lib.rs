//! Contracts, session machine and driver for agents that talk on the phone.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod adapt;
mod agent;
pub mod audio;
mod call;
mod driver;
mod error;
pub mod flow;
mod ids;
pub mod journal;
mod line;
mod link;
pub mod llm;
pub mod observer;
pub mod realtime;
mod redact;
pub mod registry;
pub mod session;
mod speech_detector;
mod speech_gate;
pub mod store;
pub mod stt;
mod time;
pub mod tool;
pub mod transport;
pub mod tts;
pub mod turn;
pub mod vad;

pub use agent::{Agent, AgentBuilder};
pub use call::Call;
pub use error::{Error, ErrorKind, Result, Retry};
pub use ids::{CallId, GenerationId, MarkId, ToolCallId, TurnId};
pub use line::Line;
pub use link::{Link, LinkPeer};
pub use redact::{Private, Secret};
pub use session::{Event, Session, SessionConfig};
pub use speech_detector::SpeechDetector;
pub use speech_gate::{SpeechEdge, SpeechGate, SpeechGateConfig};
pub use time::CallTime;
