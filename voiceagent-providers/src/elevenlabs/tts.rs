use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    spoken::Phonemes,
    tts::{TextToSpeech, TtsCapabilities, TtsEvent, TtsInput, TtsOptions},
};

use super::{
    PROVIDER,
    codec::{MultiCodec, SingleCodec, output_format},
    config::{ElevenLabsTtsConfig, INACTIVITY},
};
use crate::wire::{
    address::Address,
    format::SPOKEN,
    voice::contexts::{ContextVoice, Settings},
    ws::Dial,
};

/// ElevenLabs' voices (`multi-stream-input`, or `stream-input`).
///
/// One socket serves a call and is kept warm between its generations. Each generation is a context
/// on it, so that audio of one that was cancelled is told from the next. Without
/// [`multi_context`](ElevenLabsTtsConfig::multi_context) each generation has a socket, and the next
/// one is opened ahead. Every text is spoken at once, and the times of its words are reported.
///
/// A connection that is lost while its audio is on the way is reported. Texts of which nothing was
/// heard are spoken on a new connection instead.
#[derive(Clone, Debug)]
pub struct ElevenLabsTts {
    config: ElevenLabsTtsConfig,
}

impl ElevenLabsTts {
    /// A voice with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that ElevenLabs would refuse; the message names the field.
    pub fn new(config: ElevenLabsTtsConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn dial(&self, format: AudioFormat) -> Result<Dial> {
        let config = &self.config;
        let way = if config.multi_context { "multi-stream-input" } else { "stream-input" };
        let path = format!("/v1/text-to-speech/{}/{way}", config.voice);
        let mut address = Address::new(&config.base_url, &path)?;
        address.set("model_id", &config.model);
        address.set("output_format", output_format(format)?);
        if let Some(language) = &config.language {
            address.set("language_code", language);
        }
        // Texts come in whole clauses; the vendor need not wait for more.
        address.set("auto_mode", "true");
        address.set("sync_alignment", "true");
        address.set("inactivity_timeout", &INACTIVITY.as_secs().to_string());
        address.set_pairs(&config.extra);
        let key = ("xi-api-key", config.api_key.clone());
        Ok(Dial::new(PROVIDER, address.into_url(), key, config.connect_timeout))
    }
}

#[async_trait]
impl TextToSpeech for ElevenLabsTts {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> TtsCapabilities {
        let mut capabilities = TtsCapabilities::new(SPOKEN.to_vec());
        capabilities.streaming_text = true;
        capabilities.cancel = true;
        capabilities.word_timings = true;
        capabilities.phonemes = self.config.takes_elements().then_some(Phonemes::Elements);
        capabilities
    }

    async fn open(&self, options: TtsOptions) -> Result<Link<TtsInput, TtsEvent>> {
        let settings = Settings {
            dial: self.dial(options.format)?,
            format: options.format,
            stall_timeout: self.config.stall_timeout,
            keep_alive: Some(self.config.keep_alive),
        };
        if self.config.multi_context {
            let codec = MultiCodec::new(&self.config, options.format);
            ContextVoice::link(settings, codec).await
        } else {
            let codec = SingleCodec::new(&self.config, options.format);
            ContextVoice::link(settings, codec).await
        }
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::Secret;

    use super::*;

    #[test]
    fn the_address_asks_for_what_the_settings_say() {
        let mut config = ElevenLabsTtsConfig::new(Secret::new("sk-key"), "VOICE");
        config.language = Some("de".into());
        config.extra = vec![("apply_text_normalization".to_owned(), "off".to_owned())];
        let dial = ElevenLabsTts::new(config).unwrap().dial(AudioFormat::MULAW_8K).unwrap();
        assert_eq!(
            dial.url,
            "wss://api.elevenlabs.io/v1/text-to-speech/VOICE/multi-stream-input\
             ?model_id=eleven_flash_v2_5&output_format=ulaw_8000&language_code=de&auto_mode=true\
             &sync_alignment=true&inactivity_timeout=180&apply_text_normalization=off"
        );
    }
}
