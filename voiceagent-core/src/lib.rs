//! Agents that talk on the phone: the contracts of their parts, the machine that decides, and the
//! driver that runs a call.
//!
//! This crate knows no vendor and no carrier. It says what a recognizer, a language model, a voice
//! and a phone line must do, puts them together into an [`Agent`], and lets that agent answer
//! calls. Vendors live in `voiceagent-providers`, carriers in `voiceagent-telephony`; yours can
//! live anywhere.
//!
//! ```text
//!         ┌──────────────────── one task per call: the driver ────────────────────┐
//!  caller │  Link ◄─► transport ── frames ──► ears ── speech starts, stops ──►    │
//!    ⇄    │                                    └─ Link ◄─► stt ── transcripts ─►  │
//!         │  stream ◄── llm ──────────────────────────── words, tool calls ────►  │ Session
//!         │  Link ◄─► tts ───────────────────────────────────────── audio ─────►  │ (pure)
//!         │  tools, flow, turn detector ───────────────────────── results ─────►  │
//!         │                                                                       │
//!         │  generate · synthesize · send · clear · call a tool · tell  ◄─────────│
//!         └───────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # The path of a call
//!
//! 1. An [`Agent`] is an immutable recipe, made by an [`AgentBuilder`]. [`Agent::start`] takes a
//!    [`Transport`](transport::Transport), opens the other parts of the call and then the line, and
//!    returns a [`Call`]: its events, and a [`Line`] to steer it. Dropping the `Call` ends it.
//! 2. Each part is a [`Link`]: two bounded queues and the one task that owns the socket behind
//!    them. Whoever feeds a link never waits.
//! 3. The caller's [audio] goes to the recognizer ([`stt`]) and to a detector ([`vad`],
//!    [`SpeechGate`]). What they find out enters the [`Session`] as an
//!    [`Input`](session::Input), with its moment ([`CallTime`]).
//! 4. The [`session`] decides: when the user's turn is over (with the advice of a
//!    [turn detector](turn)), what is said and when, when the agent is interrupted, what was
//!    heard. It answers with [`Command`](session::Command)s, and never waits, sleeps or looks at a
//!    clock.
//! 5. A [`flow`] may plan each answer, the language model ([`llm`]) writes it, calling [tools](tool)
//!    on the way, and the voice ([`tts`]) speaks it. All of that may begin before the turn is over;
//!    nobody hears it, and no tool with an effect runs, until it is.
//! 6. [Observers](observer) see every [`Event`]. A [store] remembers the conversation, and a
//!    [journal] records the call so that it can be played again, byte for byte.
//!
//! [`adapt`] makes one part out of several, [`registry`] makes parts from configuration, and
//! [`realtime`] is the contract of models that hear and speak by themselves.
//!
//! # Example
//!
//! A model that repeats what it was told, and a line on which one message is typed. No account and
//! no phone is needed.
//!
//! ```
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use futures_util::stream::{self, BoxStream, StreamExt};
//! use voiceagent_core::{
//!     Agent, Event, Link, Result, llm::*, stt::Transcript, transport::*,
//! };
//!
//! #[derive(Debug)]
//! struct Parrot;
//!
//! #[async_trait]
//! impl LanguageModel for Parrot {
//!     fn name(&self) -> &str {
//!         "parrot"
//!     }
//!     fn capabilities(&self) -> LlmCapabilities {
//!         LlmCapabilities::default()
//!     }
//!     async fn generate(&self, request: LlmRequest) -> Result<BoxStream<'static, Result<LlmEvent>>> {
//!         let said = match request.messages.last() {
//!             Some(Message::User { text }) => format!("You said: {text}."),
//!             _ => "You said nothing.".to_owned(),
//!         };
//!         let events = [LlmEvent::Text(said), LlmEvent::Finished(FinishReason::Stop)];
//!         Ok(stream::iter(events.map(Ok)).boxed())
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct Typed(CallInfo);
//!
//! #[async_trait]
//! impl Transport for Typed {
//!     fn call(&self) -> &CallInfo {
//!         &self.0
//!     }
//!     fn capabilities(&self) -> TransportCapabilities {
//!         TransportCapabilities::default()
//!     }
//!     async fn open(self: Box<Self>) -> Result<Link<Outbound, Inbound>> {
//!         Ok(Link::spawn(16, |mut line| async move {
//!             line.send(Inbound::Transcript(Transcript::final_("hello"))).await?;
//!             while let Some(outbound) = line.recv().await {
//!                 if matches!(outbound, Outbound::TextEnd { .. }) {
//!                     break;
//!                 }
//!             }
//!             line.send(Inbound::HungUp).await
//!         }))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! let agent = Agent::builder().llm(Arc::new(Parrot)).build()?;
//! let mut call = agent.start(Box::new(Typed(CallInfo::new("call-1", Media::Text)))).await?;
//! let mut heard = None;
//! while let Some((_, event)) = call.next_event().await {
//!     if let Event::AgentStopped { pii_heard, .. } = event {
//!         heard = Some(pii_heard);
//!     }
//! }
//! assert_eq!(heard.as_deref(), Some("You said: hello."));
//! # Ok(()) }
//! ```

#![warn(clippy::wildcard_enum_match_arm)]

pub mod adapt;
mod agent;
pub mod audio;
mod call;
mod call_file;
mod driver;
pub mod duration;
pub mod echo;
pub mod embedding;
mod error;
pub mod flow;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod ids;
pub mod journal;
mod line;
mod link;
pub mod llm;
pub mod observer;
pub mod realtime;
mod recorder;
mod redact;
pub mod registry;
pub mod session;
mod speech_detector;
mod speech_gate;
pub mod spoken;
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
