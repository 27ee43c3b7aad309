//! Measures voice activity detectors.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::vad::run()
}
