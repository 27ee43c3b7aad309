use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AudioFrame, Encoding,
    decoder::pcm,
    g711::{Law, to_f32},
};

/// A level in dB of full scale (dBFS): 0 for a square wave at the limits, -3 for a sine there,
/// and minus infinity for digital silence.
///
/// ```
/// use voiceagent_core::audio::Decibels;
///
/// assert_eq!(Decibels::of(&[0.1, -0.1]), Decibels(-20.0));
/// assert!(Decibels::of(&[0.0; 160]) < Decibels(-100.0));
/// ```
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Decibels(pub f32);

impl Decibels {
    /// No signal at all.
    pub const SILENCE: Self = Self(f32::NEG_INFINITY);

    /// The root mean square of samples from -1 to 1.
    #[must_use]
    pub fn of(samples: &[f32]) -> Self {
        Self::of_samples(samples.iter().copied())
    }

    /// The root mean square of a frame, over all its channels; `None` for Opus and G.722, of which
    /// a frame alone tells nothing.
    #[must_use]
    pub fn of_frame(frame: &AudioFrame) -> Option<Self> {
        let g711 =
            |law: Law| Self::of_samples(frame.payload.iter().map(|&code| to_f32(law.decode(code))));
        match frame.format.encoding {
            Encoding::Alaw => Some(g711(Law::Alaw)),
            Encoding::Mulaw => Some(g711(Law::Mulaw)),
            Encoding::PcmS16Le => Some(Self::of_samples(pcm(&frame.payload).map(to_f32))),
            Encoding::G722 | Encoding::Opus => None,
        }
    }

    fn of_samples(samples: impl Iterator<Item = f32>) -> Self {
        let (count, sum) = samples
            .fold((0_u32, 0.0_f32), |(count, sum), sample| (count + 1, sum + sample * sample));
        if count == 0 { Self::SILENCE } else { Self(10.0 * (sum / count as f32).log10()) }
    }
}

impl fmt::Display for Decibels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} dBFS", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{AudioFormat, MediaTime};

    fn level(format: AudioFormat, payload: Vec<u8>) -> Option<Decibels> {
        Decibels::of_frame(&AudioFrame::new(format, MediaTime(0), payload.into()))
    }

    #[test]
    fn the_level_of_a_frame_is_the_level_of_its_samples() {
        let half: Vec<u8> = [16_384_i16, -16_384].iter().flat_map(|s| s.to_le_bytes()).collect();
        let read = level(AudioFormat::PCM_8K, half).unwrap();
        assert!((read.0 + 6.02).abs() < 0.01, "{read}");
        for (format, law) in
            [(AudioFormat::MULAW_8K, Law::Mulaw), (AudioFormat::ALAW_8K, Law::Alaw)]
        {
            let read = level(format, vec![law.encode(16_384), law.encode(-16_384)]).unwrap();
            assert!((read.0 + 6.02).abs() < 0.2, "{format:?}: {read}");
        }
    }

    #[test]
    fn silence_and_packets_have_no_number() {
        assert_eq!(level(AudioFormat::MULAW_8K, vec![0xFF; 160]), Some(Decibels::SILENCE));
        assert_eq!(level(AudioFormat::PCM_8K, Vec::new()), Some(Decibels::SILENCE));
        assert_eq!(level(AudioFormat::mono(Encoding::Opus, 48_000), vec![1; 20]), None);
        assert_eq!(Decibels(-12.34).to_string(), "-12.3 dBFS");
    }
}
