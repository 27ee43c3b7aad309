use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The lowest and the highest sample rate that are converted.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// How samples are written as bytes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// G.711 A-law, one byte a sample (ITU-T G.711).
    Alaw,
    /// G.711 mu-law, one byte a sample (ITU-T G.711).
    Mulaw,
    /// Opus packets (RFC 6716). Their length says nothing about their duration.
    Opus,
    /// Signed 16-bit linear PCM, little-endian, interleaved.
    PcmS16Le,
}

/// Encoding, sample rate and channels of a stream of audio.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AudioFormat {
    /// How samples are written.
    pub encoding: Encoding,
    /// Samples a second, for each channel.
    pub sample_rate: u32,
    /// Channels, interleaved.
    pub channels: u8,
}

impl AudioFormat {
    /// What most phone carriers send: G.711 mu-law, 8 kHz, mono.
    pub const MULAW_8K: Self = Self::mono(Encoding::Mulaw, 8_000);
    /// G.711 A-law, 8 kHz, mono.
    pub const ALAW_8K: Self = Self::mono(Encoding::Alaw, 8_000);
    /// 16-bit PCM, 8 kHz, mono.
    pub const PCM_8K: Self = Self::mono(Encoding::PcmS16Le, 8_000);
    /// 16-bit PCM, 16 kHz, mono.
    pub const PCM_16K: Self = Self::mono(Encoding::PcmS16Le, 16_000);
    /// 16-bit PCM, 24 kHz, mono.
    pub const PCM_24K: Self = Self::mono(Encoding::PcmS16Le, 24_000);

    /// One channel of `encoding` at `sample_rate`.
    #[must_use]
    pub const fn mono(encoding: Encoding, sample_rate: u32) -> Self {
        Self { encoding, sample_rate, channels: 1 }
    }

    /// Bytes of one sample of one channel; `None` for packets of variable size.
    #[must_use]
    pub const fn sample_bytes(self) -> Option<usize> {
        match self.encoding {
            Encoding::Alaw | Encoding::Mulaw => Some(1),
            Encoding::PcmS16Le => Some(2),
            Encoding::Opus => None,
        }
    }

    /// Samples (of each channel) in `bytes` bytes; 0 for packets of variable size.
    #[must_use]
    pub fn samples(self, bytes: usize) -> u64 {
        let one = self.sample_bytes().unwrap_or(0) * usize::from(self.channels);
        bytes.checked_div(one).unwrap_or(0) as u64
    }

    /// Bytes that `duration` takes; 0 for packets of variable size.
    #[must_use]
    pub fn bytes_in(self, duration: Duration) -> usize {
        let samples = duration.as_micros() * u128::from(self.sample_rate) / 1_000_000;
        usize::try_from(samples).unwrap_or(usize::MAX)
            * self.sample_bytes().unwrap_or(0)
            * usize::from(self.channels)
    }

    /// How long `samples` samples (of each channel) last.
    #[must_use]
    pub fn duration_of(self, samples: u64) -> Duration {
        Duration::from_micros(samples * 1_000_000 / u64::from(self.sample_rate.max(1)))
    }

    /// How many samples (of each channel) last `duration`.
    #[must_use]
    pub fn samples_in(self, duration: Duration) -> u64 {
        let samples = duration.as_micros() * u128::from(self.sample_rate) / 1_000_000;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    /// Whether its channels and its sample rate are ones that are converted to others.
    pub(crate) fn can_be_converted(self) -> bool {
        self.channels == 1 && RATES.contains(&self.sample_rate)
    }

    /// The byte that stands for silence; `None` for packets.
    #[must_use]
    pub const fn silence(self) -> Option<u8> {
        match self.encoding {
            Encoding::Alaw => Some(0xD5),
            Encoding::Mulaw => Some(0xFF),
            Encoding::PcmS16Le => Some(0),
            Encoding::Opus => None,
        }
    }
}

impl fmt::Debug for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}x{}", self.encoding, self.sample_rate, self.channels)
    }
}
