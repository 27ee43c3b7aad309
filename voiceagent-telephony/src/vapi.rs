//! Calls through Vapi, a platform that hosts the agent itself: making them, and what it reports.

mod event;
mod rest;

pub use event::{EndedBy, VapiEvent, VapiToolCall};
pub use rest::{VapiConfig, VapiRest, VapiStatus};
