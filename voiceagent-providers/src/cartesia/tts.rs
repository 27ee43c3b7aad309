use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    spoken::Phonemes,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use super::{PROVIDER, VERSION, codec::SonicCodec, config::CartesiaTtsConfig};
use crate::wire::{
    address::Address,
    format::SPOKEN,
    voice::contexts::{ContextVoice, Settings},
    ws::Dial,
};

/// Cartesia's Sonic voices (`/tts/websocket`).
///
/// One socket serves a call, and each generation is a context on it, so that audio of one that was
/// cancelled is told from the next. Every text is spoken at once, and the times of its words are
/// reported.
///
/// A connection that is lost while its audio is on the way is reported. Texts of which nothing was
/// heard are spoken on a new connection instead.
#[derive(Clone, Debug)]
pub struct CartesiaTts {
    config: CartesiaTtsConfig,
}

impl CartesiaTts {
    /// A voice with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Cartesia would refuse; the message names the field.
    pub fn new(config: CartesiaTtsConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn dial(&self) -> Result<Dial> {
        let config = &self.config;
        let url = Address::new(&config.base_url, "/tts/websocket")?.into_url();
        let key = ("x-api-key", config.api_key.clone());
        let mut dial = Dial::new(PROVIDER, url, key, config.connect_timeout);
        dial.headers = &VERSION;
        Ok(dial)
    }
}

#[async_trait]
impl TextToSpeech for CartesiaTts {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(SPOKEN.to_vec());
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        capabilities.word_timings = true;
        let takes_sounds = self.config.model.starts_with("sonic");
        capabilities.phonemes = takes_sounds.then_some(Phonemes::Brackets);
        capabilities
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let codec = SonicCodec::new(self.config.clone(), options.language, options.format)?;
        let settings = Settings {
            dial: self.dial()?,
            format: options.format,
            stall_timeout: self.config.stall_timeout,
            keep_alive: None,
        };
        ContextVoice::link(settings, codec).await
    }
}
