//! Opus (RFC 6716), by libopus: mono, packets of 20 ms.
//!
//! A line of packets is decoded where it comes in and encoded where it goes out, so that detectors,
//! recognizers and recordings work on samples:
//!
//! ```
//! use voiceagent_core::audio::opus::{Decoder, Encoder};
//!
//! let (mut encoder, mut decoder) = (Encoder::new(16_000)?, Decoder::new(16_000)?);
//! let mut samples = Vec::new();
//! encoder.encode(&[0; 640], |packet| decoder.decode(packet, &mut samples))?;
//! assert_eq!(samples.len(), 640);
//! # Ok::<(), voiceagent_core::Error>(())
//! ```

use std::{fmt, time::Duration};

use audiopus::{Application, Bitrate, Channels, MutSignals, SampleRate, coder, packet::Packet};

use super::{AudioFormat, Encoding};
use crate::{Error, ErrorKind, Result};

/// How long a packet is.
pub const PACKET: Duration = Duration::from_millis(20);
/// What the format allows for one frame (RFC 6716, section 3.4).
const LARGEST: usize = 1_275;
/// The longest packet that others may send (RFC 6716, section 3.2.5), in milliseconds.
const LONGEST: usize = 120;
/// How hard the encoder tries, up to 10: at 5 it takes half the time, and is hard to tell from it.
const COMPLEXITY: u8 = 5;

/// Encodes samples as packets of 20 ms.
pub struct Encoder {
    opus: coder::Encoder,
    sample_rate: u32,
    /// What waits for the rest of its packet.
    waiting: Vec<i16>,
    frame: usize,
    packet: Box<[u8; LARGEST]>,
}

impl Encoder {
    /// Makes an encoder for speech of this sample rate: 8, 12, 16, 24 or 48 kHz.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for other rates.
    pub fn new(sample_rate: u32) -> Result<Self> {
        let rate = rate(sample_rate)?;
        let mut opus =
            coder::Encoder::new(rate, Channels::Mono, Application::Voip).map_err(broken)?;
        opus.set_complexity(COMPLEXITY).map_err(broken)?;
        let frame = AudioFormat::mono(Encoding::Opus, sample_rate).samples_in(PACKET) as usize;
        let waiting = Vec::with_capacity(frame);
        Ok(Self { opus, sample_rate, waiting, frame, packet: Box::new([0; LARGEST]) })
    }

    /// Says how many bits a second to aim at: from 6,000 to 510,000.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] for others.
    pub fn with_bitrate(mut self, bitrate: u32) -> Result<Self> {
        let accepted = i32::try_from(bitrate).ok().filter(|it| (6_000..=510_000).contains(it));
        let refuse = || Error::config(format!("Opus at {bitrate} bit/s: from 6,000 to 510,000"));
        let bitrate = Bitrate::BitsPerSecond(accepted.ok_or_else(refuse)?);
        self.opus.set_bitrate(bitrate).map_err(broken)?;
        Ok(self)
    }

    /// Lets each packet carry a rough copy of the one before, for a line that loses so many in a
    /// hundred. [`Decoder::recover`] makes use of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] above 100.
    pub fn with_redundancy(mut self, loss: u8) -> Result<Self> {
        if loss > 100 {
            return Err(Error::config(format!("Opus with {loss} of a hundred packets lost")));
        }
        self.opus.set_inband_fec(loss > 0).map_err(broken)?;
        self.opus.set_packet_loss_perc(loss).map_err(broken)?;
        Ok(self)
    }

    /// Encodes samples, in pieces of any length, and hands over each packet that they complete.
    ///
    /// # Errors
    ///
    /// What `take` returns, and [`ErrorKind::Protocol`] when libopus fails.
    pub fn encode(
        &mut self,
        mut samples: &[i16],
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        while !samples.is_empty() {
            let missing = self.frame - self.waiting.len();
            let (piece, rest) = samples.split_at(missing.min(samples.len()));
            self.waiting.extend_from_slice(piece);
            samples = rest;
            if self.waiting.len() == self.frame {
                let packet = &mut self.packet[..];
                let length = self.opus.encode(&self.waiting, packet).map_err(broken)?;
                self.waiting.clear();
                take(&packet[..length])?;
            }
        }
        Ok(())
    }

    /// Samples that wait for the rest of their packet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// By how many samples what a decoder gives lags behind.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] when libopus does not tell.
    pub fn delay(&self) -> Result<u32> {
        self.opus.lookahead().map_err(broken)
    }
}

/// Decodes packets of any length.
pub struct Decoder {
    opus: coder::Decoder,
    sample_rate: u32,
}

impl Decoder {
    /// Makes a decoder that gives samples of this rate, whatever the sender's was: 8, 12, 16, 24 or
    /// 48 kHz.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for other rates.
    pub fn new(sample_rate: u32) -> Result<Self> {
        let opus = coder::Decoder::new(rate(sample_rate)?, Channels::Mono).map_err(broken)?;
        Ok(Self { opus, sample_rate })
    }

    /// Appends what a packet holds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] for what is no packet. Nothing is appended then.
    pub fn decode(&mut self, packet: &[u8], samples: &mut Vec<i16>) -> Result<()> {
        let longest = LONGEST * self.sample_rate as usize / 1_000;
        self.run(Some(packet), samples, longest, false)
    }

    /// Appends so many samples in place of a lost packet: from the copy in the packet after it, if
    /// that has arrived and holds one, else by letting the sound go on and fade. The packet after it
    /// is decoded behind that as usual.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] for what is no packet, and for a length that is no multiple of 2.5 ms.
    pub fn recover(
        &mut self,
        after: Option<&[u8]>,
        lost: usize,
        samples: &mut Vec<i16>,
    ) -> Result<()> {
        self.run(after, samples, lost, after.is_some())
    }

    fn run(
        &mut self,
        packet: Option<&[u8]>,
        samples: &mut Vec<i16>,
        room: usize,
        is_copy: bool,
    ) -> Result<()> {
        let begin = samples.len();
        samples.resize(begin + room, 0);
        let packet = packet.map(Packet::try_from).transpose();
        let decoded = packet.and_then(|packet| {
            let output = MutSignals::try_from(&mut samples[begin..])?;
            self.opus.decode(packet, output, is_copy)
        });
        samples.truncate(begin + decoded.as_ref().map_or(0, |count| *count));
        decoded.map(|_| ()).map_err(broken)
    }
}

fn rate(sample_rate: u32) -> Result<SampleRate> {
    match sample_rate {
        8_000 => Ok(SampleRate::Hz8000),
        12_000 => Ok(SampleRate::Hz12000),
        16_000 => Ok(SampleRate::Hz16000),
        24_000 => Ok(SampleRate::Hz24000),
        48_000 => Ok(SampleRate::Hz48000),
        _ => {
            let what = format!("Opus knows 8, 12, 16, 24 and 48 kHz, not {sample_rate} Hz");
            Err(Error::new(ErrorKind::Unsupported, "code", what))
        }
    }
}

fn broken(error: audiopus::Error) -> Error {
    Error::new(ErrorKind::Protocol, "code", format!("Opus: {error}")).with_source(error)
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("opus::Encoder")
            .field("sample_rate", &self.sample_rate)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("opus::Decoder")
            .field("sample_rate", &self.sample_rate)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
