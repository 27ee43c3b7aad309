use std::time::Duration;

use voiceagent_core::{
    Error, ErrorKind, Result, Secret,
    audio::{AudioFormat, Encoding},
};

use crate::wire::{address::Address, ws::Dial};

/// Appends the parameters that describe raw audio.
pub(super) fn set_format(address: &mut Address, format: AudioFormat) -> Result<()> {
    address.set("encoding", encoding(format)?);
    address.set("sample_rate", &format.sample_rate.to_string());
    Ok(())
}

pub(super) fn dial(address: Address, api_key: &Secret, deadline: Duration) -> Dial {
    let authorization = Secret::new(format!("Token {}", api_key.expose()));
    let mut dial =
        Dial::new(super::PROVIDER, address.into_url(), ("authorization", authorization), deadline);
    dial.reason_header = Some("dg-error");
    dial
}

/// Deepgram's name of an encoding.
pub(super) fn encoding(format: AudioFormat) -> Result<&'static str> {
    let name = match format.encoding {
        Encoding::Alaw => Some("alaw"),
        Encoding::Mulaw => Some("mulaw"),
        Encoding::PcmS16Le => Some("linear16"),
        Encoding::Opus | _ => None,
    };
    name.filter(|_| format.channels == 1).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "open", format!("no streaming of {format:?}"))
            .with_provider(super::PROVIDER)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_cannot_be_streamed_are_unsupported() {
        let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
        let opus = AudioFormat::mono(Encoding::Opus, 48_000);
        for format in [stereo, opus] {
            assert_eq!(encoding(format).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
