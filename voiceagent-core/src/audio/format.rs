use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::g722;

/// The lowest and the highest sample rate that are converted.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// How samples are written as bytes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// G.711 A-law, one byte a sample (ITU-T G.711).
    Alaw,
    /// G.722 at 64 kbit/s, two samples of 16 kHz a byte (ITU-T G.722). RTP and SDP call it
    /// `G722/8000` all the same ([why](super::g722)).
    G722,
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
    /// Wideband of the telephone network: G.722, 16 kHz, mono.
    pub const G722: Self = Self::mono(Encoding::G722, 16_000);
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

    /// Bytes of one sample of one channel; `None` for packets of variable size, and for G.722, where
    /// two samples share a byte.
    #[must_use]
    pub const fn sample_bytes(self) -> Option<usize> {
        match self.encoding {
            Encoding::Alaw | Encoding::Mulaw => Some(1),
            Encoding::PcmS16Le => Some(2),
            Encoding::G722 | Encoding::Opus => None,
        }
    }

    /// Bits of one sample of one channel; `None` for packets of variable size.
    const fn sample_bits(self) -> Option<usize> {
        match self.encoding {
            Encoding::Alaw | Encoding::Mulaw => Some(8),
            Encoding::G722 => Some(4),
            Encoding::PcmS16Le => Some(16),
            Encoding::Opus => None,
        }
    }

    /// Whether the audio is a stream that can be cut between samples, rather than packets of
    /// variable size.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        self.sample_bits().is_some()
    }

    /// Samples (of each channel) in `bytes` bytes; 0 for packets of variable size.
    #[must_use]
    pub fn samples(self, bytes: usize) -> u64 {
        let one = self.sample_bits().unwrap_or(0) * usize::from(self.channels);
        (bytes * 8).checked_div(one).unwrap_or(0) as u64
    }

    /// Bytes that `samples` samples (of each channel) take, rounded down; 0 for packets of variable
    /// size.
    #[must_use]
    pub fn bytes_of(self, samples: u64) -> usize {
        let one = self.sample_bits().unwrap_or(0) * usize::from(self.channels);
        usize::try_from(samples).unwrap_or(usize::MAX).saturating_mul(one) / 8
    }

    /// Bytes that `duration` takes; 0 for packets of variable size.
    #[must_use]
    pub fn bytes_in(self, duration: Duration) -> usize {
        self.bytes_of(self.samples_in(duration))
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
        self.fault().is_none()
    }

    /// Which of its fields keeps it from being converted to others, and what is accepted there.
    pub(super) fn fault(self) -> Option<(&'static str, &'static str)> {
        let is_g722 = self.encoding == Encoding::G722;
        if is_g722 && self.sample_rate != Self::G722.sample_rate {
            return Some(("sample_rate", "16 kHz for G.722"));
        }
        if !RATES.contains(&self.sample_rate) {
            return Some(("sample_rate", "4 to 192 kHz"));
        }
        (self.channels != 1).then_some(("channels", "1"))
    }

    /// The byte that stands for silence; `None` for packets. G.722 falls silent within some
    /// milliseconds of it.
    #[must_use]
    pub const fn silence(self) -> Option<u8> {
        match self.encoding {
            Encoding::Alaw => Some(0xD5),
            Encoding::G722 => Some(g722::SILENCE),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_samples_of_every_stream_agree() {
        for (format, bytes) in [
            (AudioFormat::MULAW_8K, 160),
            (AudioFormat::PCM_16K, 640),
            (AudioFormat::G722, 160),
            (AudioFormat { channels: 2, ..AudioFormat::PCM_8K }, 640),
        ] {
            let frame = Duration::from_millis(20);
            assert!(format.is_stream());
            assert_eq!(format.bytes_in(frame), bytes, "{format:?}");
            assert_eq!(format.samples(bytes), format.samples_in(frame));
            assert_eq!(format.bytes_of(format.samples(bytes)), bytes);
            assert_eq!(format.duration_of(format.samples(bytes)), frame);
        }
        let packets = AudioFormat::mono(Encoding::Opus, 48_000);
        assert!(!packets.is_stream());
        assert_eq!((packets.samples(99), packets.bytes_of(99)), (0, 0));
    }
}
