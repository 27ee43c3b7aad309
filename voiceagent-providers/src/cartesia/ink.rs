mod codec;
mod config;
mod manual;
mod messages;

use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    stt::{SpeechToText, SttCapabilities, SttEvent, SttInput, SttOptions},
};

use self::{codec::InkCodec, manual::ManualCodec};
use super::{PROVIDER, VERSION, codec::ENCODINGS};
use crate::wire::{
    address::Address,
    format::HEARD,
    stt::{InOrder, Pause, Settings, Stream},
    ws::Dial,
};

pub use config::CartesiaSttConfig;

/// Recognition with Cartesia's Ink, by turns (`/stt/turns/websocket`) or when it is asked
/// (`/stt/websocket`).
///
/// By turns, the vendor itself says when a turn begins, when it is probably over and when it is
/// over; each interim transcript is the whole turn so far. With `manual` it says a final when it is
/// asked for one. A lost or stalled connection is replaced, and the audio that no final covers is
/// played again.
///
/// ```
/// use voiceagent_core::{Secret, stt::SpeechToText};
/// use voiceagent_providers::cartesia::{CartesiaStt, CartesiaSttConfig};
///
/// let config = CartesiaSttConfig::new(Secret::new("your-key"));
/// assert!(CartesiaStt::new(config)?.capabilities().semantic_end_of_turn);
/// # Ok::<(), voiceagent_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CartesiaStt {
    config: CartesiaSttConfig,
}

impl CartesiaStt {
    /// A recognizer with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Cartesia would refuse; the message names the field.
    pub fn new(config: CartesiaSttConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn settings(&self, options: &SttOptions) -> Result<Settings> {
        let config = &self.config;
        let path = if config.manual { "/stt/websocket" } else { "/stt/turns/websocket" };
        let mut address = Address::new(&config.base_url, path)?;
        address.set("model", &config.model);
        address.set("encoding", ENCODINGS.name(options.format, PROVIDER)?);
        address.set("sample_rate", &options.format.sample_rate.to_string());
        let language = options.language.as_deref().or(config.language.as_deref());
        // A call's language is a hint, and ends nothing; that of the settings was refused before.
        if let Some(language) = language.filter(|_| config.manual) {
            address.set("language", language.split('-').next().unwrap_or(language));
        }
        for (key, threshold) in config.thresholds() {
            if let Some(threshold) = threshold {
                address.set(key, &threshold.to_string());
            }
        }
        if let Some(timeout) = config.turn_end_timeout {
            address.set_millis("turn_end_timeout_ms", timeout);
        }
        address.set_all("keyterm", &config.keyterms);
        address.set_pairs(&config.extra);
        let key = ("x-api-key", config.api_key.clone());
        let mut dial = Dial::new(PROVIDER, address.into_url(), key, config.connect_timeout);
        dial.headers = &VERSION;
        Ok(Settings {
            dial,
            greeting: Vec::new(),
            format: options.format,
            pause: if config.manual { Pause::KeepAlive } else { Pause::Silence { idle: None } },
            pause_after: config.silence_after,
            ping: None,
            stall_timeout: config.stall_timeout,
            idle_stall_timeout: config.stall_timeout * 2,
            pause_stall_timeout: config.turn_end_timeout.unwrap_or(TURN_END_TIMEOUT) + MARGIN,
            shortest: Duration::ZERO,
            pace_percent: None,
            finalize_timeout: config.finalize_timeout,
            patience: options.patience,
            settles: !options.replays,
        })
    }
}

/// Silence after which the vendor ends a turn in any case, unless it is told another.
const TURN_END_TIMEOUT: Duration = Duration::from_millis(5_600);

/// What may pass between that silence and the news of it.
const MARGIN: Duration = Duration::from_secs(1);

#[async_trait]
impl SpeechToText for CartesiaStt {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> SttCapabilities {
        let mut capabilities = SttCapabilities::new(HEARD.to_vec());
        let by_turns = !self.config.manual;
        capabilities.interim = true;
        if self.config.manual {
            capabilities.claim_finalize(self.config.finalize_timeout);
        }
        capabilities.end_of_turn = by_turns;
        capabilities.semantic_end_of_turn = by_turns;
        capabilities.eager_end_of_turn = by_turns;
        capabilities.speech_started = by_turns;
        capabilities.word_timings = !by_turns;
        capabilities.language = self.config.language.clone();
        capabilities
    }

    async fn open(&self, options: SttOptions) -> Result<Link<SttInput, SttEvent>> {
        let settings = self.settings(&options)?;
        if self.config.manual {
            return Stream::link(settings, InOrder::new(ManualCodec)).await;
        }
        Stream::link(settings, InkCodec::default()).await
    }
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    to.recognizer(InkCodec::default());
    to.recognizer(InOrder::new(ManualCodec));
}

#[cfg(test)]
mod tests;
