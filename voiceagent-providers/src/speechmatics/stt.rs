use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    ErrorKind, Link, Result, Secret,
    audio::AudioFormat,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use super::{
    PROVIDER,
    codec::SegmentCodec,
    config::SpeechmaticsSttConfig,
    messages::{ConversationConfig, RawAudio, StartRecognition, TranscriptionConfig, Vocabulary},
};
use crate::wire::{
    address::Address,
    format::Encodings,
    json,
    stt::{InOrder, Pause, Settings, Stream},
    ws::Dial,
};

/// Recognition with Speechmatics (`/v2`).
///
/// Final segments of an utterance are told together, when the vendor ends it or when it is asked;
/// until then they are part of the interim transcript. A lost or stalled connection is replaced,
/// and the audio that no final covers is played again.
#[derive(Clone, Debug)]
pub struct SpeechmaticsStt {
    config: SpeechmaticsSttConfig,
}

impl SpeechmaticsStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Speechmatics would refuse; the message names the field.
    pub fn new(config: SpeechmaticsSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let url = Address::new(&config.base_url, "/v2")?.into_url();
        let language = options.language.as_deref().or(config.language.as_deref()).unwrap_or("en");
        let begin = StartRecognition {
            audio_format: RawAudio {
                kind: "raw",
                encoding: ENCODINGS.name(options.format, PROVIDER)?,
                sample_rate: options.format.sample_rate,
            },
            transcription_config: TranscriptionConfig {
                language: language.split(['-', '_']).next().unwrap_or(language),
                model: config.model.as_deref(),
                enable_partials: true,
                max_delay: config.max_delay.as_secs_f64(),
                conversation_config: config.end_of_utterance.map(|silence| ConversationConfig {
                    end_of_utterance_silence_trigger: silence.as_secs_f64(),
                }),
                additional_vocab: config
                    .vocabulary
                    .iter()
                    .map(|content| Vocabulary { content })
                    .collect(),
            },
        };
        let mut dial = Dial::bearer(PROVIDER, url, &config.api_key, config.connect_timeout);
        dial.close_kind = close_kind;
        Ok(Settings {
            dial,
            greeting: vec![Secret::new(json::write(&begin))],
            format: options.format,
            pause: Pause::KeepAlive,
            pause_after: config.keep_alive,
            ping: Some(config.keep_alive),
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

/// What the vendor's codes of closed connections mean ("Realtime API reference").
const fn close_kind(code: u16) -> Option<ErrorKind> {
    match code {
        4001 | 4003 => Some(ErrorKind::Unauthorized),
        4004 => Some(ErrorKind::Rejected),
        4005 => Some(ErrorKind::RateLimited),
        _ => None,
    }
}

/// Speechmatics' name of an encoding.
const ENCODINGS: Encodings = Encodings { alaw: None, mulaw: "mulaw", pcm: "pcm_s16le" };

#[async_trait]
impl SpeechToText for SpeechmaticsStt {
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
        capabilities.end_of_turn = self.config.end_of_utterance.is_some();
        capabilities.word_timings = true;
        capabilities.language = self.config.language.clone();
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let codec = SegmentCodec::new(self.config.end_of_utterance.is_some());
        Stream::link(self.settings(&options)?, InOrder::new(codec)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_begins_with_what_the_vendor_documents() {
        let documented = include_str!("../../tests/cassettes/speechmatics/start_recognition.json");
        let mut config = SpeechmaticsSttConfig::new(Secret::new("SAMPLE"));
        config.max_delay = Duration::from_secs(1);
        let stt = SpeechmaticsStt::new(config).unwrap();
        let mut options = SttOptions::new(AudioFormat::MULAW_8K);
        options.language = Some("en-US".into());
        let settings = stt.settings(&options).unwrap();
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(json(settings.greeting[0].expose()), json(documented));
        assert_eq!(settings.dial.url, "wss://eu2.rt.speechmatics.com/v2");
        assert!(!format!("{settings:?} {stt:?}").contains("SAMPLE"));
        let alaw = SttOptions::new(AudioFormat::ALAW_8K);
        assert_eq!(stt.settings(&alaw).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
