use bytes::{Bytes, BytesMut};

use super::{
    AudioFormat, Decoder, Encoder, Encoding, Resampler,
    decoder::{HalfSample, Kind, pcm},
    encoder::{room, write_g711, write_pcm},
    g711::Law,
    g722,
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
    from_g722: bool,
    to_g722: bool,
    /// Something of the input is held back.
    begun: bool,
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

    /// The output that is still held back when the stream is complete, and begins anew: the last 3 ms
    /// where the rates differ, and what the filters of G.722 have in mind. Empty where nothing is, or
    /// nothing came. Half a sample is dropped.
    ///
    /// Nothing is allocated in steady state.
    pub fn finish(&mut self) -> Bytes {
        if let Path::Resample(resample) = &mut self.path {
            resample.finish(&mut self.block);
        }
        self.reset();
        self.block.split().freeze()
    }

    /// Forgets everything heard so far, as after a cut in the stream.
    pub fn reset(&mut self) {
        match &mut self.path {
            Path::Identity | Path::Table(_) | Path::Expand(_) => {}
            Path::Compress { half, .. } => *half = HalfSample::default(),
            Path::Resample(resample) => resample.reset(),
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
                from_g722: from.encoding == Encoding::G722,
                to_g722: to.encoding == Encoding::G722,
                begun: false,
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
        self.begun |= !self.before.is_empty();
    }

    fn finish(&mut self, block: &mut BytesMut) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        if self.from_g722 {
            self.run(&[g722::SILENCE; g722::DELAY.div_ceil(4)], block);
        }
        self.after.clear();
        self.resampler.finish(&mut self.after);
        if self.to_g722 {
            // Whoever decodes it hears a sample only when the filters of both sides let it out.
            self.after.resize(self.after.len() + g722::DELAY + 1, 0.0);
        }
        self.encoder.encode(&self.after, block);
    }

    fn reset(&mut self) {
        self.decoder.reset();
        self.resampler.reset();
        self.encoder.reset();
        self.begun = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

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

    /// A tone of 500 Hz, as loud in its last millisecond as anywhere.
    fn tone(rate: u32, millis: u32) -> Vec<i16> {
        let turn = |at| f64::from(at) * 500.0 * std::f64::consts::TAU / f64::from(rate);
        (0..rate / 1_000 * millis).map(|at| (turn(at).sin() * 16_000.0) as i16).collect()
    }

    #[test]
    fn the_end_of_a_stream_comes_out_when_it_is_complete() {
        let pcm_of = |rate| AudioFormat::mono(Encoding::PcmS16Le, rate);
        let formats = [
            AudioFormat::MULAW_8K,
            AudioFormat::PCM_8K,
            AudioFormat::PCM_16K,
            AudioFormat::PCM_24K,
            AudioFormat::G722,
            pcm_of(44_100),
            pcm_of(48_000),
        ];
        for from in formats {
            for to in formats {
                let plain = pcm_of(from.sample_rate);
                let samples: Bytes =
                    tone(from.sample_rate, 200).into_iter().flat_map(i16::to_le_bytes).collect();
                let mut coded = transcoder(plain, from);
                let payload = [coded.transcode(samples.clone()), coded.finish()].concat();
                let mut subject = transcoder(from, to);
                assert!(subject.finish().is_empty(), "{from:?} to {to:?}: nothing came");
                let first = subject.transcode(payload.clone().into());
                let rest = subject.finish();
                let all = [first.clone(), rest].concat();
                let mut read = transcoder(to, pcm_of(to.sample_rate));
                let heard = [read.transcode(all.into()), read.finish()].concat();
                let heard: Vec<i16> = pcm(&heard).collect();
                let peak = |part: &[i16]| part.iter().map(|it| it.unsigned_abs()).max().unwrap();
                // A tone that is heard to its end: from its first to its last loud sample.
                let loud = |sample: &i16| sample.unsigned_abs() > 4_000;
                let begin = heard.iter().position(loud).unwrap();
                let end = heard.iter().rposition(loud).unwrap();
                let lasts = (end - begin) as f64 / f64::from(to.sample_rate) * 1e3;
                assert!((lasts - 199.5).abs() < 0.5, "{from:?} to {to:?}: {lasts} ms");
                assert!(peak(&heard[end.saturating_sub(20)..]) > 8_000, "{from:?} to {to:?}");
                assert_eq!(subject.transcode(payload.into()), first, "it is as good as new");
            }
        }
    }

    #[test]
    fn streams_that_are_finished_again_and_again_take_no_more_memory() {
        let mut transcoder = transcoder(AudioFormat::PCM_24K, AudioFormat::MULAW_8K);
        let mut seen = Vec::new();
        for _ in 0..5 {
            for _ in 0..10 {
                let _ = transcoder.transcode(noise(960));
            }
            let last = transcoder.finish();
            assert_eq!(last.len(), 24);
            let Path::Resample(resample) = &transcoder.path else { panic!("the rates differ") };
            seen.push((resample.before.capacity(), resample.after.capacity()));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
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
