//! The session machine: decides what happens in a call.

mod command;
mod config;
mod event;
mod input;

pub use command::Command;
pub use config::{
    BargeInConfig, EndpointingConfig, ModelConfig, PlayoutConfig, SessionConfig, SpeculationConfig,
    ToolConfig,
};
pub use event::{EndReason, Event, InterruptionReason, Leg};
pub use input::Input;
