mod codec;
mod config;
mod ear;
mod messages;
mod mouth;
mod setup;

use std::time::Duration;

use async_trait::async_trait;
use voiceagent_core::{
    ErrorKind, Link, Result,
    audio::AudioFormat,
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
};

use self::codec::LiveApi;
use crate::wire::{
    address::websocket_base,
    format::unsupported,
    realtime::{Conversation, Settings},
    ws::Dial,
};

pub use config::{ActivityDetection, GeminiLiveConfig, Sensitivity, TurnDetection};

/// The vendor's name in errors.
const PROVIDER: &str = "gemini";

const PATH: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

/// What the vendor speaks. It hears best at 16 kHz, to which the adapter converts.
const FORMAT: AudioFormat = AudioFormat::PCM_24K;

/// The vendor itself says when a connection is to be left.
const UNTIL_DISMISSED: Duration = Duration::from_secs(86_400);

/// A model that hears and speaks, over Gemini's Live API (`BidiGenerateContent`).
///
/// A connection that the vendor is about to close is left between two answers, and the conversation
/// goes on with all that the vendor remembers of it. It cannot be told what was heard: of an answer
/// that was stopped it remembers as much as it takes for played.
///
/// Wire facts: Gemini API reference, "Live API - WebSockets API reference"; its page "Live API
/// capabilities guide"; types of the Python SDK 3.4.0.
#[derive(Clone, Debug)]
pub struct GeminiLive {
    config: GeminiLiveConfig,
}

impl GeminiLive {
    /// A model with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Gemini would refuse; the message names the field.
    pub fn new(config: GeminiLiveConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn dial(&self) -> Result<Dial> {
        let config = &self.config;
        let url = websocket_base(&config.base_url)? + PATH;
        let key = ("x-goog-api-key", config.api_key.clone());
        let mut dial = Dial::new(PROVIDER, url, key, config.connect_timeout);
        // An argument that is not taken would not be taken again.
        dial.close_kind = |code| (code == 1007).then_some(ErrorKind::Rejected);
        Ok(dial)
    }
}

#[async_trait]
impl RealtimeModel for GeminiLive {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        let mut capabilities = RealtimeCapabilities::new(vec![FORMAT]);
        capabilities.duplex = self.config.turn_detection.is_vendors();
        capabilities
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        if options.format != FORMAT {
            return Err(unsupported(options.format, PROVIDER));
        }
        let settings = Settings {
            dial: self.dial()?,
            stall_timeout: self.config.stall_timeout,
            renew_after: UNTIL_DISMISSED,
        };
        let codec = LiveApi::new(self.config.clone(), options)?;
        Conversation::link(settings, codec).await
    }
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    let mut options = crate::fuzz::options();
    options.format = FORMAT;
    let codec = LiveApi::new(GeminiLiveConfig::new(crate::fuzz::key()), options);
    to.conversation(codec.expect("the settings are good"));
}

#[cfg(test)]
mod tests;
