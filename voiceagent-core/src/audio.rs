//! Audio: formats, frames, codecs, sample-rate conversion.

mod clip;
mod comfort_noise;
mod conceal;
mod decoder;
mod dtmf;
mod encoder;
mod fade;
mod filter;
mod format;
mod frame;
pub mod g711;
pub mod g722;
mod key_listener;
pub(crate) mod lateness;
mod level;
mod mixer;
#[cfg(feature = "opus")]
pub(crate) mod ogg;
#[cfg(feature = "opus")]
pub mod opus;
mod resample;
mod stereo;
mod transcode;
pub(crate) mod wav;

pub use clip::Clip;
pub use comfort_noise::{ComfortNoise, NoiseGenerator};
pub use conceal::Concealer;
pub use decoder::Decoder;
pub use dtmf::DtmfDetector;
pub use encoder::Encoder;
pub(crate) use fade::fade_out;
pub use filter::AudioFilter;
pub use format::{AudioFormat, Encoding};
pub use frame::{AudioFrame, MediaTime};
pub use key_listener::KeyListener;
pub use level::Decibels;
pub use mixer::{Background, Mixer};
pub use resample::Resampler;
pub(crate) use stereo::{Stereo, Tape};
pub use transcode::Transcoder;
