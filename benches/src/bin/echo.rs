//! Measures how the agent's echo is told from the caller.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::echo::run()
}
