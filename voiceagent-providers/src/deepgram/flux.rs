use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use super::{
    address::{dial, set_format},
    codec::FluxCodec,
    config::DeepgramFluxConfig,
};
use crate::wire::{
    address::Address,
    format::HEARD,
    stt::{Pause, Settings, Stream},
};

/// Recognition of whole turns with Deepgram Flux (`/v2/listen`).
///
/// The vendor itself says when a turn begins, when it is probably over and when it is over; each
/// interim transcript is the whole turn so far. When the audio pauses within a turn, silence is sent
/// in its place. A turn that loses its connection is heard anew from the audio that was kept, and
/// ends with what was understood when that does not reach back to its beginning.
#[derive(Clone, Debug)]
pub struct DeepgramFlux {
    config: DeepgramFluxConfig,
}

impl DeepgramFlux {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Deepgram would refuse; the message names the field.
    pub fn new(config: DeepgramFluxConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(super::PROVIDER))?;
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/v2/listen")?;
        address.set("model", &config.model);
        set_format(&mut address, options.format)?;
        if let Some(threshold) = config.eot_threshold {
            address.set("eot_threshold", &threshold.to_string());
        }
        if let Some(threshold) = config.eager_eot_threshold {
            address.set("eager_eot_threshold", &threshold.to_string());
        }
        if let Some(timeout) = config.eot_timeout {
            address.set_millis("eot_timeout_ms", timeout);
        }
        address.set_all("keyterm", &config.keyterms);
        address.set_all("language_hint", &config.language_hints);
        address.set_pairs(&config.extra);
        Ok(Settings {
            dial: dial(address, &config.api_key, config.connect_timeout),
            greeting: Vec::new(),
            format: options.format,
            pause: Pause::Silence { idle: None },
            pause_after: config.silence_after,
            ping: None,
            stall_timeout: config.stall_timeout,
            idle_stall_timeout: config.stall_timeout * 2,
            pause_stall_timeout: config.eot_timeout.unwrap_or(EOT_TIMEOUT) + MARGIN,
            shortest: Duration::ZERO,
            pace_percent: None,
            finalize_timeout: FINALIZE_TIMEOUT,
            patience: options.patience,
            settles: !options.replays,
        })
    }
}

#[async_trait]
impl SpeechToText for DeepgramFlux {
    fn name(&self) -> &str {
        "deepgram-flux"
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(HEARD.to_vec());
        capabilities.interim = true;
        if self.config.finalize {
            capabilities.claim_finalize(FINALIZE_TIMEOUT);
        }
        capabilities.end_of_turn = true;
        capabilities.semantic_end_of_turn = true;
        capabilities.eager_end_of_turn = self.config.eager_eot_threshold.is_some();
        capabilities.speech_started = true;
        if let [only] = self.config.language_hints.as_slice() {
            capabilities.language = Some(only.as_str().into());
        }
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let codec = FluxCodec::new(self.config.finalize);
        Stream::link(self.settings(&options)?, codec).await
    }
}

/// Silence after which the vendor ends a turn in any case, unless it is told another.
const EOT_TIMEOUT: Duration = Duration::from_secs(5);

/// The vendor answers to the end of a turn that it was told to end.
const FINALIZE_TIMEOUT: Duration = Duration::from_secs(1);

/// What may pass between that silence and the news of it.
const MARGIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use voiceagent_core::{Secret, audio::AudioFormat};

    use super::*;

    #[test]
    fn the_address_asks_for_what_the_settings_say() {
        let mut config = DeepgramFluxConfig::new(Secret::new("sk-key"));
        config.eager_eot_threshold = Some(0.4);
        config.eot_timeout = Some(Duration::from_secs(3));
        let flux = DeepgramFlux::new(config).unwrap();
        let settings = flux.settings(&SttOptions::new(AudioFormat::PCM_16K)).unwrap();
        assert_eq!(
            settings.dial.url,
            "wss://api.deepgram.com/v2/listen?model=flux-general-en&encoding=linear16\
             &sample_rate=16000&eager_eot_threshold=0.4&eot_timeout_ms=3000"
        );
        assert!(flux.capabilities().eager_end_of_turn);
    }

    #[test]
    fn rc4_speech_within_a_turn_is_missed_for_three_seconds_and_silence_until_the_turn_ends() {
        let mut config = DeepgramFluxConfig::new(Secret::new("sk-key"));
        config.eot_timeout = Some(Duration::from_secs(8));
        let flux = DeepgramFlux::new(config).unwrap();
        let settings = flux.settings(&SttOptions::new(AudioFormat::MULAW_8K)).unwrap();
        assert_eq!(settings.stall_timeout, Duration::from_secs(3));
        assert_eq!(settings.idle_stall_timeout, Duration::from_secs(6));
        assert_eq!(settings.pause_stall_timeout, Duration::from_secs(9));
    }

    #[test]
    fn thresholds_out_of_range_are_refused_by_name() {
        for (eager, sure, field) in [
            (None, Some(0.4), "`eot_threshold`"),
            (None, Some(f32::NAN), "`eot_threshold`"),
            (Some(0.8), None, "`eager_eot_threshold`"),
            (Some(0.2), Some(0.9), "`eager_eot_threshold`"),
        ] {
            let mut config = DeepgramFluxConfig::new(Secret::new("sk-key"));
            (config.eager_eot_threshold, config.eot_threshold) = (eager, sure);
            let error = DeepgramFlux::new(config).unwrap_err();
            assert!(error.message().contains(field), "{error}");
        }
    }
}
