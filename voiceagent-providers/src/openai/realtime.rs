mod answers;
mod codec;
mod config;
mod memory;
mod messages;
mod session;
mod turns;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    audio::AudioFormat,
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
};

use self::codec::RealtimeApi;
pub(super) use self::messages::append;
use super::families::warn_of_end;
use crate::wire::{
    address::Address,
    realtime::{Conversation, Settings},
    ws::Dial,
};

pub use config::{OpenAiRealtimeConfig, TurnDetection};

/// The vendor's name in errors.
const PROVIDER: &str = "openai";

/// A model that hears and speaks, over OpenAI's Realtime API (`/v1/realtime`).
///
/// G.711 goes through untouched on a phone line. What the caller did not hear is taken out of the
/// vendor's memory, to the millisecond. With [`TurnDetection::Local`] the session decides who speaks
/// when; else the vendor does, and says when the user speaks.
///
/// Wire facts: OpenAI API reference, "Realtime client events" and "Realtime server events"; types of
/// the Python SDK 3.52.0.
#[derive(Clone, Debug)]
pub struct OpenAiRealtime {
    config: OpenAiRealtimeConfig,
}

impl OpenAiRealtime {
    /// A model with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that OpenAI would refuse; the message names the field.
    pub fn new(config: OpenAiRealtimeConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        warn_of_end(&config.base_url, &config.model);
        Ok(Self { config })
    }

    fn dial(&self) -> Result<Dial> {
        let config = &self.config;
        let mut address = Address::new(&config.base_url, "/realtime")?;
        address.set("model", &config.model);
        let (url, deadline) = (address.into_url(), config.connect_timeout);
        Ok(Dial::bearer(PROVIDER, url, &config.api_key, deadline))
    }
}

#[async_trait]
impl RealtimeModel for OpenAiRealtime {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        let mut capabilities = RealtimeCapabilities::new(vec![
            AudioFormat::PCM_24K,
            AudioFormat::MULAW_8K,
            AudioFormat::ALAW_8K,
        ]);
        capabilities.truncate = true;
        capabilities.duplex = self.config.turn_detection.is_vendors();
        capabilities.server_vad = capabilities.duplex;
        capabilities
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        let codec = RealtimeApi::new(&self.config, &options)?;
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
    let config = OpenAiRealtimeConfig::new(crate::fuzz::key());
    let codec = RealtimeApi::new(&config, &crate::fuzz::options());
    to.conversation(codec.expect("the settings are good"));
}

#[cfg(test)]
mod tests;
