use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::sleep;
use voiceagent_core::{
    Error, ErrorKind, Result,
    tool::{Effect, Tool, ToolContext, ToolSpec},
};

use super::Recording;

type Script = dyn FnMut(&Value) -> Result<Value> + Send;

/// A tool that does nothing but answer as the test says.
pub struct FakeTool {
    spec: ToolSpec,
    script: Mutex<Box<Script>>,
    delay: Duration,
    calls: Recording<(Value, ToolContext)>,
    finished: Recording<Value>,
}

impl FakeTool {
    /// A tool that answers each call, after 100 ms, with what `script` returns for its arguments.
    pub fn new(name: &str, script: impl FnMut(&Value) -> Result<Value> + Send + 'static) -> Self {
        let parameters = json!({ "type": "object", "properties": {} });
        Self {
            spec: ToolSpec::new(name, format!("The tool {name} of a test."), parameters),
            script: Mutex::new(Box::new(script)),
            delay: Duration::from_millis(100),
            calls: Recording::default(),
            finished: Recording::default(),
        }
    }

    /// A tool that always answers with `result`.
    #[must_use]
    pub fn returning(name: &str, result: Value) -> Self {
        Self::new(name, move |_| Ok(result.clone()))
    }

    /// A tool that always fails.
    #[must_use]
    pub fn failing(name: &str, kind: ErrorKind) -> Self {
        Self::new(name, move |_| Err(Error::new(kind, "tool", "failed as the test asked")))
    }

    /// Says how long a call takes.
    #[must_use]
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Says what the model is told about the arguments, and with it what the tool
    /// [expects](ToolSpec::expects) to be told.
    #[must_use]
    pub fn with_parameters(mut self, schema: Value) -> Self {
        let ToolSpec { parameters, expects, .. } = ToolSpec::new("", "", schema);
        (self.spec.parameters, self.spec.expects) = (parameters, expects);
        self
    }

    /// Says what the tool does to the world. [`Effect::Once`] unless said.
    #[must_use]
    pub const fn with_effect(mut self, effect: Effect) -> Self {
        self.spec.effect = effect;
        self
    }

    /// Says how long the session lets it run.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.spec.timeout = timeout;
        self
    }

    /// Lets an interruption by the user stop it.
    #[must_use]
    pub const fn cancellable(mut self) -> Self {
        self.spec.cancellable = true;
        self
    }

    /// Each call that began: arguments and context.
    #[must_use]
    pub fn calls(&self) -> Recording<(Value, ToolContext)> {
        self.calls.clone()
    }

    /// The arguments of each call that ran to its end, well or badly. A call that began and is
    /// missing here was dropped, or still runs.
    #[must_use]
    pub fn finished(&self) -> Recording<Value> {
        self.finished.clone()
    }
}

#[async_trait]
impl Tool for FakeTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, context: ToolContext) -> Result<Value> {
        self.calls.add((arguments.clone(), context));
        sleep(self.delay).await;
        let result = self.script.lock().unwrap_or_else(PoisonError::into_inner)(&arguments);
        self.finished.add(arguments);
        result
    }
}

impl fmt::Debug for FakeTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};
    use voiceagent_core::turn::Expected;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_its_time_and_is_counted() {
        let tool = FakeTool::returning("lookup", json!({ "found": true }));
        let begun = Instant::now();
        let found = tool.call(json!({ "id": 7 }), ToolContext::detached("a")).await.unwrap();
        assert_eq!(
            (found, begun.elapsed()),
            (json!({ "found": true }), Duration::from_millis(100))
        );
        let (arguments, context) = tool.calls().last().unwrap();
        assert_eq!((arguments, context.tool_call.as_str()), (json!({ "id": 7 }), "a"));
        assert_eq!(tool.finished().count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_call_began_and_did_not_finish() {
        let tool = FakeTool::failing("book", ErrorKind::Rejected);
        let call = tool.call(json!({}), ToolContext::detached("a"));
        assert!(timeout(Duration::from_millis(99), call).await.is_err());
        assert_eq!((tool.calls().count(), tool.finished().count()), (1, 0));
        let refused = tool.call(json!({}), ToolContext::detached("b")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        assert_eq!((tool.calls().count(), tool.finished().count()), (2, 1));
    }

    #[test]
    fn it_is_described_as_it_was_told() {
        let tool = FakeTool::returning("lookup", Value::Null)
            .with_effect(Effect::Pure)
            .with_timeout(Duration::from_secs(1))
            .with_parameters(json!({
                "type": "object",
                "properties": { "id": { "format": "phone" } },
                "required": ["id"],
            }))
            .cancellable();
        let spec = tool.spec();
        assert_eq!((&*spec.name, spec.effect, spec.cancellable), ("lookup", Effect::Pure, true));
        assert_eq!(spec.parameters["required"], json!(["id"]));
        assert_eq!(spec.expects["id"], Expected::Phone);
        assert_eq!(spec.timeout, Duration::from_secs(1));
    }
}
