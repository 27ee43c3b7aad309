//! Fits and measures the predictor that reads.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    voiceagent_benches::turns::run()
}
