mod codec;
mod config;
mod messages;

use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use self::codec::ScribeCodec;
use super::PROVIDER;
use crate::wire::{
    address::Address,
    format::unsupported,
    stt::{InOrder, Pause, Settings, Stream},
    ws::Dial,
};

pub use config::ElevenLabsSttConfig;

/// Recognition with ElevenLabs' Scribe (`/v1/speech-to-text/realtime`).
///
/// The vendor says a final when it is asked for one, or after silence if `silence` is set. A lost
/// or stalled connection is replaced, and the audio that no final covers is played again.
///
/// ```
/// use voiceagent_core::{Secret, stt::SpeechToText};
/// use voiceagent_providers::elevenlabs::{ElevenLabsStt, ElevenLabsSttConfig};
///
/// let mut config = ElevenLabsSttConfig::new(Secret::new("your-key"));
/// config.keyterms = vec!["Silverado".to_owned()];
/// assert!(ElevenLabsStt::new(config)?.capabilities().word_timings);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ElevenLabsStt {
    config: ElevenLabsSttConfig,
}

impl ElevenLabsStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that ElevenLabs would refuse; the message names the field.
    pub fn new(config: ElevenLabsSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/v1/speech-to-text/realtime")?;
        address.set("model_id", &config.model);
        address.set("audio_format", audio_format(options.format)?);
        address.set("include_timestamps", "true");
        if let Some(silence) = config.silence {
            address.set("commit_strategy", "vad");
            address.set("vad_silence_threshold_secs", &silence.as_secs_f32().to_string());
        } else {
            address.set("commit_strategy", "manual");
        }
        if let Some(language) = options.language.as_deref().or(config.language.as_deref()) {
            address.set("language_code", language.split('-').next().unwrap_or(language));
        }
        address.set_all("keyterms", &config.keyterms);
        address.set_pairs(&config.extra);
        let key = ("xi-api-key", config.api_key.clone());
        Ok(Settings {
            dial: Dial::new(PROVIDER, address.into_url(), key, config.connect_timeout),
            greeting: Vec::new(),
            format: options.format,
            pause: Pause::KeepAlive,
            pause_after: config.silence_after,
            ping: None,
            stall_timeout: config.stall_timeout,
            idle_stall_timeout: config.stall_timeout,
            pause_stall_timeout: Duration::ZERO,
            shortest: Duration::ZERO,
            pace_percent: None,
            finalize_timeout: config.finalize_timeout,
            patience: options.patience,
            settles: !options.replays,
        })
    }
}

/// ElevenLabs' name of a format.
fn audio_format(format: AudioFormat) -> Result<&'static str> {
    let name = match format {
        AudioFormat::MULAW_8K => Some("ulaw_8000"),
        AudioFormat::PCM_8K => Some("pcm_8000"),
        AudioFormat::PCM_16K => Some("pcm_16000"),
        AudioFormat::PCM_24K => Some("pcm_24000"),
        _ => None,
    };
    name.ok_or_else(|| unsupported(format, PROVIDER))
}

#[async_trait]
impl SpeechToText for ElevenLabsStt {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![
            AudioFormat::PCM_16K,
            AudioFormat::PCM_24K,
            AudioFormat::PCM_8K,
            AudioFormat::MULAW_8K,
        ]);
        capabilities.interim = true;
        capabilities.claim_finalize(self.config.finalize_timeout);
        capabilities.end_of_turn = self.config.silence.is_some();
        capabilities.word_timings = true;
        capabilities.language = self.config.language.clone();
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let codec = ScribeCodec::new(options.format.sample_rate, self.config.silence.is_some());
        Stream::link(self.settings(&options)?, InOrder::new(codec)).await
    }
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    for hears_silence in [false, true] {
        to.recognizer(InOrder::new(ScribeCodec::new(8_000, hears_silence)));
    }
}

#[cfg(test)]
mod tests;
