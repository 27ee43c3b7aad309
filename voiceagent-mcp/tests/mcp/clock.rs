//! A real MCP server, with a function for everything that may happen to a call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What a server has lived through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    grown: Arc<AtomicBool>,
    /// Lists are not told any more.
    secretive: Arc<AtomicBool>,
    /// How many calls hang, or have hung.
    pub(crate) hung: watch::Sender<usize>,
    /// How many of them were cancelled.
    pub(crate) cancelled: watch::Sender<usize>,
}

impl ServerHandler for Clock {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools().enable_tool_list_changed();
        ServerConfig::new(tools.build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        if self.secretive.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let slot = json!({ "type": "object", "properties": { "slot": { "type": "integer" } },
            "required": ["slot"] });
        let nothing = json!({ "type": "object", "properties": {} });
        let tool = |name: &'static str, schema: &Value| {
            let schema = schema.as_object().cloned().unwrap_or_default();
            Tool::new(name, "Does it.", Arc::new(schema))
        };
        let reads = ToolAnnotations::new().read_only(true);
        let mut tools = vec![
            tool("time.now", &nothing).with_annotations(reads),
            tool("time/now", &nothing),
            tool("book", &slot),
            tool("odd", &json!({ "type": "object", "if": { "type": "string" } })),
            tool("die", &nothing),
            tool("grow", &nothing),
            tool("hide", &nothing),
            tool("hang", &nothing),
        ];
        if self.grown.load(Ordering::SeqCst) {
            tools.retain(|tool| tool.name != "book");
            tools.push(tool("cancel", &slot));
        }
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = |text: String| CallToolResult::success(vec![ContentBlock::text(text)]);
        let result = match &*request.name {
            "time.now" => text(format!("pid {}", std::process::id())),
            "book" if request.arguments.as_ref().is_some_and(|given| given["slot"] == 9) => {
                CallToolResult::structured(json!({ "booked": 9 }))
            }
            "book" => CallToolResult::error(vec![ContentBlock::text("The slot is taken.")]),
            "die" => std::process::exit(1),
            "grow" => {
                self.grown.store(true, Ordering::SeqCst);
                let _ = context.peer.notify_tool_list_changed().await;
                text("grown".to_owned())
            }
            "hide" => {
                self.secretive.store(true, Ordering::SeqCst);
                let _ = context.peer.notify_tool_list_changed().await;
                text("hidden".to_owned())
            }
            "hang" => {
                self.hung.send_modify(|calls| *calls += 1);
                context.ct.cancelled().await;
                self.cancelled.send_modify(|calls| *calls += 1);
                text("nobody reads this".to_owned())
            }
            _ => return Err(ErrorData::invalid_params("there is no such function", None)),
        };
        Ok(result.into())
    }
}
