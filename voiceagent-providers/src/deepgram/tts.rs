mod batch;
mod budget;
mod voice;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use self::voice::Voice;
use super::{
    address::{dial, set_format},
    config::DeepgramTtsConfig,
};
use crate::wire::{address::Address, format::SPOKEN, voice::CAPACITY, ws::Dial};

/// Deepgram's Aura voices (`/v1/speak`).
///
/// One socket serves a call. The first text of a generation is spoken at once, and so is every text
/// after it as long as the vendor's limit of 20 flushes a minute allows; each text that was flushed
/// is reported with [`TtsEvent::Spoken`] when its audio is complete.
///
/// A connection that is lost while its audio is on the way is reported. Texts of which nothing was
/// heard are spoken on a new connection instead.
#[derive(Clone, Debug)]
pub struct DeepgramTts {
    config: DeepgramTtsConfig,
}

impl DeepgramTts {
    /// A voice with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Deepgram would refuse; the message names the field.
    pub fn new(config: DeepgramTtsConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(super::PROVIDER))?;
        Ok(Self { config })
    }

    fn dial(&self, format: AudioFormat) -> Result<Dial> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/v1/speak")?;
        address.set("model", &config.model);
        set_format(&mut address, format)?;
        if let Some(speed) = config.speed {
            address.set("speed", &speed.to_string());
        }
        address.set_pairs(&config.extra);
        Ok(dial(address, &config.api_key, config.connect_timeout))
    }
}

#[async_trait]
impl TextToSpeech for DeepgramTts {
    fn name(&self) -> &str {
        "deepgram"
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(SPOKEN.to_vec());
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        capabilities.segments = true;
        capabilities
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let dial = self.dial(options.format)?;
        let voice = Voice::open(dial, options.format, self.config.stall_timeout).await?;
        Ok(Link::spawn(CAPACITY, |peer| voice.run(peer)))
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::Secret;

    use super::*;

    #[test]
    fn the_address_asks_for_what_the_settings_say() {
        let mut config = DeepgramTtsConfig::new(Secret::new("sk-key"));
        config.speed = Some(1.1);
        config.extra = vec![("mip_opt_out".to_owned(), "true".to_owned())];
        let dial = DeepgramTts::new(config).unwrap().dial(AudioFormat::MULAW_8K).unwrap();
        assert_eq!(
            dial.url,
            "wss://api.deepgram.com/v1/speak?model=aura-2-thalia-en&encoding=mulaw\
             &sample_rate=8000&speed=1.1&mip_opt_out=true"
        );
    }

    #[test]
    fn a_speed_out_of_range_is_refused_by_name() {
        let mut config = DeepgramTtsConfig::new(Secret::new("sk-key"));
        config.speed = Some(2.0);
        assert!(DeepgramTts::new(config).unwrap_err().message().contains("`speed`"));
    }
}
