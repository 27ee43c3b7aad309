//! Plays the same calls to this framework and to its peers.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::peers::run().await
}
