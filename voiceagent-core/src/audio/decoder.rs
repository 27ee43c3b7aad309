use super::{
    AudioFormat, Encoding,
    g711::{Law, to_f32},
    g722,
};
use crate::{Error, ErrorKind, Result};

/// Reads the bytes of a mono stream as samples from -1 to 1.
///
/// Pieces may be cut anywhere, also in the middle of a sample.
///
/// ```
/// use voiceagent_core::audio::{AudioFormat, Decoder};
///
/// let mut decoder = Decoder::new(AudioFormat::PCM_8K)?;
/// let mut samples = Vec::new();
/// decoder.decode(&[0x00, 0x40, 0x00], &mut samples);
/// decoder.decode(&[0xC0], &mut samples);
/// assert_eq!(samples, [0.5, -0.5]);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder(State);

/// What is known of the stream so far.
#[derive(Clone, Debug)]
enum State {
    G711(Law),
    G722(Box<g722::Decoder>),
    Pcm(HalfSample),
}

/// How the bytes of a stream that can be converted are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    G711(Law),
    G722,
    Pcm,
}

impl Decoder {
    /// Makes a decoder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] for Opus, for more than one channel, for sample rates below 4 kHz
    /// or above 192 kHz, and for G.722 at other rates than 16 kHz.
    pub fn new(format: AudioFormat) -> Result<Self> {
        Ok(Self(match Kind::of(format)? {
            Kind::G711(law) => State::G711(law),
            Kind::G722 => State::G722(Box::default()),
            Kind::Pcm => State::Pcm(HalfSample::default()),
        }))
    }

    /// Appends the samples that `payload` completes.
    pub fn decode(&mut self, payload: &[u8], samples: &mut Vec<f32>) {
        match &mut self.0 {
            State::G711(law) => law.decode_f32_into(payload, samples),
            State::G722(decoder) => {
                let pairs = payload.iter().flat_map(|&code| decoder.decode(code));
                samples.extend(pairs.map(to_f32));
            }
            State::Pcm(half) => {
                let (first, whole) = half.join(payload);
                samples.extend(first.into_iter().chain(pcm(whole)).map(to_f32));
            }
        }
    }

    /// Appends the 16-bit samples that `payload` completes.
    pub(super) fn decode_i16(&mut self, payload: &[u8], samples: &mut Vec<i16>) {
        match &mut self.0 {
            State::G711(law) => law.decode_into(payload, samples),
            State::G722(decoder) => decoder.decode_into(payload, samples),
            State::Pcm(half) => {
                let (first, whole) = half.join(payload);
                samples.extend(first.into_iter().chain(pcm(whole)));
            }
        }
    }

    /// Forgets what came before, and half a sample that is still waiting for its other half.
    pub fn reset(&mut self) {
        match &mut self.0 {
            State::G711(_) => {}
            State::G722(decoder) => **decoder = g722::Decoder::default(),
            State::Pcm(half) => *half = HalfSample::default(),
        }
    }
}

impl Kind {
    pub(super) fn of(format: AudioFormat) -> Result<Self> {
        if !format.can_be_converted() {
            return Err(refuse("decode", format));
        }
        match format.encoding {
            Encoding::Alaw => Ok(Self::G711(Law::Alaw)),
            Encoding::G722 => Ok(Self::G722),
            Encoding::Mulaw => Ok(Self::G711(Law::Mulaw)),
            Encoding::PcmS16Le => Ok(Self::Pcm),
            Encoding::Opus => Err(refuse("decode", format)),
        }
    }
}

pub(super) fn refuse(operation: &'static str, format: AudioFormat) -> Error {
    // Packets of Opus have sample rates and channels of any kind.
    let (field, accepted) = format.fault().unwrap_or(("encoding", "G.711, G.722 or 16-bit PCM"));
    let what = format!("cannot {operation} {format:?}: `{field}` must be {accepted}");
    Error::new(ErrorKind::Unsupported, operation, what)
}

/// The first byte of a 16-bit sample whose second byte has not come yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HalfSample(Option<u8>);

impl HalfSample {
    /// Splits `payload` into the sample that the waiting byte begins and the whole samples behind
    /// it; an odd byte at the end waits in its turn.
    pub(super) fn join<'a>(&mut self, payload: &'a [u8]) -> (Option<i16>, &'a [u8]) {
        let Some((&second, rest)) = payload.split_first() else {
            return (None, payload);
        };
        let (first, rest) = match self.0.take() {
            Some(low) => (Some(i16::from_le_bytes([low, second])), rest),
            None => (None, payload),
        };
        let whole = rest.len() & !1;
        self.0 = rest.get(whole).copied();
        (first, &rest[..whole])
    }
}

/// The samples of 16-bit PCM.
pub(super) fn pcm(bytes: &[u8]) -> impl Iterator<Item = i16> {
    bytes.chunks_exact(2).map(|sample| i16::from_le_bytes([sample[0], sample[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Encoder;

    #[test]
    fn pcm_cut_anywhere_gives_the_same_samples() {
        let bytes: Vec<u8> = (0..=254).collect();
        let whole: Vec<f32> = pcm(&bytes).map(to_f32).collect();
        for piece in [1, 2, 3, 7, 100] {
            let mut decoder = Decoder::new(AudioFormat::PCM_8K).unwrap();
            let mut samples = Vec::new();
            for piece in bytes.chunks(piece) {
                decoder.decode(piece, &mut samples);
                decoder.decode(&[], &mut samples);
            }
            assert_eq!(samples, whole, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_reset_drops_half_a_sample() {
        let mut decoder = Decoder::new(AudioFormat::PCM_8K).unwrap();
        let mut samples = Vec::new();
        decoder.decode(&[9], &mut samples);
        decoder.reset();
        decoder.decode(&[0, 0x40], &mut samples);
        assert_eq!(samples, [0.5]);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused_by_the_field_that_is_wrong() {
        for (field, format) in [
            ("encoding", AudioFormat::mono(Encoding::Opus, 48_000)),
            ("channels", AudioFormat { channels: 2, ..AudioFormat::PCM_16K }),
            ("sample_rate", AudioFormat::mono(Encoding::Mulaw, 0)),
            ("sample_rate", AudioFormat::mono(Encoding::G722, 8_000)),
            ("sample_rate", AudioFormat::mono(Encoding::PcmS16Le, u32::MAX)),
        ] {
            for error in [Decoder::new(format).unwrap_err(), Encoder::new(format).unwrap_err()] {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.message().contains(&format!("`{field}`")), "{error}");
            }
        }
    }
}
