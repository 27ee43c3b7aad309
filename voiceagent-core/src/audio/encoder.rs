use bytes::BytesMut;

use super::{
    AudioFormat, Encoding,
    decoder::refuse,
    g711::{Law, to_i16},
    g722,
};
use crate::Result;

/// Bytes that are allocated at a time: a second of G.711, so that most pieces cost no allocation.
const BLOCK: usize = 8_000;

/// Writes samples as the bytes of a mono stream.
///
/// ```
/// use bytes::BytesMut;
/// use voiceagent_core::audio::{AudioFormat, Encoder};
///
/// let mut encoder = Encoder::new(AudioFormat::PCM_8K)?;
/// let mut bytes = BytesMut::new();
/// encoder.encode(&[0.5, -0.5], &mut bytes);
/// assert_eq!(&bytes[..], [0x00, 0x40, 0x00, 0xC0]);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encoder(Kind);

#[derive(Clone, Debug)]
enum Kind {
    G711(Law),
    G722(Box<g722::Encoder>),
    Pcm,
}

impl Encoder {
    /// Makes an encoder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for Opus, for more than one channel,
    /// for sample rates below 4 kHz or above 192 kHz, and for G.722 at other rates than 16 kHz.
    pub fn new(format: AudioFormat) -> Result<Self> {
        if !format.can_be_converted() {
            return Err(refuse("encode", format));
        }
        Ok(Self(match format.encoding {
            Encoding::Alaw => Kind::G711(Law::Alaw),
            Encoding::Mulaw => Kind::G711(Law::Mulaw),
            Encoding::PcmS16Le => Kind::Pcm,
            Encoding::G722 => Kind::G722(Box::default()),
            Encoding::Opus => return Err(refuse("encode", format)),
        }))
    }

    /// Appends the bytes of samples from -1 to 1; what lies outside is limited. The second sample of
    /// a byte of G.722 may come with the next piece.
    ///
    /// Nothing is allocated while `bytes` has room.
    pub fn encode(&mut self, samples: &[f32], bytes: &mut BytesMut) {
        self.write(samples.iter().map(|&sample| to_i16(sample)), bytes);
    }

    /// Forgets what was encoded before.
    pub fn reset(&mut self) {
        if let Kind::G722(encoder) = &mut self.0 {
            **encoder = g722::Encoder::default();
        }
    }

    pub(super) fn write(
        &mut self,
        samples: impl ExactSizeIterator<Item = i16>,
        bytes: &mut BytesMut,
    ) {
        match &mut self.0 {
            Kind::G711(law) => write_g711(room(bytes, samples.len()), *law, samples),
            Kind::Pcm => write_pcm(room(bytes, samples.len() * 2), samples),
            Kind::G722(encoder) => {
                let begin = bytes.len();
                let room = room(bytes, samples.len().div_ceil(2));
                let mut written = 0;
                for code in samples.filter_map(|sample| encoder.push(sample)) {
                    room[written] = code;
                    written += 1;
                }
                bytes.truncate(begin + written);
            }
        }
    }
}

/// Room for `bytes` bytes at the end of a block. A block is shared by the pieces cut from it and is
/// used again when all of them are gone.
pub(super) fn room(block: &mut BytesMut, bytes: usize) -> &mut [u8] {
    let begin = block.len();
    if block.capacity() - begin < bytes {
        block.reserve(bytes.max(BLOCK));
    }
    block.resize(begin + bytes, 0);
    &mut block[begin..]
}

pub(super) fn write_g711(out: &mut [u8], law: Law, samples: impl Iterator<Item = i16>) {
    out.iter_mut().zip(samples).for_each(|(out, sample)| *out = law.encode(sample));
}

pub(super) fn write_pcm(out: &mut [u8], samples: impl Iterator<Item = i16>) {
    let out = out.chunks_exact_mut(2).zip(samples);
    out.for_each(|(out, sample)| out.copy_from_slice(&sample.to_le_bytes()));
}
