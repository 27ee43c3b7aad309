//! Measures latency and cost of whole calls.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::e2e_latency::run().await
}
