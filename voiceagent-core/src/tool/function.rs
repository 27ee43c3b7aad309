use std::{fmt, future::Future, marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Effect, Repeat, Tool, ToolContext, ToolSpec};
use crate::{Error, ErrorKind, Result, turn::Expected};

type Run<A> = dyn Fn(A, ToolContext) -> BoxFuture<'static, Result<Value>> + Send + Sync;

/// A tool made from a function with typed arguments.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use serde_json::json;
/// use voiceagent_core::tool::{FunctionTool, Tool, ToolContext};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Add {
///     /// The first number.
///     a: i64,
///     /// The second number.
///     b: i64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let add = FunctionTool::new("add", "Adds two numbers.", |numbers: Add, _context| async move {
///     Ok(json!({ "sum": numbers.a + numbers.b }))
/// });
/// assert_eq!(add.spec().parameters["required"], json!(["a", "b"]));
/// let sum = add.call(json!({ "a": 2, "b": 3 }), ToolContext::detached("1")).await.unwrap();
/// assert_eq!(sum, json!({ "sum": 5 }));
/// # }
/// ```
pub struct FunctionTool<A> {
    spec: ToolSpec,
    run: Arc<Run<A>>,
    arguments: PhantomData<fn(A)>,
}

impl<A: DeserializeOwned + JsonSchema + Send + 'static> FunctionTool<A> {
    /// Makes a tool; the schema of the arguments comes from their type and its doc comments.
    pub fn new<R, F>(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        run: impl Fn(A, ToolContext) -> F + Send + Sync + 'static,
    ) -> Self
    where
        R: Serialize,
        F: Future<Output = Result<R>> + Send + 'static,
    {
        let spec = ToolSpec::new(name, description, parameters::<A>());
        let run = move |arguments, context| -> BoxFuture<'static, Result<Value>> {
            let done = run(arguments, context);
            Box::pin(async move {
                serde_json::to_value(done.await?).map_err(|unwritable| {
                    Error::new(ErrorKind::Protocol, "tool", "the result is not JSON")
                        .with_source(unwritable)
                })
            })
        };
        Self { spec, run: Arc::new(run), arguments: PhantomData }
    }

    /// Says what the tool does to the world. [`Effect::Once`] unless said.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.spec.effect = effect;
        self
    }

    /// Says how long the tool may take. 10 s unless said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.spec.timeout = timeout;
        self
    }

    /// Says what form an argument has that the user reads out, where the schema does not.
    #[must_use]
    pub fn expecting(mut self, property: impl Into<Arc<str>>, what: Expected) -> Self {
        self.spec = self.spec.expecting(property, what);
        self
    }

    /// Lets the answer go on without the result, which is told when nobody speaks.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.spec.detached = true;
        self
    }

    /// Says what happens when the tool is called again with the same arguments. It runs again
    /// unless said.
    #[must_use]
    pub fn repeat(mut self, repeat: Repeat) -> Self {
        self.spec.repeat = repeat;
        self
    }

    /// Says what the agent says while the tool keeps the caller waiting.
    #[must_use]
    pub fn fillers<T: Into<Arc<str>>>(mut self, fillers: impl IntoIterator<Item = T>) -> Self {
        self.spec.fillers = fillers.into_iter().map(Into::into).collect();
        self
    }

    /// Says whether an interruption by the user stops the tool. It does not unless said.
    #[must_use]
    pub fn cancellable(mut self, cancellable: bool) -> Self {
        self.spec.cancellable = cancellable;
        self
    }
}

#[async_trait]
impl<A: DeserializeOwned + JsonSchema + Send + 'static> Tool for FunctionTool<A> {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, context: ToolContext) -> Result<Value> {
        let arguments = serde_json::from_value(arguments).map_err(|wrong| {
            Error::new(ErrorKind::Rejected, "tool", format!("wrong arguments: {wrong}"))
        })?;
        (self.run)(arguments, context).await
    }
}

impl<A> fmt::Debug for FunctionTool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

/// The schema of a type, inlined, without the parts that only tools for schemas read.
fn parameters<A: JsonSchema>() -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<A>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
        object.remove("title");
        if !object.contains_key("properties") {
            object.insert("properties".to_owned(), Value::Object(serde_json::Map::new()));
        }
    }
    schema
}
