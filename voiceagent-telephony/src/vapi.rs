//! Calls through Vapi, a platform that hosts the agent itself: making them, and what it reports.

mod call;
mod event;
mod rest;

pub use call::VapiCall;
pub use event::{EndedBy, VapiEvent, VapiToolCall};
pub use rest::{VapiConfig, VapiRest, VapiStatus};
