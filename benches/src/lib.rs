//! Benches of whole calls and of single frames. The binaries only start what is here.

pub mod e2e_latency;
pub mod frame_path;
