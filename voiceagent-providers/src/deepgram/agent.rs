mod codec;
mod config;
mod floor;
mod messages;
mod settings;

use async_trait::async_trait;
use voiceagent_core::{
    Link, Result,
    realtime::{
        RealtimeCapabilities, RealtimeEvent, RealtimeInput, RealtimeModel, RealtimeOptions,
    },
};

use self::codec::AgentCodec;
use super::{PROVIDER, address::dial};
use crate::wire::{
    address::Address,
    format::HEARD,
    realtime::{Conversation, Settings},
    ws::Dial,
};

pub use config::{DeepgramAgentConfig, ThinkEndpoint};

/// A recognizer, a language model and a voice behind one socket: Deepgram's Voice Agent
/// (`/v1/agent/converse`).
///
/// The vendor decides who speaks when, and falls silent when the user speaks. G.711 goes through
/// untouched on a phone line. It cannot be told what was heard: of an answer that was interrupted it
/// remembers what it has said.
///
/// Wire facts: Deepgram API reference, "Voice Agent"; its pages "Voice Agent Message Flow", "Inject
/// Agent Message", "Agent Keep Alive" and "Errors & Warnings"; types of the Python SDK 7.17.0, and
/// the sessions recorded with its version 4.8.1.
#[derive(Clone, Debug)]
pub struct DeepgramAgent {
    config: DeepgramAgentConfig,
}

impl DeepgramAgent {
    /// A model with these settings. Nothing is connected before `open`.
    ///
    /// # Errors
    ///
    /// `Config` for a value that Deepgram would refuse; the message names the field.
    pub fn new(config: DeepgramAgentConfig) -> Result<Self> {
        config.validate().map_err(|wrong| wrong.with_provider(PROVIDER))?;
        Ok(Self { config })
    }

    fn dial(&self) -> Result<Dial> {
        let config = &self.config;
        let address = Address::new(&config.base_url, "/v1/agent/converse")?;
        Ok(dial(address, &config.api_key, config.connect_timeout))
    }
}

#[async_trait]
impl RealtimeModel for DeepgramAgent {
    fn name(&self) -> &str {
        PROVIDER
    }

    fn capabilities(&self) -> RealtimeCapabilities {
        let mut capabilities = RealtimeCapabilities::new(HEARD.to_vec());
        capabilities.duplex = true;
        capabilities
    }

    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>> {
        let codec = AgentCodec::new(&self.config, &options)?;
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
    let config = DeepgramAgentConfig::new(crate::fuzz::key());
    let codec = AgentCodec::new(&config, &crate::fuzz::options());
    to.conversation(codec.expect("the settings are good"));
}

#[cfg(test)]
mod tests;
