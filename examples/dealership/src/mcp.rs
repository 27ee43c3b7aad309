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
        let equip = |tool: Arc<dyn Tool>| {
            let spec = tool.spec();
            Ok(Equipped { schema: Schema::compile(&spec.parameters)?, spec, tool })
        };
        let tools = tools::all(desk).into_iter().map(equip).collect::<Result<_>>()?;
        let call = CallId::new(format!("mcp-{}", AppointmentId::new(now)));
        Ok(Self(Arc::new(Shelf { tools, call, uses: AtomicU64::new(0) })))
    }

    async fn run(&self, tool: &Equipped, arguments: Value) -> CallToolResult {
        let failed = |why: String| CallToolResult::error(vec![ContentBlock::text(why)]);
        if let Err(mismatch) = tool.schema.validate(&arguments) {
            return failed(format!(
                "argument `{}`: expected {}",
                mismatch.path(),
                mismatch.accepted()
            ));
        }
        let nth = self.0.uses.fetch_add(1, Ordering::Relaxed);
        let mut context = ToolContext::detached(format!("{}-{nth}", self.0.call).as_str());
        context.call = self.0.call.clone();
        let name = &tool.spec.name;
        match timeout(tool.spec.timeout, tool.tool.call(arguments, context)).await {
            Ok(Ok(answer)) if answer["ok"] == false => CallToolResult::structured_error(answer),
            Ok(Ok(answer)) => CallToolResult::structured(answer),
            Ok(Err(error)) if error.kind() == ErrorKind::Rejected => {
                failed(error.message().to_owned())
            }
            Ok(Err(error)) => {
                warn!(%error, %name, "a tool failed");
                failed("The tool failed.".to_owned())
            }
            Err(_late) => failed(format!("The tool took longer than {:?}.", tool.spec.timeout)),
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
        let tool = self.0.tools.iter().find(|tool| *tool.spec.name == *request.name);
        let tool = tool.ok_or_else(|| ErrorData::invalid_params("there is no such tool", None))?;
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        Ok(self.run(tool, arguments).await.into())
    }
}
