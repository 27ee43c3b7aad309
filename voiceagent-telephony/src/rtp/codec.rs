use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
#[cfg(feature = "opus")]
use voiceagent_core::audio::Encoding;
use voiceagent_core::{
    Result,
    audio::{AudioFormat, Transcoder},
};

#[cfg(feature = "opus")]
use super::opus::{OpusInward, OpusOutward};

/// A codec of a call over RTP (RFC 3551, section 6).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
pub enum RtpCodec {
    /// G.722, wideband, whose clock is said to be 8 kHz (RFC 3551, section 4.5.2).
    #[serde(rename = "g722")]
    G722,
    /// 16-bit PCM at 8 kHz.
    #[serde(rename = "l16-8000")]
    L16At8k,
    /// 16-bit PCM at 16 kHz.
    #[serde(rename = "l16-16000")]
    L16At16k,
    /// Opus (RFC 7587), mono, whose clock is said to be 48 kHz with two channels.
    #[cfg(feature = "opus")]
    #[serde(rename = "opus")]
    Opus,
    /// G.711 A-law.
    #[serde(rename = "pcma")]
    Pcma,
    /// G.711 mu-law.
    #[serde(rename = "pcmu")]
    Pcmu,
}

impl RtpCodec {
    pub(crate) const ALL: &[Self] = &[
        Self::G722,
        Self::L16At8k,
        Self::L16At16k,
        #[cfg(feature = "opus")]
        Self::Opus,
        Self::Pcma,
        Self::Pcmu,
    ];

    /// What session descriptions call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::G722 => "G722",
            Self::L16At8k | Self::L16At16k => "L16",
            #[cfg(feature = "opus")]
            Self::Opus => "opus",
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// Units of the timestamp a second.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::G722 | Self::L16At8k | Self::Pcma | Self::Pcmu => 8_000,
            Self::L16At16k => 16_000,
            #[cfg(feature = "opus")]
            Self::Opus => 48_000,
        }
    }

    /// How many channels session descriptions say that it has.
    #[must_use]
    pub const fn channels(self) -> u8 {
        match self {
            Self::G722 | Self::L16At8k | Self::L16At16k | Self::Pcma | Self::Pcmu => 1,
            // Whatever is sent (RFC 7587, section 7).
            #[cfg(feature = "opus")]
            Self::Opus => 2,
        }
    }

    /// What session descriptions add to it.
    pub(crate) const fn parameters(self) -> Option<&'static str> {
        match self {
            Self::G722 | Self::L16At8k | Self::L16At16k | Self::Pcma | Self::Pcmu => None,
            #[cfg(feature = "opus")]
            Self::Opus => Some("maxplaybackrate=16000; stereo=0; useinbandfec=1"),
        }
    }

    /// The payload type that needs no further word, if there is one.
    #[must_use]
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::G722 => Some(9),
            Self::Pcma => Some(8),
            Self::Pcmu => Some(0),
            Self::L16At8k | Self::L16At16k => None,
            #[cfg(feature = "opus")]
            Self::Opus => None,
        }
    }

    /// How long our packets are where the other side wants them to be so long, and not longer than
    /// `most`, in milliseconds (RFC 8866, section 6.4): 20 ms where it says nothing, and else what we
    /// can do that is not longer, or the shortest that we can do.
    pub(crate) fn packet(self, wanted: Option<u16>, most: Option<u16>) -> Duration {
        let longest = wanted.unwrap_or(20).min(most.unwrap_or(u16::MAX));
        let lengths = self.packets();
        let fitting = lengths.iter().rev().find(|length| **length <= longest);
        Duration::from_millis(fitting.copied().unwrap_or(lengths[0]).into())
    }

    /// The lengths of packets that we can send, the shortest first. The longest of 16-bit PCM at
    /// 16 kHz still fits a datagram that is not cut on its way.
    const fn packets(self) -> &'static [u16] {
        match self {
            Self::G722 | Self::L16At8k | Self::L16At16k | Self::Pcma | Self::Pcmu => {
                &[10, 20, 30, 40]
            }
            #[cfg(feature = "opus")]
            Self::Opus => &[20],
        }
    }

    /// What a leg carries for it. G.722 and Opus are decoded, since what was lost of them cannot be
    /// made up otherwise.
    #[must_use]
    pub const fn leg_format(self) -> AudioFormat {
        match self {
            Self::G722 | Self::L16At16k => AudioFormat::PCM_16K,
            #[cfg(feature = "opus")]
            Self::Opus => AudioFormat::PCM_16K,
            Self::L16At8k => AudioFormat::PCM_8K,
            Self::Pcma => AudioFormat::ALAW_8K,
            Self::Pcmu => AudioFormat::MULAW_8K,
        }
    }

    /// What packets carry, but for the order of bytes.
    const fn wire_format(self) -> AudioFormat {
        match self {
            Self::G722 => AudioFormat::G722,
            Self::L16At8k | Self::L16At16k | Self::Pcma | Self::Pcmu => self.leg_format(),
            #[cfg(feature = "opus")]
            Self::Opus => AudioFormat::mono(Encoding::Opus, 48_000),
        }
    }

    /// Whether packets carry the high byte of a sample first (RFC 3551, section 4.5.11).
    const fn is_swapped(self) -> bool {
        matches!(self, Self::L16At8k | Self::L16At16k)
    }
}

/// Turns the payloads of packets into what a leg carries.
#[derive(Debug)]
pub(super) enum Inward {
    Samples {
        codec: RtpCodec,
        transcoder: Transcoder,
    },
    #[cfg(feature = "opus")]
    Opus(OpusInward),
}

impl Inward {
    pub(super) fn new(codec: RtpCodec, leg: AudioFormat) -> Result<Self> {
        #[cfg(feature = "opus")]
        if codec == RtpCodec::Opus {
            return OpusInward::new(leg).map(Self::Opus);
        }
        Ok(Self::Samples { codec, transcoder: Transcoder::new(codec.wire_format(), leg)? })
    }

    pub(super) fn decode(&mut self, payload: Bytes) -> Bytes {
        match self {
            Self::Samples { codec, transcoder } => {
                let payload = if codec.is_swapped() { swap(&payload) } else { payload };
                transcoder.transcode(payload)
            }
            #[cfg(feature = "opus")]
            Self::Opus(opus) => opus.decode(&payload),
        }
    }

    /// At most so many samples in place of what was lost before this payload, which is decoded next;
    /// `None` for codecs that know no more of it than whoever has heard what was before.
    #[cfg(feature = "opus")]
    pub(super) fn recover(&mut self, lost: u64, next: &[u8]) -> Option<Bytes> {
        match self {
            Self::Samples { .. } => None,
            Self::Opus(opus) => Some(opus.recover(lost, next)),
        }
    }

    pub(super) fn reset(&mut self) {
        match self {
            Self::Samples { transcoder, .. } => transcoder.reset(),
            #[cfg(feature = "opus")]
            Self::Opus(opus) => opus.reset(),
        }
    }
}

/// Turns what a leg is to play into the payloads of packets, one for each piece.
#[derive(Debug)]
pub(super) enum Outward {
    Samples {
        codec: RtpCodec,
        transcoder: Transcoder,
    },
    #[cfg(feature = "opus")]
    Opus(OpusOutward),
}

impl Outward {
    pub(super) fn new(codec: RtpCodec, leg: AudioFormat) -> Result<Self> {
        #[cfg(feature = "opus")]
        if codec == RtpCodec::Opus {
            return OpusOutward::new(leg).map(Self::Opus);
        }
        Ok(Self::Samples { codec, transcoder: Transcoder::new(leg, codec.wire_format())? })
    }

    pub(super) fn encode(&mut self, audio: Bytes) -> Bytes {
        match self {
            Self::Samples { codec, transcoder } => {
                let audio = transcoder.transcode(audio);
                if codec.is_swapped() { swap(&audio) } else { audio }
            }
            #[cfg(feature = "opus")]
            Self::Opus(opus) => opus.encode(audio),
        }
    }
}

/// Whole samples with their bytes in the other order.
fn swap(samples: &[u8]) -> Bytes {
    samples.as_chunks::<2>().0.iter().flat_map(|&[one, other]| [other, one]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_each_codec_is_a_second_of_its_leg() {
        // Packets of others do not tell how long they are.
        let codecs = RtpCodec::ALL.iter().filter(|codec| codec.channels() == 1);
        for codec in codecs.copied() {
            let leg = codec.leg_format();
            let bytes = leg.bytes_of(u64::from(leg.sample_rate));
            let mut outward = Outward::new(codec, leg).unwrap();
            let mut inward = Inward::new(codec, leg).unwrap();
            let wire = outward.encode(vec![0; bytes].into());
            let on_wire = u64::from(codec.clock_rate()) * u64::from(leg.sample_rate);
            let units = codec.wire_format().samples(wire.len()) * u64::from(codec.clock_rate());
            assert_eq!(units, on_wire, "{codec:?}");
            assert_eq!(inward.decode(wire).len(), bytes, "{codec:?}");
        }
    }

    #[test]
    fn packets_are_as_long_as_the_other_side_wants_as_far_as_we_can() {
        for (wanted, most, expected) in [
            (None, None, 20),
            (Some(10), None, 10),
            (Some(30), None, 30),
            (Some(60), None, 40),
            (Some(5), None, 10),
            (Some(25), None, 20),
            (None, Some(10), 10),
            (None, Some(5), 10),
            (None, Some(150), 20),
            (Some(20), Some(10), 10),
            (Some(30), Some(25), 20),
        ] {
            let packet = RtpCodec::Pcmu.packet(wanted, most);
            assert_eq!(packet, Duration::from_millis(expected), "{wanted:?} {most:?}");
        }
        #[cfg(feature = "opus")]
        assert_eq!(RtpCodec::Opus.packet(Some(10), Some(10)), Duration::from_millis(20));
    }

    #[test]
    fn linear_samples_travel_with_the_high_byte_first() {
        let mut outward = Outward::new(RtpCodec::L16At16k, AudioFormat::PCM_16K).unwrap();
        assert_eq!(outward.encode(Bytes::from_static(&[1, 2, 3, 4]))[..], [2, 1, 4, 3]);
    }
}
