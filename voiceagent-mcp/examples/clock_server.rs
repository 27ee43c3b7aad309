//! An MCP server over standard input and output, to try an agent's tools with.
//!
//! ```sh
//! cargo run -p voiceagent-mcp --example clock_server
//! ```

#[path = "../tests/mcp/clock.rs"]
mod clock;

use rmcp::{ServiceExt, transport::stdio};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    clock::Clock::default().serve(stdio()).await?.waiting().await?;
    Ok(())
}
