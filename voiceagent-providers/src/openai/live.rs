mod codec;
mod config;
mod messages;
mod speech;
mod start;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
};

use self::codec::LiveApi;
use super::families::warn_of_end;
use crate::wire::{
    address::Address,
    realtime::{Conversation, Settings},
    ws::Dial,
};

pub use config::OpenAiLiveConfig;

/// The vendor's name in errors.
const PROVIDER: &str = "openai";

/// A model that hears and speaks at the same time, over OpenAI's Live API (`/v1/live/sessions`).
///
/// There are no turns: the vendor sends audio at the pace at which it sounds, with the silence in
/// it, and stops by itself when the user speaks. What it says ends where it pauses. Functions are
/// called by a second model to which it delegates. G.711 goes through untouched on a phone line.
///
/// Wire facts: types of the Python SDK 3.52.0 (`openai.types.live`). That silence is as good as
/// digital, and when a backend may go on, is what livekit-agents 1.8.9 has observed.
#[derive(Clone, Debug)]
pub struct OpenAiLive {
    config: OpenAiLiveConfig,
}

impl OpenAiLive {
    /// A model with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that OpenAI would refuse; the message names the field.
    pub fn new(config: OpenAiLiveConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        warn_of_end(&config.base_url, &config.backend_model);
        Ok(Self { config })
    }

    fn dial(&self) -> Result<Dial> {
        let config = &self.config;
        let address = Address::new(&config.base_url, "/live/sessions")?;
        let (url, deadline) = (address.into_url(), config.connect_timeout);
        Ok(Dial::bearer(PROVIDER, url, &config.api_key, deadline))
    }
}

#[async_trait]
impl RealtimeModel for OpenAiLive {
    fn name(&self) -> &str {
        "openai-live"
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        let mut capabilities = RealtimeCapabilities::new(vec![
            AudioFormat::PCM_24K,
            AudioFormat::PCM_16K,
            AudioFormat::MULAW_8K,
            AudioFormat::ALAW_8K,
        ]);
        capabilities.duplex = true;
        capabilities
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        let codec = LiveApi::new(&self.config, &options)?;
        let settings = Settings {
            dial: self.dial()?,
            stall_timeout: self.config.stall_timeout,
            renew_after: self.config.renew_after,
        };
        Conversation::link(settings, codec).await
    }
}

/// Shows its codecs to a fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn show(to: &mut impl crate::fuzz::Target) {
    let config = OpenAiLiveConfig::new(crate::fuzz::key());
    let codec = LiveApi::new(&config, &crate::fuzz::options());
    to.conversation(codec.expect("the settings are good"));
}

#[cfg(test)]
mod tests;
