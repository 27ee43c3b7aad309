use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use super::{
    PROVIDER,
    address::{base, dial, output_format},
    codec::{Manner, PieceCodec},
    config::AzureTtsConfig,
    frames::Frames,
};
use crate::wire::{
    address::Address,
    format::SPOKEN,
    voice::contexts::{ContextVoice, Settings},
};

/// Azure's neural voices (`/cognitiveservices/websocket/v2`).
///
/// One socket serves a call, and each generation is a request on it, whose text comes in pieces.
/// The times of its words are reported.
///
/// A connection that is lost while its audio is on the way is reported. Texts of which nothing was
/// heard are spoken on a new connection instead.
#[derive(Clone, Debug)]
pub struct AzureTts {
    config: AzureTtsConfig,
}

impl AzureTts {
    /// A voice with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Azure would refuse; the message names the field.
    pub fn new(config: AzureTtsConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn url(&self) -> Result<String> {
        let config = &self.config;
        let base = base(config.base_url.as_deref(), &config.region, "tts");
        Ok(Address::new(&base, "/cognitiveservices/websocket/v2")?.into_url())
    }

    fn manner(&self, language: Option<Arc<str>>) -> Manner {
        let config = &self.config;
        let own = || {
            let end = config.voice.match_indices('-').nth(1).map_or(0, |(at, _)| at);
            config.voice[..end].into()
        };
        Manner {
            voice: Arc::clone(&config.voice),
            language: language.or_else(|| config.language.clone()).unwrap_or_else(own),
            rate: config.rate.clone(),
            pitch: config.pitch.clone(),
            volume: config.volume.clone(),
            style: config.style.clone(),
        }
    }
}

#[async_trait]
impl TextToSpeech for AzureTts {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(SPOKEN.to_vec());
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        capabilities.word_timings = true;
        capabilities
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let config = &self.config;
        let (frames, manner) = (Frames::new(SystemTime::now()), self.manner(options.language));
        let codec = PieceCodec::new(frames, manner, output_format(options.format)?);
        let settings = Settings {
            dial: dial(self.url()?, &config.api_key, config.connect_timeout),
            format: options.format,
            stall_timeout: config.stall_timeout,
            keep_alive: None,
        };
        ContextVoice::link(settings, codec).await
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::Secret;

    use super::*;

    #[test]
    fn a_voice_speaks_its_own_language_unless_it_is_told_another() {
        let mut config = AzureTtsConfig::new(Secret::new("SAMPLE"), "westeurope");
        config.voice = "de-AT-IngridNeural".into();
        let mut tts = AzureTts::new(config).unwrap();
        assert_eq!(&*tts.manner(None).language, "de-AT");
        assert_eq!(&*tts.manner(Some("en-GB".into())).language, "en-GB");
        tts.config.language = Some("de-DE".into());
        assert_eq!(&*tts.manner(None).language, "de-DE");
        assert_eq!(
            tts.url().unwrap(),
            "wss://westeurope.tts.speech.microsoft.com/cognitiveservices/websocket/v2"
        );
    }
}
