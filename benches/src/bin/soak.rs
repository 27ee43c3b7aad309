//! Plays calls for a long time and watches the agent's memory.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::soak::run().await
}
