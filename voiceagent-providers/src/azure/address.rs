use std::time::Duration;

use voiceagent_core::{
    ErrorKind, Result, Secret,
    audio::{AudioFormat, Encoding},
};

use super::PROVIDER;
use crate::wire::{backoff::Backoff, format::unsupported, ws::Dial};

/// A name for a connection or a request.
pub(super) fn random_name() -> u128 {
    u128::from(Backoff::random_seed()) << 64 | u128::from(Backoff::random_seed())
}

pub(super) fn dial(url: String, key: &Secret, deadline: Duration) -> Dial {
    let key = ("ocp-apim-subscription-key", key.clone());
    let mut dial = Dial::new(PROVIDER, url, key, deadline);
    dial.naming = Some(("x-connectionid", random_name));
    // The SDK takes this code for wrong parameters, and all others for a lost connection.
    dial.close_kind = |code| (code == 1007).then_some(ErrorKind::Rejected);
    dial
}

/// Where a service of a region is.
pub(super) fn base(base_url: Option<&str>, region: &str, service: &str) -> String {
    let default = || format!("wss://{region}.{service}.speech.microsoft.com");
    base_url.map_or_else(default, str::to_owned)
}

/// The beginning of a WAV file of unknown length.
pub(super) fn wav_head(format: AudioFormat) -> Result<[u8; 44]> {
    let (tag, width): (u16, u16) = match format.encoding {
        Encoding::PcmS16Le => (1, 2),
        Encoding::Alaw => (6, 1),
        Encoding::Mulaw => (7, 1),
        Encoding::Opus | _ => return Err(unsupported(format, PROVIDER)),
    };
    if format.channels != 1 {
        return Err(unsupported(format, PROVIDER));
    }
    let rate = format.sample_rate;
    let mut head = *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\0\0\x01\0____****__\0\0data\0\0\0\0";
    head[20..22].copy_from_slice(&tag.to_le_bytes());
    head[24..28].copy_from_slice(&rate.to_le_bytes());
    head[28..32].copy_from_slice(&(rate * u32::from(width)).to_le_bytes());
    head[32..34].copy_from_slice(&width.to_le_bytes());
    head[34..36].copy_from_slice(&(width * 8).to_le_bytes());
    Ok(head)
}

/// Azure's name of a format of audio without a head.
pub(super) fn output_format(format: AudioFormat) -> Result<&'static str> {
    match (format.encoding, format.sample_rate, format.channels) {
        (Encoding::Alaw, 8_000, 1) => Ok("raw-8khz-8bit-mono-alaw"),
        (Encoding::Mulaw, 8_000, 1) => Ok("raw-8khz-8bit-mono-mulaw"),
        (Encoding::PcmS16Le, 8_000, 1) => Ok("raw-8khz-16bit-mono-pcm"),
        (Encoding::PcmS16Le, 16_000, 1) => Ok("raw-16khz-16bit-mono-pcm"),
        (Encoding::PcmS16Le, 24_000, 1) => Ok("raw-24khz-16bit-mono-pcm"),
        _ => Err(unsupported(format, PROVIDER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_head_tells_the_format() {
        let head = wav_head(AudioFormat::MULAW_8K).unwrap();
        assert_eq!(&head[..16], b"RIFF\0\0\0\0WAVEfmt ");
        assert_eq!(
            &head[16..],
            b"\x10\0\0\0\x07\0\x01\0\x40\x1F\0\0\x40\x1F\0\0\x01\0\x08\0data\0\0\0\0"
        );
        let wide = wav_head(AudioFormat::PCM_16K).unwrap();
        assert_eq!(&wide[20..36], b"\x01\0\x01\0\x80\x3E\0\0\0\x7D\0\0\x02\0\x10\0");
    }

    #[test]
    fn connections_have_names_of_their_own_and_a_close_for_wrong_parameters_is_final() {
        let url = "wss://127.0.0.1:1/x".to_owned();
        let dial = dial(url, &Secret::new("sk-key"), Duration::from_secs(1));
        let (header, name) = dial.naming.expect("each connection has a name");
        assert_eq!(header, "x-connectionid");
        assert_ne!(name(), name(), "also one in place of another");
        assert_eq!((dial.close_kind)(1007), Some(ErrorKind::Rejected));
        assert_eq!((dial.close_kind)(1011), None);
    }

    #[test]
    fn formats_that_cannot_be_streamed_are_unsupported() {
        let stereo = AudioFormat { channels: 2, ..AudioFormat::PCM_16K };
        let opus = AudioFormat::mono(Encoding::Opus, 48_000);
        for format in [stereo, opus] {
            assert_eq!(wav_head(format).unwrap_err().kind(), ErrorKind::Unsupported);
            assert_eq!(output_format(format).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
