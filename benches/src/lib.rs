//! Benches of whole calls, of single frames, of the session, of codecs and stages of audio, and of detectors of
//! speech, of echo and of ends of turns. The binaries only start what is here.

pub mod audio;
mod callgrind;
pub mod density;
pub mod e2e_latency;
pub mod echo;
pub mod first_byte;
pub mod frame_path;
pub mod peers;
pub mod session_turn;
pub mod soak;
pub mod targets;
pub mod turns;
pub mod vad;
