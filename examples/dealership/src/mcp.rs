//! The tools of the agent as a server of the [Model Context Protocol](https://modelcontextprotocol.io),
//! for assistants that people use at their desks.
//!
//! Whoever talks over standard input and output has a desk, and so has each token over HTTP, whose
//! requests belong to no session: what it was handed is good there alone, and until the server ends.
//! Nobody is on the line, so what needs a line says that it cannot be done, and callers show who they
//! are by facts.

mod command;
mod http;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool as Listed,
        ToolAnnotations,
    },
    service::RequestContext,
};
use serde_json::Value;
use tokio::time::timeout;
use tracing::warn;
use voiceagent_core::{
    CallId, ErrorKind, Result,
    tool::{Effect, Schema, Tool, ToolContext, ToolSpec},
};

pub use self::command::McpCommand;
use crate::{
    store::AppointmentId,
    tools::{self, Desk},
};

const ABOUT: &str = "The tools of a car dealership's phone agent. Names of customers, visits, times \
    and brokers are good only as these tools have handed them out. What a result has under `say` \
    may be told to the person. Read back and get a yes before you pass confirmed=true.";

/// The tools of one desk. A clone is the same desk.
#[derive(Clone, Debug)]
pub(crate) struct Counter(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    tools: Vec<Equipped>,
    /// What stands for the call in the tables.
    call: CallId,
    uses: AtomicU64,
}

#[derive(Debug)]
struct Equipped {
    tool: Arc<dyn Tool>,
    spec: ToolSpec,
    schema: Schema,
}

impl Counter {
    /// # Errors
    ///
    /// None at present: the schemas of all tools are tested.
    pub(crate) fn new(desk: Desk, now: Timestamp) -> Result<Self> {
        Self::of(tools::all(desk), CallId::new(format!("mcp-{}", AppointmentId::new(now))))
    }

    /// The tools of a call.
    ///
    /// # Errors
    ///
    /// When the schema of a tool makes no sense.
    pub(crate) fn of(tools: Vec<Arc<dyn Tool>>, call: CallId) -> Result<Self> {
        let equip = |tool: Arc<dyn Tool>| {
            let spec = tool.spec();
            Ok(Equipped { schema: Schema::compile(&spec.parameters)?, spec, tool })
        };
        let tools = tools.into_iter().map(equip).collect::<Result<_>>()?;
        Ok(Self(Arc::new(Shelf { tools, call, uses: AtomicU64::new(0) })))
    }

    /// Uses a tool, under a name for the use that a repetition has again: its answer, or why there
    /// is none. `None` if there is no such tool.
    pub(crate) async fn ask(
        &self,
        (tool, arguments): (&str, Value),
        name: &str,
    ) -> Option<Result<Value, String>> {
        let tool = self.0.tools.iter().find(|one| *one.spec.name == *tool)?;
        Some(self.run(tool, arguments, name).await)
    }

    async fn run(&self, tool: &Equipped, arguments: Value, id: &str) -> Result<Value, String> {
        if let Err(mismatch) = tool.schema.validate(&arguments) {
            let (path, accepted) = (mismatch.path(), mismatch.accepted());
            return Err(format!("argument `{path}`: expected {accepted}"));
        }
        let mut context = ToolContext::detached(format!("{}-{id}", self.0.call).as_str());
        context.call = self.0.call.clone();
        let name = &tool.spec.name;
        match timeout(tool.spec.timeout, tool.tool.call(arguments, context)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.kind() == ErrorKind::Rejected => {
                Err(error.message().to_owned())
            }
            Ok(Err(error)) => {
                warn!(%error, %name, "a tool failed");
                Err("The tool failed.".to_owned())
            }
            Err(_late) => Err(format!("The tool took longer than {:?}.", tool.spec.timeout)),
        }
    }
}

impl ServerHandler for Counter {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("dealership", env!("CARGO_PKG_VERSION")))
            .with_instructions(ABOUT)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let listed = self.0.tools.iter().map(|Equipped { spec, .. }| {
            let schema = spec.parameters.as_object().cloned().unwrap_or_default();
            let hints = ToolAnnotations::new()
                .read_only(spec.effect == Effect::Pure)
                .destructive(spec.effect != Effect::Pure)
                .idempotent(spec.effect == Effect::Idempotent)
                .open_world(false);
            Listed::new(spec.name.to_string(), spec.description.to_string(), Arc::new(schema))
                .with_annotations(hints)
        });
        Ok(ListToolsResult::with_all_items(listed.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        // Each is a use of its own: the protocol tells no repetition from it.
        let nth = self.0.uses.fetch_add(1, Ordering::Relaxed).to_string();
        let done = self.ask((&*request.name, arguments), &nth).await;
        let done = done.ok_or_else(|| ErrorData::invalid_params("there is no such tool", None))?;
        Ok(CallToolResponse::from(match done {
            Ok(answer) if answer["ok"] == false => CallToolResult::structured_error(answer),
            Ok(answer) => CallToolResult::structured(answer),
            Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
        }))
    }
}
