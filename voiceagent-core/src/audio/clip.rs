use std::{fmt, fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    AudioFormat, Encoding, Resampler, Transcoder,
    decoder::{pcm, refuse},
    g711::{to_f32, to_i16},
    wav,
};
use crate::{Error, Result};

/// A sound that is known in advance: a prompt, or the noise of an office. A clone shares it.
///
/// ```
/// use voiceagent_core::audio::{AudioFormat, Clip};
///
/// let second = Clip::new(AudioFormat::MULAW_8K, &[0x80; 8_000])?;
/// assert_eq!(second.duration().as_secs(), 1);
/// assert_eq!(second.encode(AudioFormat::PCM_16K)?.len(), 32_000);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Clip {
    /// 16-bit samples in little-endian order.
    samples: Arc<[u8]>,
    format: AudioFormat,
}

impl Clip {
    /// Makes a clip of encoded audio. Several channels become one, which is their mean.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), naming the field, for Opus, for
    /// sample rates below 4 kHz or above 192 kHz, for no channel, and for G.722 at other rates than
    /// 16 kHz or of several channels.
    pub fn new(format: AudioFormat, payload: &[u8]) -> Result<Self> {
        let plain = AudioFormat::mono(Encoding::PcmS16Le, format.sample_rate);
        let one = AudioFormat { channels: 1, ..format };
        // A byte of G.722 holds two samples of one channel.
        let is_split = format.channels == 1 || format.encoding != Encoding::G722;
        if format.channels == 0 || !is_split || !one.can_be_converted() {
            return Err(refuse("read", format));
        }
        let samples = Transcoder::new(one, plain)?.transcode(Bytes::copy_from_slice(payload));
        let channels = usize::from(format.channels);
        let samples = if channels == 1 {
            Arc::from(&*samples)
        } else {
            let moments = samples.chunks_exact(channels * 2);
            let means = moments.map(|moment| {
                // A mean of samples is as wide as a sample.
                (pcm(moment).map(i64::from).sum::<i64>() / channels as i64) as i16
            });
            means.flat_map(i16::to_le_bytes).collect()
        };
        Ok(Self { samples, format: plain })
    }

    /// Reads a WAV file of 16-bit PCM or G.711.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming the file, when it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refuse = |why: &str| Error::config(format!("{}: {why}", path.display()));
        let file = fs::read(path).map_err(|error| {
            refuse(&format!("cannot be read: {}", error.kind())).with_source(error)
        })?;
        Self::from_wav(&file).map_err(|error| refuse(error.message()))
    }

    /// Reads the bytes of a WAV file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when they are none, or hold anything but
    /// 16-bit PCM or G.711.
    pub fn from_wav(file: &[u8]) -> Result<Self> {
        let (format, samples) = wav::samples(file)?;
        Self::new(format, &file[samples])
    }

    /// Writes a WAV file, as [`open`](Self::open) reads it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) naming the file, when it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        fs::write(path, self.to_wav()).map_err(|error| {
            let what = format!("{}: cannot be written: {}", path.display(), error.kind());
            Error::config(what).with_source(error)
        })
    }

    /// The bytes of a WAV file, as [`from_wav`](Self::from_wav) reads them.
    #[must_use]
    pub fn to_wav(&self) -> Vec<u8> {
        let mut file = wav::header(self.format, self.samples.len() as u64).to_vec();
        file.extend_from_slice(&self.samples);
        file
    }

    /// How long it sounds.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.format.duration_of(self.format.samples(self.samples.len()))
    }

    /// The whole clip in another format, from its first sample to its last.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for Opus and more than one channel.
    pub fn encode(&self, format: AudioFormat) -> Result<Bytes> {
        if format.sample_rate == self.format.sample_rate {
            let samples = Bytes::copy_from_slice(&self.samples);
            return Ok(Transcoder::new(self.format, format)?.transcode(samples));
        }
        let plain = AudioFormat::mono(Encoding::PcmS16Le, format.sample_rate);
        let mut encoder = Transcoder::new(plain, format)?;
        Ok(encoder.transcode(self.at_rate(format.sample_rate)))
    }
}

impl Clip {
    /// The samples at another rate, none of which a stream would still hold back.
    fn at_rate(&self, sample_rate: u32) -> Bytes {
        let mut resampler = Resampler::new(self.format.sample_rate, sample_rate);
        let samples: Vec<f32> = pcm(&self.samples).map(to_f32).collect();
        let mut resampled = Vec::new();
        resampler.process(&samples, &mut resampled);
        let length = resampled.len();
        resampler.finish(&mut resampled);
        // As much as came behind the end came before the beginning.
        let resampled = resampled.split_off(resampled.len() - length).into_iter();
        resampled.map(to_i16).flat_map(i16::to_le_bytes).collect()
    }

    /// The samples at another rate, so that the first follows the last as any other does: a turn is
    /// as much longer or shorter as a part of a sample. `None` for an empty clip.
    pub(super) fn looped(&self, sample_rate: u32) -> Option<Arc<[i16]>> {
        if sample_rate == self.format.sample_rate {
            return (!self.samples.is_empty()).then(|| pcm(&self.samples).collect());
        }
        let before = self.format.samples(self.samples.len());
        let rates = (u64::from(self.format.sample_rate), u64::from(sample_rate));
        let after = (before * rates.1 + rates.0 / 2) / rates.0;
        let (before, after) = (u32::try_from(before).ok()?, u32::try_from(after.max(1)).ok()?);
        if before == 0 {
            return None;
        }
        // As many samples in as out, so that the next turn begins where this one did.
        let mut resampler = Resampler::new(before, after);
        let samples: Vec<f32> = pcm(&self.samples).map(to_f32).collect();
        resampler.prime(samples.iter().copied().rev().cycle());
        let mut looped = Vec::with_capacity(after as usize);
        resampler.process(&samples, &mut looped);
        let late = resampler.lead() % looped.len();
        looped.rotate_left(late);
        Some(looped.into_iter().map(to_i16).collect())
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({:?})", self.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn several_channels_become_one() {
        let format = AudioFormat { channels: 2, ..AudioFormat::PCM_8K };
        let clip = Clip::new(format, &[0, 0x40, 0, 0xC0, 0, 0x10, 0, 0x20]).unwrap();
        assert_eq!(clip.encode(AudioFormat::PCM_8K).unwrap(), &[0, 0, 0, 0x18][..]);
    }

    #[test]
    fn what_is_no_sound_is_refused_by_the_field_that_is_wrong() {
        let pcm = |rate| AudioFormat::mono(Encoding::PcmS16Le, rate);
        for (field, format) in [
            ("sample_rate", pcm(0)),
            ("sample_rate", pcm(3_999)),
            ("sample_rate", pcm(192_001)),
            ("sample_rate", AudioFormat { channels: 2, ..pcm(0) }),
            ("sample_rate", AudioFormat::mono(Encoding::G722, 8_000)),
            ("channels", AudioFormat { channels: 2, ..AudioFormat::G722 }),
            ("channels", AudioFormat { channels: 0, ..AudioFormat::PCM_8K }),
            ("encoding", AudioFormat::mono(Encoding::Opus, 48_000)),
        ] {
            let error = Clip::new(format, &[1; 400]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{format:?}");
            assert!(error.message().contains(&format!("`{field}`")), "{error}");
        }
        assert!(Clip::new(pcm(4_000), &[1; 400]).is_ok());
        assert!(Clip::new(pcm(192_000), &[1; 400]).is_ok());
    }

    #[test]
    fn a_clip_that_was_encoded_lasts_as_long() {
        let clip = Clip::new(AudioFormat::PCM_24K, &[0; 48_000]).unwrap();
        assert_eq!(clip.duration(), Duration::from_secs(1));
        assert_eq!(clip.encode(AudioFormat::ALAW_8K).unwrap().len(), 8_000);
        assert!(clip.encode(AudioFormat::mono(Encoding::Opus, 48_000)).is_err());
    }

    #[test]
    fn a_clip_at_another_rate_has_its_sounds_where_they_were_and_to_the_end() {
        for (from, to) in [(8_000, 24_000), (24_000, 8_000), (44_100, 16_000), (16_000, 8_001)] {
            let pcm_at = |rate| AudioFormat::mono(Encoding::PcmS16Le, rate);
            // Half a second of silence, and as much of a tone of 500 Hz, up to the last sample.
            let tone = |at: u32| {
                let turn = f64::from(at) * 500.0 * std::f64::consts::TAU / f64::from(from);
                if at < from / 2 { 0 } else { (turn.sin() * 8_000.0) as i16 }
            };
            let payload: Vec<u8> = (0..from).flat_map(|at| tone(at).to_le_bytes()).collect();
            let clip = Clip::new(pcm_at(from), &payload).unwrap();
            let encoded = clip.encode(pcm_at(to)).unwrap();
            assert_eq!(encoded.len(), to as usize * 2, "{from} to {to}");
            let peak = |part: &[u8]| pcm(part).map(i16::unsigned_abs).max().unwrap();
            let millisecond = to as usize / 1_000 * 2;
            let tone_from = to as usize / 2 * 2;
            assert!(peak(&encoded[..tone_from - 5 * millisecond]) < 10, "{from} to {to}");
            assert!(
                peak(&encoded[tone_from..tone_from + 2 * millisecond]) > 7_500,
                "{from} to {to}"
            );
            assert!(peak(&encoded[encoded.len() - 2 * millisecond..]) > 7_000, "{from} to {to}");
        }
    }

    #[test]
    fn the_bytes_of_a_file_are_read_as_the_same_clip() {
        let clip = Clip::new(AudioFormat::MULAW_8K, &[0x80, 0x00, 0xFF]).unwrap();
        assert_eq!(Clip::from_wav(&clip.to_wav()).unwrap(), clip);
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = Clip::open("no/such.wav").unwrap_err();
        assert!(error.message().contains("no/such.wav"), "{error}");
    }
}
