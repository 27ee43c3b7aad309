use std::sync::Arc;

use async_trait::async_trait;
use rmcp::{
    ServiceError,
    model::{self, CallToolRequestParams, CallToolResponse},
};
use serde_json::Value;
use tokio::time::timeout;
use voiceagent_core::{
    Error, ErrorKind, Result,
    tool::{Effect, Tool, ToolContext, ToolSpec},
};

use super::{McpConfig, McpServer, McpToolConfig, result};

/// A tool as a server offers it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offer {
    /// The server's name for it.
    pub(crate) theirs: Arc<str>,
    pub(crate) spec: ToolSpec,
}

impl Offer {
    /// `name` is what models call it.
    pub(crate) fn new(
        config: &McpConfig,
        known: &McpToolConfig,
        tool: &model::Tool,
        name: Arc<str>,
    ) -> Self {
        let words = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
        let description = known.description.clone().unwrap_or_else(|| words.into());
        let schema = Value::Object((*tool.input_schema).clone());
        let mut spec = ToolSpec::new(name, description, schema);
        let hints = tool.annotations.as_ref().filter(|_| config.trust_hints);
        let only_reads = hints.is_some_and(|hints| hints.read_only_hint == Some(true));
        let hinted = if only_reads { Effect::Pure } else { Effect::Once };
        spec.effect = known.effect.unwrap_or(hinted);
        spec.timeout = known.timeout.unwrap_or(config.timeout);
        spec.cancellable = known.cancellable.unwrap_or(spec.effect == Effect::Pure);
        spec.detached = known.detached;
        spec.repeat = known.repeat;
        spec.fillers = known.fillers.clone().into();
        Self { theirs: (*tool.name).into(), spec }
    }
}

/// A tool of a server.
#[derive(Debug)]
pub(crate) struct McpTool {
    server: McpServer,
    offer: Offer,
}

impl McpTool {
    pub(crate) fn new(server: McpServer, offer: &Offer) -> Self {
        Self { server, offer: offer.clone() }
    }

    async fn ask(&self, arguments: Value) -> Result<Value> {
        let _under_way = self.server.begin()?;
        let peer = self.server.peer().await?;
        if !self.server.offers(&self.offer.theirs) {
            let message = "the server does not offer this function any more";
            return Err(Error::new(ErrorKind::Rejected, "call", message));
        }
        let mut asked = CallToolRequestParams::new(self.offer.theirs.to_string());
        if let Value::Object(arguments) = arguments {
            asked = asked.with_arguments(arguments);
        }
        // It tells the server when it is dropped.
        match peer.call_tool_once(asked).await.map_err(failed)? {
            CallToolResponse::Complete(done) => result::read(done, self.server.config().max_result),
            _ => {
                let message = "the function wants something that a caller cannot give";
                Err(Error::new(ErrorKind::Rejected, "call", message))
            }
        }
    }
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> ToolSpec {
        self.offer.spec.clone()
    }

    async fn call(&self, arguments: Value, _context: ToolContext) -> Result<Value> {
        let late = || Error::new(ErrorKind::Timeout, "call", "the server does not answer in time");
        let asked = timeout(self.offer.spec.timeout, self.ask(arguments)).await;
        asked
            .unwrap_or_else(|_| Err(late()))
            .map_err(|error| error.with_provider(self.server.name().to_owned()))
    }
}

/// What a call that got no result failed of. The server's words are for the model where it says
/// that the call itself was wrong.
fn failed(error: ServiceError) -> Error {
    match error {
        ServiceError::McpError(said) => {
            let message = said.message.replace(char::is_control, " ");
            Error::new(ErrorKind::Rejected, "call", message)
        }
        ServiceError::Timeout { .. } => Error::new(ErrorKind::Timeout, "call", "no answer in time"),
        ServiceError::UnexpectedResponse => {
            Error::new(ErrorKind::Protocol, "call", "the server answers something else")
        }
        _ => Error::new(ErrorKind::Disconnected, "call", "the server was lost during the call"),
    }
}
