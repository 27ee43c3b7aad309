mod codec;
mod config;
mod messages;

use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result, Secret,
    audio::AudioFormat,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use self::{codec::ItemCodec, messages::session_update};
use super::families::warn_of_end;
use crate::wire::{
    address::Address,
    format::unsupported,
    stt::{Pause, Settings, Stream},
    ws::Dial,
};

pub use config::OpenAiRealtimeSttConfig;

/// The name in the registry and in errors.
const PROVIDER: &str = "openai-realtime";

/// Who is silent until it is asked has not stalled before.
const NEVER: Duration = Duration::from_secs(3_600);

/// Recognition over OpenAI's `/v1/realtime?intent=transcription`.
///
/// Models that listen all the time (`gpt-live-transcribe`, `gpt-realtime-whisper`) tell words while
/// they are spoken, and say a final when they are asked for it; the others tell nothing before an
/// utterance is over, which the vendor itself can decide by silence. A lost or stalled connection
/// is replaced, and the audio that no final covers is played again.
///
/// Wire facts: types of the Python SDK 3.52.0 (`types/realtime`).
///
/// ```
/// use voiceagent_core::{Secret, stt::SpeechToText};
/// use voiceagent_providers::openai::{OpenAiRealtimeStt, OpenAiRealtimeSttConfig};
///
/// let config = OpenAiRealtimeSttConfig::new(Secret::new("sk-123"));
/// assert!(OpenAiRealtimeStt::new(config)?.capabilities().interim);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenAiRealtimeStt {
    config: OpenAiRealtimeSttConfig,
}

impl OpenAiRealtimeStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that OpenAI would refuse; the message names the field.
    pub fn new(config: OpenAiRealtimeSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        warn_of_end(&config.base_url, &config.model);
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/realtime")?;
        address.set("intent", "transcription");
        let (url, deadline) = (address.into_url(), config.connect_timeout);
        let format = options.format;
        let live = config.listens_all_the_time();
        let stall = config.stall_timeout;
        let greeting = session_update(config, format, options.language.as_deref())
            .ok_or_else(|| unsupported(format, PROVIDER))?;
        Ok(Settings {
            dial: Dial::bearer(PROVIDER, url, &config.api_key, deadline),
            greeting: vec![Secret::new(greeting)],
            format,
            // The session stays open without audio, but hears no silence in a pause.
            pause: Pause::Silence { idle: None },
            pause_after: Duration::from_secs(1),
            ping: None,
            // Other models say nothing about an utterance before its end, and some not even that
            // it has begun.
            stall_timeout: if live { stall } else { stall * 12 },
            idle_stall_timeout: if live || config.silence.is_some() { stall } else { NEVER },
            pause_stall_timeout: Duration::ZERO,
            shortest: Duration::ZERO,
            pace_percent: None,
            finalize_timeout: config.finalize_timeout,
            patience: options.patience,
            settles: !options.replays,
        })
    }
}

#[async_trait]
impl SpeechToText for OpenAiRealtimeStt {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![
            AudioFormat::PCM_24K,
            AudioFormat::MULAW_8K,
            AudioFormat::ALAW_8K,
        ]);
        capabilities.interim = self.config.listens_all_the_time();
        capabilities.claim_finalize(self.config.finalize_timeout);
        capabilities.end_of_turn = self.config.silence.is_some();
        capabilities.speech_started = self.config.silence.is_some();
        capabilities.language = self.config.language.clone();
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let settings = self.settings(&options)?;
        let codec = ItemCodec::new(self.config.silence.is_some());
        Stream::link(settings, codec).await
    }
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    for hears_silence in [false, true] {
        to.recognizer(ItemCodec::new(hears_silence));
    }
}

#[cfg(test)]
mod tests;
