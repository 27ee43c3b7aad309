//! What vendors call the formats of a phone line, and which of them most take.

use voiceagent_core::{
    Error, ErrorKind, Result,
    audio::{AudioFormat, Encoding},
};

/// Those in which most recognizers hear, best first.
pub(crate) const HEARD: [AudioFormat; 5] = [
    AudioFormat::PCM_16K,
    AudioFormat::PCM_24K,
    AudioFormat::PCM_8K,
    AudioFormat::MULAW_8K,
    AudioFormat::ALAW_8K,
];

/// Those in which most voices speak, best first.
pub(crate) const SPOKEN: [AudioFormat; 5] = [
    AudioFormat::PCM_24K,
    AudioFormat::PCM_16K,
    AudioFormat::PCM_8K,
    AudioFormat::MULAW_8K,
    AudioFormat::ALAW_8K,
];

/// A vendor's names of encodings, for any rate.
#[derive(Debug)]
pub(crate) struct Encodings {
    pub(crate) alaw: Option<&'static str>,
    pub(crate) mulaw: &'static str,
    pub(crate) pcm: &'static str,
}

impl Encodings {
    /// The name of a format's encoding.
    ///
    /// # Errors
    ///
    /// `Unsupported` for one that has none, and for more than one channel.
    pub(crate) fn name(&self, format: AudioFormat, provider: &'static str) -> Result<&'static str> {
        let name = match format.encoding {
            Encoding::Alaw => self.alaw,
            Encoding::Mulaw => Some(self.mulaw),
            Encoding::PcmS16Le => Some(self.pcm),
            Encoding::Opus | _ => None,
        };
        name.filter(|_| format.channels == 1).ok_or_else(|| unsupported(format, provider))
    }
}

/// How an attempt to open a format ends that the vendor does not stream.
pub(crate) fn unsupported(format: AudioFormat, provider: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, "open", format!("no streaming of {format:?}"))
        .with_provider(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_without_a_name_are_unsupported() {
        let names = Encodings { alaw: None, mulaw: "ulaw", pcm: "linear16" };
        assert_eq!(names.name(AudioFormat::PCM_16K, "vendor").unwrap(), "linear16");
        let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
        let opus = AudioFormat::mono(Encoding::Opus, 48_000);
        for format in [stereo, opus, AudioFormat::ALAW_8K] {
            let error = names.name(format, "vendor").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}
