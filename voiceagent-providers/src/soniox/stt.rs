use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result, Secret,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use super::{PROVIDER, codec::TokenCodec, config::SonioxSttConfig, messages::Begin};
use crate::wire::{
    address::Address,
    format::Encodings,
    format::HEARD,
    json,
    stt::{InOrder, Pause, Settings, Stream},
    ws::Dial,
};

/// Recognition with Soniox (`/transcribe-websocket`).
///
/// Final tokens of an utterance are told together, when the vendor ends the turn or when it is
/// asked; until then they are part of the interim transcript. A lost or stalled connection is
/// replaced, and the audio that no final covers is played again.
#[derive(Clone, Debug)]
pub struct SonioxStt {
    config: SonioxSttConfig,
}

impl SonioxStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Soniox would refuse; the message names the field.
    pub fn new(config: SonioxSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let url = Address::new(&config.base_url, "/transcribe-websocket")?.into_url();
        let languages =
            config.languages.iter().map(String::as_str).chain(options.language.as_deref());
        let mut language_hints = Vec::new();
        for language in languages.map(|it| it.split('-').next().unwrap_or(it)) {
            if !language_hints.contains(&language) {
                language_hints.push(language);
            }
        }
        let begin = Begin {
            model: &config.model,
            audio_format: ENCODINGS.name(options.format, PROVIDER)?,
            sample_rate: options.format.sample_rate,
            num_channels: 1,
            language_hints,
            enable_endpoint_detection: config.endpoint_detection,
            max_endpoint_delay_ms: config.max_endpoint_delay.map(|it| it.as_millis()),
            context: config.context.as_deref(),
        };
        Ok(Settings {
            dial: Dial::bearer(PROVIDER, url, &config.api_key, config.connect_timeout),
            greeting: vec![Secret::new(json::write(&begin))],
            format: options.format,
            pause: Pause::KeepAlive,
            pause_after: config.keep_alive,
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

/// Soniox' name of an encoding.
const ENCODINGS: Encodings = Encodings { alaw: Some("alaw"), mulaw: "mulaw", pcm: "pcm_s16le" };

#[async_trait]
impl SpeechToText for SonioxStt {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(HEARD.to_vec());
        capabilities.interim = true;
        capabilities.claim_finalize(self.config.finalize_timeout);
        capabilities.end_of_turn = self.config.endpoint_detection;
        capabilities.word_timings = true;
        if let [only] = self.config.languages.as_slice() {
            capabilities.language = Some(only.as_str().into());
        }
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let codec = InOrder::new(TokenCodec::default());
        Stream::link(self.settings(&options)?, codec).await
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::audio::AudioFormat;

    use super::*;

    #[test]
    fn a_connection_begins_with_what_the_vendor_documents() {
        let documented = include_str!("../../tests/cassettes/soniox/config.json");
        let stt = SonioxStt::new(SonioxSttConfig::new(Secret::new("SAMPLE"))).unwrap();
        let mut options = SttOptions::new(AudioFormat::MULAW_8K);
        options.language = Some("en-US".into());
        let settings = stt.settings(&options).unwrap();
        let sent = settings.greeting[0].expose();
        assert_eq!(sent, documented.split_whitespace().collect::<String>());
        assert_eq!(settings.dial.url, "wss://stt-rt.soniox.com/transcribe-websocket");
        assert!(!format!("{settings:?} {stt:?}").contains("SAMPLE"));
    }
}
