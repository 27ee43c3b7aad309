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
///
/// It is written as a number; what is none, such as digital silence, as the text `"-inf"`, which every
/// format can hold.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, PartialOrd, Serialize)]
#[serde(from = "Written", into = "Written")]
pub struct Decibels(pub f32);

/// How a level is written.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Number(f32),
    Text(NoNumber),
}

/// What JSON has no number for.
#[derive(Deserialize, Serialize)]
enum NoNumber {
    #[serde(rename = "-inf")]
    Silence,
    #[serde(rename = "inf")]
    Infinite,
    #[serde(rename = "nan")]
    Unknown,
}

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
        // Single precision would lose the last of some seconds of samples.
        let (count, sum) = samples
            .map(f64::from)
            .fold((0_u64, 0.0), |(count, sum), sample| (count + 1, sum + sample * sample));
        if count == 0 { Self::SILENCE } else { Self((10.0 * (sum / count as f64).log10()) as f32) }
    }
}

impl From<Written> for Decibels {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(level) => Self(level),
            Written::Text(NoNumber::Silence) => Self::SILENCE,
            Written::Text(NoNumber::Infinite) => Self(f32::INFINITY),
            Written::Text(NoNumber::Unknown) => Self(f32::NAN),
        }
    }
}

impl From<Decibels> for Written {
    fn from(Decibels(level): Decibels) -> Self {
        if level.is_finite() {
            Self::Number(level)
        } else if level.is_nan() {
            Self::Text(NoNumber::Unknown)
        } else if level < 0.0 {
            Self::Text(NoNumber::Silence)
        } else {
            Self::Text(NoNumber::Infinite)
        }
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

    #[test]
    fn minutes_are_as_loud_as_each_of_their_seconds() {
        for sample in [0.1, 1.0] {
            let second = Decibels::of(&[sample; 8_000]);
            let minutes = Decibels::of_samples(std::iter::repeat_n(sample, 20_000_000));
            assert!((minutes.0 - second.0).abs() < 1e-4, "{minutes:?} instead of {second:?}");
        }
    }

    #[test]
    fn every_level_is_read_as_it_was_written() {
        for level in [-18.5, 0.0, f32::NEG_INFINITY, f32::INFINITY, f32::MIN] {
            let json = serde_json::to_string(&Decibels(level)).unwrap();
            assert_eq!(serde_json::from_str::<Decibels>(&json).unwrap(), Decibels(level), "{json}");
        }
        assert_eq!(serde_json::to_string(&Decibels::SILENCE).unwrap(), r#""-inf""#);
        assert_eq!(serde_json::to_string(&Decibels(-18.5)).unwrap(), "-18.5");
        let unknown = serde_json::to_string(&Decibels(f32::NAN)).unwrap();
        assert!(serde_json::from_str::<Decibels>(&unknown).unwrap().0.is_nan());
        assert!(serde_json::from_str::<Decibels>("null").is_err());
        assert!(serde_json::from_str::<Decibels>(r#""loud""#).is_err());
    }
}
