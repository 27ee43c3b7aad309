use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use super::{
    address::{dial, set_format},
    codec::FluxSpeakCodec,
    config::DeepgramFluxTtsConfig,
};
use crate::wire::{
    address::Address,
    format::SPOKEN,
    voice::contexts::{ContextVoice, Settings},
    ws::Dial,
};

/// Deepgram's Flux voices (`/v2/speak`).
///
/// One socket serves a call, and each generation is a turn on it. Of one that is interrupted while
/// its audio is being made, the vendor tells which words were heard.
///
/// A connection that is lost while its audio is on the way is reported. Texts of which nothing was
/// heard are spoken on a new connection instead.
#[derive(Clone, Debug)]
pub struct DeepgramFluxTts {
    config: DeepgramFluxTtsConfig,
}

impl DeepgramFluxTts {
    /// A voice with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Deepgram would refuse; the message names the field.
    pub fn new(config: DeepgramFluxTtsConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(super::PROVIDER))?;
        Ok(Self { config })
    }

    fn dial(&self, format: AudioFormat) -> Result<Dial> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/v2/speak")?;
        address.set("model", &config.model);
        set_format(&mut address, format)?;
        for (key, value) in [("speed", config.speed), ("expressivity", config.expressivity)] {
            if let Some(value) = value {
                address.set(key, &value.to_string());
            }
        }
        address.set_pairs(&config.extra);
        Ok(dial(address, &config.api_key, config.connect_timeout))
    }
}

#[async_trait]
impl TextToSpeech for DeepgramFluxTts {
    fn name(&self) -> &str {
        "deepgram-flux"
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(SPOKEN.to_vec());
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        capabilities.tells_heard = true;
        capabilities
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let settings = Settings {
            dial: self.dial(options.format)?,
            format: options.format,
            stall_timeout: self.config.stall_timeout,
            keep_alive: None,
        };
        let codec = FluxSpeakCodec::new(options.format);
        ContextVoice::link(settings, codec).await
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::Secret;

    use super::*;

    #[test]
    fn the_address_asks_for_what_the_settings_say() {
        let mut config = DeepgramFluxTtsConfig::new(Secret::new("sk-key"));
        (config.speed, config.expressivity) = (Some(1.1), Some(-0.5));
        config.extra = vec![("tag".to_owned(), "shop".to_owned())];
        let dial = DeepgramFluxTts::new(config).unwrap().dial(AudioFormat::MULAW_8K).unwrap();
        assert_eq!(
            dial.url,
            "wss://api.deepgram.com/v2/speak?model=flux-alexis-en&encoding=mulaw\
             &sample_rate=8000&speed=1.1&expressivity=-0.5&tag=shop"
        );
    }
}
