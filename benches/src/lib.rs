//! Benches of whole calls, of single frames and of detectors. The binaries only start what is here.

pub mod e2e_latency;
pub mod frame_path;
pub mod vad;
