use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result, Secret,
    audio::AudioFormat,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use super::{
    PROVIDER,
    address::{base, dial, random_name, wav_head},
    codec::PhraseCodec,
    config::AzureSttConfig,
    frames::Frames,
    messages::{
        Conversation, DetailedOptions, Grammar, Group, Phrase, PhraseDetection, PhraseOutput,
        Segmentation, SpeechConfig, SpeechContext,
    },
};
use crate::wire::{
    address::Address,
    json,
    stt::{InOrder, Pause, Settings, Stream},
};

/// Recognition with Azure Speech (`/speech/recognition/conversation`).
///
/// A phrase is final after a silence that can be set; the vendor cannot be asked for one. A lost or
/// stalled connection is replaced, and the audio that no final covers is played again.
#[derive(Clone, Debug)]
pub struct AzureStt {
    config: AzureSttConfig,
}

impl AzureStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Azure would refuse; the message names the field.
    pub fn new(config: AzureSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn context(&self) -> SpeechContext<'_> {
        let config = &self.config;
        let items: Vec<_> = config.phrases.iter().map(|text| Phrase { text }).collect();
        SpeechContext {
            phrase_detection: PhraseDetection {
                mode: "Conversation",
                conversation: Conversation {
                    segmentation: Segmentation {
                        mode: "Custom",
                        segmentation_silence_timeout_ms: config.segmentation_silence.as_millis(),
                    },
                },
            },
            phrase_output: PhraseOutput {
                format: "Detailed",
                detailed: DetailedOptions { options: ["WordTimings"] },
            },
            dgi: (!items.is_empty())
                .then_some(Grammar { groups: [Group { kind: "Generic", items }] }),
        }
    }

    fn settings(&self, options: &SttOptions, frames: &Frames, request: u128) -> Result<Settings> {
        let config = &self.config;
        let base = base(config.base_url.as_deref(), &config.region, "stt");
        let path = "/speech/recognition/conversation/cognitiveservices/v1";
        let mut address = Address::new(&base, path)?;
        // The vendor knows no language without a region.
        let language = options.language.as_deref().filter(|tag| tag.contains('-'));
        address.set("language", language.unwrap_or(&config.language));
        address.set("format", "detailed");
        address.set_pairs(&config.extra);
        let config_message = json::write(&SpeechConfig::OURS);
        let context_message = json::write(&self.context());
        let greeting = [("speech.config", config_message), ("speech.context", context_message)];
        let greeting = greeting.map(|(path, body)| frames.json(path, request, &body));
        Ok(Settings {
            dial: dial(address.into_url(), &config.api_key, config.connect_timeout),
            greeting: greeting.into_iter().map(Secret::new).collect(),
            format: options.format,
            pause: Pause::KeepAlive,
            pause_after: config.keep_alive,
            ping: None,
            stall_timeout: config.stall_timeout,
            idle_stall_timeout: config.stall_timeout,
            pause_stall_timeout: Duration::ZERO,
            shortest: Duration::ZERO,
            pace_percent: None,
            finalize_timeout: config.stall_timeout,
            patience: options.patience,
            settles: !options.replays,
        })
    }
}

#[async_trait]
impl SpeechToText for AzureStt {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![
            AudioFormat::PCM_16K,
            AudioFormat::PCM_8K,
            AudioFormat::MULAW_8K,
            AudioFormat::ALAW_8K,
        ]);
        capabilities.interim = true;
        capabilities.word_timings = true;
        capabilities.language = Some(self.config.language.clone());
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let head = wav_head(options.format)?;
        let (frames, request) = (Frames::new(SystemTime::now()), random_name());
        let settings = self.settings(&options, &frames, request)?;
        let codec = InOrder::new(PhraseCodec::new(frames, request, head));
        Stream::link(settings, codec).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_begins_with_what_the_settings_say() {
        let mut config = AzureSttConfig::new(Secret::new("SAMPLE"), "westeurope");
        config.phrases = vec!["Silverado".to_owned()];
        config.extra = vec![("profanity".to_owned(), "raw".to_owned())];
        let stt = AzureStt::new(config).unwrap();
        let mut options = SttOptions::new(AudioFormat::MULAW_8K);
        options.language = Some("de-AT".into());
        let frames = Frames::new(SystemTime::UNIX_EPOCH);
        let settings = stt.settings(&options, &frames, 7).unwrap();
        assert_eq!(
            settings.dial.url,
            "wss://westeurope.stt.speech.microsoft.com/speech/recognition/conversation\
             /cognitiveservices/v1?language=de-AT&format=detailed&profanity=raw"
        );
        let context = settings.greeting[1].expose();
        let (head, body) = context.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("Path: speech.context\r\nX-RequestId: 0000"), "{head}");
        assert_eq!(
            body,
            concat!(
                r#"{"phraseDetection":{"mode":"Conversation","conversation":{"segmentation":"#,
                r#"{"mode":"Custom","segmentationSilenceTimeoutMs":500}}},"#,
                r#""phraseOutput":{"format":"Detailed","detailed":{"options":["WordTimings"]}},"#,
                r#""dgi":{"groups":[{"type":"Generic","items":[{"text":"Silverado"}]}]}}"#
            )
        );
        assert!(!format!("{settings:?} {stt:?}").contains("SAMPLE"));
        options.language = Some("de".into());
        let settings = stt.settings(&options, &frames, 7).unwrap();
        assert!(settings.dial.url.contains("language=en-US&"), "it has no region");
    }
}
