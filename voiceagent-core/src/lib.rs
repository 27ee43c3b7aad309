//! Contracts, session machine and driver for agents that talk on the phone.

pub mod adapt;
pub mod audio;
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
pub mod store;
pub mod stt;
mod time;
pub mod tool;
pub mod transport;
pub mod tts;
pub mod turn;
pub mod vad;

pub use error::{Error, ErrorKind, Result, Retry};
pub use ids::{CallId, GenerationId, MarkId, ToolCallId, TurnId};
pub use line::Line;
pub use link::{Link, LinkPeer};
pub use redact::{Private, Secret};
pub use session::Event;
pub use time::CallTime;
