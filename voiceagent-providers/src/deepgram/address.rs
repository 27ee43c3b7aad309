use std::time::Duration;

use voiceagent_core::{Result, Secret, audio::AudioFormat};

use crate::wire::{address::Address, format::Encodings, ws::Dial};

/// Deepgram's names of encodings.
pub(super) const ENCODINGS: Encodings =
    Encodings { alaw: Some("alaw"), mulaw: "mulaw", pcm: "linear16" };

/// Appends the parameters that describe raw audio.
pub(super) fn set_format(address: &mut Address, format: AudioFormat) -> Result<()> {
    address.set("encoding", ENCODINGS.name(format, super::PROVIDER)?);
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
