//! Audio: formats, frames, codecs, sample-rate conversion.

mod decoder;
mod filter;
mod format;
mod frame;
pub mod g711;
mod level;
mod resample;
mod transcode;

pub use decoder::Decoder;
pub use filter::AudioFilter;
pub use format::{AudioFormat, Encoding};
pub use frame::{AudioFrame, MediaTime};
pub use level::Decibels;
pub use resample::Resampler;
pub use transcode::Transcoder;
