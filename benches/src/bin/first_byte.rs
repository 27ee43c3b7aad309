//! Measures what adapters add between a vendor's byte and the session's input.

use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn std::error::Error + Send + Sync>> {
    voiceagent_benches::first_byte::run()
}
