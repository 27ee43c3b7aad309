use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use super::{
    PROVIDER,
    codec::{TurnCodec, close_kind},
    config::AssemblyAiSttConfig,
};
use crate::wire::{
    address::Address,
    format::unsupported,
    stt::{Pause, Settings, Stream},
    ws::Dial,
};

/// The vendor closes when it gets a shorter piece of audio than 50 ms; frames of a phone are 20 ms.
const SHORTEST: Duration = Duration::from_millis(50);

/// The vendor closes when it gets audio faster than this; its heartbeats tell the `realtime_factor`
/// of a connection.
const PACE_PERCENT: u32 = 125;

/// What may pass between the silence that ends a turn and the news of it.
const MARGIN: Duration = Duration::from_secs(1);

/// Recognition of whole turns with AssemblyAI's `/v3/ws`.
///
/// The vendor itself says when a turn begins and, from what was said and how, when it is over; each
/// interim transcript is the whole turn so far. When the audio pauses within a turn, silence is sent
/// in its place. A turn that loses its connection is heard anew from the audio that was kept, and
/// ends with what was understood when that does not reach back to its beginning.
#[derive(Clone, Debug)]
pub struct AssemblyAiStt {
    config: AssemblyAiSttConfig,
}

impl AssemblyAiStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that AssemblyAI would refuse; the message names the field.
    pub fn new(config: AssemblyAiSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/v3/ws")?;
        address.set("sample_rate", &options.format.sample_rate.to_string());
        address.set("encoding", encoding(options.format)?);
        address.set("speech_model", &config.model);
        address.set("format_turns", if config.format_turns { "true" } else { "false" });
        // Noise that is no speech has no other answer.
        address.set("session_heartbeat", "true");
        if let Some(mode) = &config.mode {
            address.set("mode", mode);
        }
        if let Some(confidence) = config.end_of_turn_confidence {
            address.set("end_of_turn_confidence_threshold", &confidence.to_string());
        }
        if let Some(silence) = config.min_turn_silence {
            address.set_millis("min_turn_silence", silence);
        }
        if let Some(silence) = config.max_turn_silence {
            address.set_millis("max_turn_silence", silence);
        }
        for (key, list) in
            [("keyterms_prompt", &config.keyterms), ("language_codes", &config.languages)]
        {
            if !list.is_empty() {
                address.set(key, &crate::wire::json::write(list));
            }
        }
        address.set_pairs(&config.extra);
        let key = ("authorization", config.api_key.clone());
        let mut dial = Dial::new(PROVIDER, address.into_url(), key, config.connect_timeout);
        dial.headers = &[("assemblyai-version", "2025-05-12")];
        dial.close_kind = close_kind;
        Ok(Settings {
            dial,
            greeting: Vec::new(),
            format: options.format,
            pause: Pause::Silence { idle: Some(config.keep_alive) },
            pause_after: config.silence_after,
            ping: None,
            stall_timeout: config.stall_timeout,
            idle_stall_timeout: config.stall_timeout * 2,
            pause_stall_timeout: config.max_turn_silence.unwrap_or_default() + MARGIN,
            shortest: SHORTEST,
            pace_percent: Some(PACE_PERCENT),
            finalize_timeout: config.finalize_timeout,
            patience: options.patience,
            settles: !options.replays,
        })
    }
}

/// AssemblyAI's name of an encoding.
fn encoding(format: AudioFormat) -> Result<&'static str> {
    let name = match format {
        AudioFormat::MULAW_8K => Some("pcm_mulaw"),
        AudioFormat::PCM_8K | AudioFormat::PCM_16K => Some("pcm_s16le"),
        _ => None,
    };
    name.ok_or_else(|| unsupported(format, PROVIDER))
}

#[async_trait]
impl SpeechToText for AssemblyAiStt {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(vec![
            AudioFormat::PCM_16K,
            AudioFormat::PCM_8K,
            AudioFormat::MULAW_8K,
        ]);
        capabilities.interim = true;
        capabilities.claim_finalize(self.config.finalize_timeout);
        capabilities.end_of_turn = true;
        capabilities.semantic_end_of_turn = true;
        capabilities.eager_end_of_turn = self.config.format_turns;
        capabilities.speech_started = true;
        capabilities.word_timings = true;
        capabilities.pace_percent = Some(PACE_PERCENT);
        if let [only] = self.config.languages.as_slice() {
            capabilities.language = Some(only.as_str().into());
        }
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let codec = TurnCodec::new(self.config.format_turns);
        Stream::link(self.settings(&options)?, codec).await
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::{ErrorKind, Secret};

    use super::*;

    #[test]
    fn the_address_asks_for_what_the_settings_say() {
        let mut config = AssemblyAiSttConfig::new(Secret::new("sk-key"));
        config.keyterms = vec!["oil change".to_owned()];
        config.languages = vec!["en".to_owned(), "es".to_owned()];
        config.min_turn_silence = Some(Duration::from_millis(160));
        config.extra = vec![("vad_threshold".to_owned(), "0.4".to_owned())];
        let stt = AssemblyAiStt::new(config).unwrap();
        let settings = stt.settings(&SttOptions::new(AudioFormat::MULAW_8K)).unwrap();
        assert_eq!(
            settings.dial.url,
            "wss://streaming.assemblyai.com/v3/ws?sample_rate=8000&encoding=pcm_mulaw\
             &speech_model=universal-3-6-pro&format_turns=false&session_heartbeat=true\
             &min_turn_silence=160&keyterms_prompt=%5B%22oil%20change%22%5D\
             &language_codes=%5B%22en%22%2C%22es%22%5D&vad_threshold=0.4"
        );
    }

    #[test]
    fn formats_that_the_vendor_does_not_take_are_unsupported() {
        for format in [AudioFormat::ALAW_8K, AudioFormat { channels: 2, ..AudioFormat::PCM_16K }] {
            assert_eq!(encoding(format).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
