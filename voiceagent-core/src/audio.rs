//! Audio: formats, frames, codecs, sample-rate conversion.

mod filter;
mod format;
mod frame;

pub use filter::AudioFilter;
pub use format::{AudioFormat, Encoding};
pub use frame::{AudioFrame, MediaTime};
