use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use super::{
    address::{dial, set_format},
    codec::ListenCodec,
    config::DeepgramSttConfig,
};
use crate::wire::{
    address::Address,
    format::HEARD,
    stt::{Pause, Settings, Stream},
};

/// Recognition with Deepgram's `/v1/listen`: Nova-3 and the models before it.
///
/// An utterance ends with the vendor's `speech_final`, or with its `UtteranceEnd` where noise hides
/// the silence. A lost or stalled connection is replaced, and the audio that no final covers is
/// played again.
///
/// ```
/// use voiceagent_core::{Secret, stt::SpeechToText};
/// use voiceagent_providers::deepgram::{DeepgramStt, DeepgramSttConfig};
///
/// let mut config = DeepgramSttConfig::new(Secret::new("your-key"));
/// config.keyterms = vec!["Silverado".to_owned()];
/// let stt = DeepgramStt::new(config)?;
/// assert!(stt.capabilities().finalize);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeepgramStt {
    config: DeepgramSttConfig,
}

impl DeepgramStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Deepgram would refuse; the message names the field.
    pub fn new(config: DeepgramSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(super::PROVIDER))?;
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/v1/listen")?;
        address.set("model", &config.model);
        set_format(&mut address, options.format)?;
        address.set("channels", "1");
        if let Some(language) = options.language.as_deref().or(config.language.as_deref()) {
            address.set("language", language);
        }
        address.set_millis("endpointing", config.endpointing);
        address.set("interim_results", flag(config.interim_results));
        if let Some(gap) = config.utterance_end {
            address.set_millis("utterance_end_ms", gap);
        }
        address.set("vad_events", flag(config.vad_events));
        address.set("smart_format", flag(config.smart_format));
        if config.smart_format {
            // Formatting would otherwise hold back results until an entity is complete.
            address.set("no_delay", "true");
        }
        address.set_all("keyterm", &config.keyterms);
        address.set_pairs(&config.extra);
        Ok(Settings {
            dial: dial(address, &config.api_key, config.connect_timeout),
            greeting: Vec::new(),
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

fn flag(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

#[async_trait]
impl SpeechToText for DeepgramStt {
    fn name(&self) -> &str {
        "deepgram"
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(HEARD.to_vec());
        capabilities.interim = self.config.interim_results;
        capabilities.claim_finalize(self.config.finalize_timeout);
        capabilities.end_of_turn = true;
        capabilities.speech_started = self.config.vad_events;
        capabilities.word_timings = true;
        capabilities.language = self.config.language.as_deref().map(Arc::from);
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        Stream::link(self.settings(&options)?, ListenCodec::default()).await
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::{ErrorKind, Secret, audio::AudioFormat};

    use super::*;

    fn config() -> DeepgramSttConfig {
        DeepgramSttConfig::new(Secret::new("sk-key"))
    }

    #[test]
    fn the_address_asks_for_what_the_settings_say() {
        let mut config = config();
        config.keyterms = vec!["oil change".to_owned()];
        config.extra = vec![("numerals".to_owned(), "true".to_owned())];
        let mut options = SttOptions::new(AudioFormat::MULAW_8K);
        options.language = Some("de".into());
        let settings = DeepgramStt::new(config).unwrap().settings(&options).unwrap();
        assert_eq!(
            settings.dial.url,
            "wss://api.deepgram.com/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000\
             &channels=1&language=de&endpointing=300&interim_results=true&utterance_end_ms=1000\
             &vad_events=true&smart_format=true&no_delay=true&keyterm=oil%20change&numerals=true"
        );
    }

    #[test]
    fn wrong_settings_are_refused_by_name() {
        let with = |change: &dyn Fn(&mut DeepgramSttConfig)| {
            let mut config = config();
            change(&mut config);
            config
        };
        let short = Duration::from_millis(999);
        let extra = ("encoding".to_owned(), "opus".to_owned());
        for (field, config) in [
            ("api_key", with(&|it| it.api_key = Secret::default())),
            ("api_key", with(&|it| it.api_key = Secret::new("sk key"))),
            ("base_url", with(&|it| it.base_url = "deepgram".to_owned())),
            ("model", with(&|it| it.model = String::new())),
            ("utterance_end", with(&|it| it.utterance_end = Some(short))),
            ("interim_results", with(&|it| it.interim_results = false)),
            ("encoding", with(&|it| it.extra = vec![extra.clone()])),
        ] {
            let error = DeepgramStt::new(config).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains(&format!("`{field}`")), "{field}: {error}");
            assert!(!format!("{error} {error:?}").contains("sk"), "{field}");
        }
    }

    #[test]
    fn the_key_is_not_in_debug() {
        assert!(!format!("{:?}", DeepgramStt::new(config()).unwrap()).contains("sk-key"));
    }
}
