//! The tools of MCP servers as tools of an agent.
//!
//! A server is a child process that is talked to over its standard input and output, or a service
//! at a URL ("Streamable HTTP"). Wire facts: Model Context Protocol, specification 2025-11-25; the
//! protocol itself is spoken by the crate `rmcp`.
//!
//! ```no_run
//! use std::sync::Arc;
//! use serde_json::json;
//! use voiceagent_core::{Agent, llm::LanguageModel};
//! use voiceagent_mcp::{McpConfig, McpServer};
//!
//! # async fn example(llm: Arc<dyn LanguageModel>) -> voiceagent_core::Result<()> {
//! let config: McpConfig = serde_json::from_value(json!({
//!     "name": "crm",
//!     "command": "npx",
//!     "args": ["-y", "@acme/crm-mcp"],
//!     "tools": { "find_customer": { "effect": "pure", "timeout": "3s" } },
//! }))
//! .expect("these are its fields");
//! let crm = McpServer::open(config).await?;
//! let agent = Agent::builder().llm(llm).tools(crm.tools()).build()?;
//! # Ok(()) }
//! ```

mod config;
mod connect;
mod keeper;
mod names;
mod result;
mod server;
mod tool;

pub use config::{McpConfig, McpToolConfig};
pub use server::McpServer;
