//! Holds the dealership to its targets, with real calls.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::targets::run().await
}
