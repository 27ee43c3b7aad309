//! Measures how many calls one core carries.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::density::run().await
}
