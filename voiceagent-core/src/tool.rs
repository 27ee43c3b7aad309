//! The contract of tools: functions that a language model may call.

mod function;
mod schema;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, GenerationId, Line, Result, ToolCallId};

pub use function::FunctionTool;
pub use schema::{Mismatch, Schema};

/// A function that the model may call.
///
/// Most tools are written as a [`FunctionTool`], which derives the schema from a Rust type.
///
/// A tool's failure is not the call's failure: an error, a time-out or unusable arguments become
/// a result that tells the model what happened, so that it cannot pretend success.
#[async_trait]
pub trait Tool: Debug + Send + Sync + 'static {
    /// What the tool is.
    fn spec(&self) -> ToolSpec;

    /// Runs it. `arguments` has been checked against the schema.
    ///
    /// # Errors
    ///
    /// The message of an [`ErrorKind::Rejected`](crate::ErrorKind::Rejected) error is shown to
    /// the model; of any other error it learns only that the tool failed.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the tool's time is over, and on an interruption if the spec
    /// says [`cancellable`](ToolSpec::cancellable).
    async fn call(&self, arguments: Value, context: ToolContext) -> Result<Value>;
}

/// What a tool is, for the model and for the session.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToolSpec {
    /// The name, as the model calls it.
    pub name: Arc<str>,
    /// What it does and when to use it, for the model.
    pub description: Arc<str>,
    /// JSON Schema (2020-12) of the arguments, an object.
    pub parameters: Arc<Value>,
    /// What it does to the world.
    pub effect: Effect,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether an interruption by the user stops it.
    pub cancellable: bool,
    /// Whether the answer goes on without the result, which is told when nobody speaks. For what
    /// takes longer than a caller would wait in silence.
    #[serde(default)]
    pub detached: bool,
    /// What happens when it is called again with the same arguments.
    #[serde(default)]
    pub repeat: Repeat,
    /// What is said while it keeps the caller waiting, in place of
    /// [`ToolConfig::fillers`](crate::session::ToolConfig::fillers).
    #[serde(default = "no_fillers")]
    pub fillers: Arc<[Arc<str>]>,
}

fn no_fillers() -> Arc<[Arc<str>]> {
    Arc::from([])
}

impl ToolSpec {
    /// A tool that runs [once](Effect::Once), for a committed answer, 10 s of time, not cancellable.
    pub fn new(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        parameters: Value,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            parameters: Arc::new(parameters),
            effect: Effect::Once,
            timeout: Duration::from_secs(10),
            cancellable: false,
            detached: false,
            repeat: Repeat::default(),
            fillers: no_fillers(),
        }
    }
}

/// What happens when the model calls a tool again with the same arguments. A call that failed or
/// was stopped may always be repeated.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repeat {
    /// It runs again.
    #[default]
    Allow,
    /// The model is told to ask the user first; in a later answer it may repeat the call once.
    Confirm,
    /// It does not run again: the model is told to go by the first result.
    Reject,
    /// It runs again, and the call before is stopped if it still runs.
    Replace,
}

/// What a tool does to the world, and so when the session may run it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "reads, repeatable writes, writes: there is no fourth")]
pub enum Effect {
    /// Changes something, and a repeat with the same idempotency key changes nothing more.
    Idempotent,
    /// Changes something. Runs only for an answer that was committed.
    #[default]
    Once,
    /// Only reads. May run for a draft that is never spoken.
    Pure,
}

/// Who calls a tool, and on behalf of what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolContext {
    /// The call.
    pub call: CallId,
    /// The attempt to speak that asked for it.
    pub generation: GenerationId,
    /// The model's name for this call of the tool.
    pub tool_call: ToolCallId,
    /// The same for every repeat of this call of the tool, and for no other.
    pub idempotency_key: Arc<str>,
    /// Lets the tool end or transfer the phone call.
    pub line: Line,
}

impl ToolContext {
    /// A context outside of any call, for trying a tool by hand and in tests.
    #[must_use]
    pub fn detached(tool_call: impl Into<ToolCallId>) -> Self {
        let tool_call = tool_call.into();
        Self {
            call: CallId::new("detached"),
            generation: GenerationId::default(),
            idempotency_key: format!("detached:{tool_call}").into(),
            tool_call,
            line: Line::detached(),
        }
    }
}
