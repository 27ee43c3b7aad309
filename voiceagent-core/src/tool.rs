//! The contract of tools: functions that a language model may call.

mod function;
mod schema;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, GenerationId, Line, Result, ToolCallId, turn::Expected};

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
    /// What the tool is. Asked for once, when the agent is built.
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
    /// Arguments that the user reads out and that have a known form, by the name of the property.
    /// When the agent has asked for one of them, the end of the user's turn is found by its form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expects: BTreeMap<Arc<str>, Expected>,
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

impl ToolSpec {
    /// A tool that runs [once](Effect::Once), for a committed answer, 10 s of time, not cancellable.
    ///
    /// What it [expects](Self::expects) comes from the `format` of the properties of its schema:
    /// `date`, `date-time`, `email`, `idn-email` and `time` of JSON Schema, and `code`, `phone`,
    /// `spelled` and `vin`.
    pub fn new(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        parameters: Value,
    ) -> Self {
        Self {
            expects: formats(&parameters),
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

    /// Says what form an argument has that the user reads out.
    ///
    /// ```
    /// use serde_json::json;
    /// use voiceagent_core::{tool::ToolSpec, turn::Expected};
    ///
    /// let schema = json!({ "type": "object", "properties": { "order": { "type": "string" } } });
    /// let find = ToolSpec::new("find", "Finds an order.", schema).expecting("order", Expected::Code);
    /// assert_eq!(find.expects["order"], Expected::Code);
    /// ```
    #[must_use]
    pub fn expecting(mut self, property: impl Into<Arc<str>>, what: Expected) -> Self {
        self.expects.insert(property.into(), what);
        self
    }
}

/// The beginning of a text that may be too long for a model: at most so many bytes, and behind them
/// that the rest is left out. No character is torn.
///
/// ```
/// use voiceagent_core::tool::cut;
///
/// assert_eq!(cut("nine to five".to_owned(), 20), "nine to five");
/// assert_eq!(cut("caf\u{e9}".to_owned(), 4), "caf [the rest is left out]");
/// ```
#[must_use]
pub fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push_str(" [the rest is left out]");
    }
    text
}

fn no_fillers() -> Arc<[Arc<str>]> {
    Arc::from([])
}

/// The properties of a schema whose format has a form in speech.
fn formats(parameters: &Value) -> BTreeMap<Arc<str>, Expected> {
    let properties = parameters.get("properties").and_then(Value::as_object);
    let expected = |property: &Value| match property.get("format")?.as_str()? {
        "code" => Some(Expected::Code),
        "date" | "date-time" | "time" => Some(Expected::Date),
        "email" | "idn-email" => Some(Expected::Email),
        "phone" => Some(Expected::Phone),
        "spelled" => Some(Expected::Spelled),
        "vin" => Some(Expected::Vin),
        _ => None,
    };
    let with_form =
        |(name, property): (&String, &Value)| Some((name.as_str().into(), expected(property)?));
    properties.into_iter().flatten().filter_map(with_form).collect()
}

/// A tool of an agent, with what is known of it from the beginning.
pub(crate) struct EquippedTool {
    pub(crate) tool: Arc<dyn Tool>,
    pub(crate) spec: ToolSpec,
    pub(crate) schema: Schema,
}

impl EquippedTool {
    pub(crate) fn new(tool: Arc<dyn Tool>) -> Result<Self> {
        let spec = tool.spec();
        Ok(Self { schema: Schema::compile(&spec.parameters)?, spec, tool })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn t12_formats_of_a_schema_tell_what_is_read_out() {
        let schema = json!({ "properties": {
            "email": { "type": "string", "format": "email" },
            "notes": { "type": "string", "format": "uri" },
            "vin": { "type": "string", "format": "vin" },
        }});
        let spec = ToolSpec::new("book", "", schema).expecting("name", Expected::Spelled);
        let expects: Vec<_> = spec.expects.iter().map(|(name, what)| (&**name, *what)).collect();
        let all = [("email", Expected::Email), ("name", Expected::Spelled), ("vin", Expected::Vin)];
        assert_eq!(expects, all);
    }

    #[test]
    fn a_tool_of_an_older_journal_expects_nothing() {
        let spec = ToolSpec::new("book", "", json!({ "properties": {} }));
        let written = serde_json::to_value(&spec).unwrap();
        assert_eq!(written.get("expects"), None);
        assert_eq!(serde_json::from_value::<ToolSpec>(written).unwrap(), spec);
    }
}
