use bytes::{Bytes, BytesMut};

use super::{
    AudioFormat, Decoder, Encoder, Resampler,
    decoder::{HalfSample, Kind, pcm},
    encoder::{room, write_g711, write_pcm},
    g711::Law,
};
use crate::Result;

/// Turns a mono stream of one format into another, piece by piece.
///
/// Equal formats pass through untouched. Between G.711 and PCM of the same rate it looks up
/// tables; where the rates differ, and for G.722, it decodes, resamples and encodes.
///
/// ```
/// use bytes::Bytes;
/// use voiceagent_core::audio::{AudioFormat, Transcoder};
///
/// let mut transcoder = Transcoder::new(AudioFormat::MULAW_8K, AudioFormat::PCM_16K)?;
/// let frame = transcoder.transcode(Bytes::from(vec![0xFF; 160]));
/// assert_eq!(frame.len(), 640);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Transcoder {
    path: Path,
    block: BytesMut,
}

#[derive(Debug)]
enum Path {
    Identity,
    Table(Box<[u8; 256]>),
    Expand(Law),
    Compress { law: Law, half: HalfSample },
    Resample(Box<Resample>),
}

#[derive(Debug)]
struct Resample {
    decoder: Decoder,
    resampler: Resampler,
    encoder: Encoder,
    before: Vec<f32>,
    after: Vec<f32>,
}

impl Transcoder {
    /// Makes a transcoder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for Opus, for more than one
    /// channel, for sample rates below 4 kHz or above 192 kHz, and for G.722 at other rates than
    /// 16 kHz, unless the formats are equal.
    pub fn new(from: AudioFormat, to: AudioFormat) -> Result<Self> {
        Ok(Self { path: Path::between(from, to)?, block: BytesMut::new() })
    }

    /// Whether the formats are equal.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        matches!(self.path, Path::Identity)
    }

    /// The output that `payload` completes; the same bytes, not a copy, if the formats are equal.
    ///
    /// Pieces may be cut anywhere, also in the middle of a sample.
    pub fn transcode(&mut self, payload: Bytes) -> Bytes {
        match &mut self.path {
            Path::Identity => return payload,
            Path::Table(table) => {
                let out = room(&mut self.block, payload.len());
                out.iter_mut()
                    .zip(&payload)
                    .for_each(|(out, &code)| *out = table[usize::from(code)]);
            }
            Path::Expand(law) => {
                let out = room(&mut self.block, payload.len() * 2);
                write_pcm(out, payload.iter().map(|&code| law.decode(code)));
            }
            Path::Compress { law, half } => {
                let (first, whole) = half.join(&payload);
                let out = room(&mut self.block, whole.len() / 2 + usize::from(first.is_some()));
                write_g711(out, *law, first.into_iter().chain(pcm(whole)));
            }
            Path::Resample(resample) => resample.run(&payload, &mut self.block),
        }
        self.block.split().freeze()
    }

    /// Forgets everything heard so far, as after a cut in the stream.
    pub fn reset(&mut self) {
        match &mut self.path {
            Path::Identity | Path::Table(_) | Path::Expand(_) => {}
            Path::Compress { half, .. } => *half = HalfSample::default(),
            Path::Resample(resample) => {
                resample.decoder.reset();
                resample.resampler.reset();
                resample.encoder.reset();
            }
        }
    }
}

impl Path {
    fn between(from: AudioFormat, to: AudioFormat) -> Result<Self> {
        if from == to {
            return Ok(Self::Identity);
        }
        let kinds = (Kind::of(from)?, Kind::of(to)?);
        let resample = || -> Result<Self> {
            Ok(Self::Resample(Box::new(Resample {
                decoder: Decoder::new(from)?,
                resampler: Resampler::new(from.sample_rate, to.sample_rate),
                encoder: Encoder::new(to)?,
                before: Vec::new(),
                after: Vec::new(),
            })))
        };
        if from.sample_rate != to.sample_rate {
            return resample();
        }
        Ok(match kinds {
            (Kind::G711(from), Kind::G711(to)) => Self::Table(Box::new(std::array::from_fn(
                // As wide as a byte, which an index into 256 entries is.
                |code| to.encode(from.decode(code as u8)),
            ))),
            (Kind::G711(law), Kind::Pcm) => Self::Expand(law),
            (Kind::Pcm, Kind::G711(law)) => Self::Compress { law, half: HalfSample::default() },
            (Kind::Pcm, Kind::Pcm) | (Kind::G722, Kind::G722) => Self::Identity,
            (Kind::G722, _) | (_, Kind::G722) => return resample(),
        })
    }
}

impl Resample {
    fn run(&mut self, payload: &[u8], block: &mut BytesMut) {
        self.before.clear();
        self.after.clear();
        self.decoder.decode(payload, &mut self.before);
        self.resampler.process(&self.before, &mut self.after);
        self.encoder.encode(&self.after, block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, audio::Encoding};

    fn noise(bytes: usize) -> Bytes {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..bytes).map(|_| next()).collect()
    }

    fn transcoder(from: AudioFormat, to: AudioFormat) -> Transcoder {
        Transcoder::new(from, to).unwrap()
    }

    #[test]
    fn equal_formats_pass_the_same_bytes_on() {
        for format in [AudioFormat::MULAW_8K, AudioFormat::mono(Encoding::Opus, 48_000)] {
            let mut same = transcoder(format, format);
            let payload = noise(161);
            assert!(same.is_identity());
            assert_eq!(same.transcode(payload.clone()).as_ptr(), payload.as_ptr());
        }
    }

    #[test]
    fn g711_and_pcm_of_one_rate_go_by_table() {
        let (mulaw, alaw, pcm) = (AudioFormat::MULAW_8K, AudioFormat::ALAW_8K, AudioFormat::PCM_8K);
        let codes: Bytes = (0..=255).collect();
        for (format, law) in [(mulaw, Law::Mulaw), (alaw, Law::Alaw)] {
            let expanded = transcoder(format, pcm).transcode(codes.clone());
            let expected: Vec<u8> =
                codes.iter().flat_map(|&code| law.decode(code).to_le_bytes()).collect();
            assert_eq!(expanded, expected);
            let compressed = transcoder(pcm, format).transcode(expanded);
            assert!(compressed.iter().zip(&codes).all(|(&a, &b)| law.decode(a) == law.decode(b)));
        }
        let crossed = transcoder(mulaw, alaw).transcode(codes.clone());
        let expected: Vec<u8> =
            codes.iter().map(|&code| Law::Alaw.encode(Law::Mulaw.decode(code))).collect();
        assert_eq!(crossed, expected);
    }

    #[test]
    fn a3_pieces_cut_anywhere_give_the_same_bytes() {
        let formats = [
            AudioFormat::MULAW_8K,
            AudioFormat::ALAW_8K,
            AudioFormat::PCM_8K,
            AudioFormat::PCM_16K,
            AudioFormat::G722,
            AudioFormat::mono(Encoding::PcmS16Le, 44_100),
        ];
        let payload = noise(1_601);
        for from in formats {
            for to in formats {
                let whole = transcoder(from, to).transcode(payload.clone());
                for piece in [1, 7, 160] {
                    let mut pieces = transcoder(from, to);
                    let mut output = Vec::new();
                    for start in (0..payload.len()).step_by(piece) {
                        let end = payload.len().min(start + piece);
                        output.extend(pieces.transcode(payload.slice(start..end)));
                    }
                    assert_eq!(output, whole, "{from:?} to {to:?} in pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn a_reset_transcoder_is_as_good_as_new() {
        for to in [AudioFormat::MULAW_8K, AudioFormat::PCM_16K, AudioFormat::G722] {
            let mut used = transcoder(AudioFormat::PCM_8K, to);
            let _ = used.transcode(noise(33));
            used.reset();
            let fresh = transcoder(AudioFormat::PCM_8K, to).transcode(noise(320));
            assert_eq!(used.transcode(noise(320)), fresh);
        }
    }

    #[test]
    fn pieces_share_a_block_that_is_used_again() {
        let mut transcoder = transcoder(AudioFormat::MULAW_8K, AudioFormat::PCM_8K);
        let first = transcoder.transcode(noise(160));
        let second = transcoder.transcode(noise(160));
        assert_eq!(first.as_ptr().wrapping_add(first.len()), second.as_ptr());
    }

    #[test]
    fn opus_and_stereo_are_refused() {
        let opus = AudioFormat::mono(Encoding::Opus, 48_000);
        let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
        for (from, to) in [(opus, AudioFormat::PCM_16K), (AudioFormat::MULAW_8K, stereo)] {
            let refused = Transcoder::new(from, to).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unsupported);
        }
    }
}
