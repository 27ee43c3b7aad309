mod repeater;

use bytes::{Bytes, BytesMut};

use super::{AudioFormat, Decoder, Encoder, Encoding, decoder::refuse};
use crate::Result;

use repeater::Repeater;

/// Makes up what was lost on the way, so that a gap in a voice is heard as little as can be.
///
/// In the manner of Appendix I of ITU-T G.711: the last period of the voice is repeated, from 10 ms
/// on the last two and from 20 ms on the last three, softer and softer from 10 ms on, until after
/// 60 ms there is silence. What comes after the gap is faded in for 1 to 10 ms. Unlike there, nothing
/// is held back for it, so there is no delay.
///
/// Without a loss the bytes pass through as they are. How audio and gaps are cut into pieces makes no
/// difference.
///
/// ```
/// use bytes::Bytes;
/// use voiceagent_core::audio::{AudioFormat, Concealer};
///
/// let mut concealer = Concealer::new(AudioFormat::MULAW_8K)?;
/// let frame = Bytes::from_static(&[0x90; 160]);
/// assert_eq!(concealer.receive(frame.clone()), frame);
/// assert_eq!(concealer.conceal(160).len(), 160);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Concealer {
    decoder: Decoder,
    encoder: Encoder,
    repeater: Repeater,
    samples: Vec<f32>,
    block: BytesMut,
}

impl Concealer {
    /// Makes one for G.711 or PCM.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for what cannot be decoded, and for
    /// G.722, whose bytes mean nothing without those before: decode it first.
    pub fn new(format: AudioFormat) -> Result<Self> {
        if format.encoding == Encoding::G722 {
            return Err(refuse("conceal", format));
        }
        Ok(Self {
            decoder: Decoder::new(format)?,
            encoder: Encoder::new(format)?,
            repeater: Repeater::new(format.sample_rate),
            samples: Vec::new(),
            block: BytesMut::new(),
        })
    }

    /// Takes what has arrived, in whole samples. Returns the same bytes, not a copy, unless a gap
    /// was before them.
    pub fn receive(&mut self, payload: Bytes) -> Bytes {
        self.samples.clear();
        self.decoder.decode(&payload, &mut self.samples);
        if !self.repeater.receive(&mut self.samples) {
            return payload;
        }
        self.encoder.encode(&self.samples, &mut self.block);
        self.block.split().freeze()
    }

    /// What takes the place of so many samples that were lost.
    pub fn conceal(&mut self, samples: u64) -> Bytes {
        self.samples.clear();
        let lost = (0..samples).map(|_| self.repeater.conceal());
        self.samples.extend(lost);
        self.encoder.encode(&self.samples, &mut self.block);
        self.block.split().freeze()
    }
}

#[cfg(test)]
mod tests;
