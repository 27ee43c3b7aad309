use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::AudioFormat;

/// A position in a stream of audio, in samples of each channel. Never wall time.
///
/// Within a stream positions do not go back. Where they do all the same, what was kept of the audio
/// before is forgotten, as the stream has begun anew.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct MediaTime(pub u64);

/// A piece of audio, about 20 ms long. A clone shares the bytes.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct AudioFrame {
    /// The format of the payload.
    pub format: AudioFormat,
    /// Where in its stream the frame begins.
    pub at: MediaTime,
    /// The encoded samples.
    #[serde(with = "crate::journal::base64")]
    pub payload: Bytes,
}

impl AudioFrame {
    /// Makes a frame.
    #[must_use]
    pub const fn new(format: AudioFormat, at: MediaTime, payload: Bytes) -> Self {
        Self { format, at, payload }
    }

    /// Samples of each channel.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.format.samples(self.payload.len())
    }
}

impl fmt::Debug for AudioFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioFrame({:?} at {}, {} B)", self.format, self.at.0, self.payload.len())
    }
}
