use std::time::Duration;

use voiceagent_core::{Result, audio::AudioFormat};

use super::{MultiCodec, fault, more, spaced};
use crate::{
    elevenlabs::{PROVIDER, config::ElevenLabsTtsConfig, messages::Message},
    wire::{
        json,
        secrets::Secrets,
        voice::context_codec::{ContextCodec, Said},
    },
};

/// Understands `stream-input`, where a connection serves one context, which has no name.
#[derive(Debug)]
pub(in crate::elevenlabs) struct SingleCodec {
    inner: MultiCodec,
    context: u64,
}

impl SingleCodec {
    pub(in crate::elevenlabs) fn new(config: &ElevenLabsTtsConfig, format: AudioFormat) -> Self {
        Self { inner: MultiCodec::new(config, format), context: 0 }
    }
}

impl ContextCodec for SingleCodec {
    const PROVIDER: &'static str = PROVIDER;
    const LONGEST: usize = MultiCodec::LONGEST;
    const GOODBYE: Option<&'static str> = None;
    const PATIENCE: Option<Duration> = None;
    const SHARES: bool = false;

    fn begin(&mut self, context: u64) -> Vec<String> {
        self.context = context;
        vec![self.inner.init(context, None)]
    }

    fn say(&mut self, _context: u64, text: &str) -> String {
        json::write(&more(&spaced(text), None))
    }

    fn end(&mut self, _context: u64) -> Vec<String> {
        vec![json::write(&more("", None))]
    }

    /// The connection is left, which stops it.
    fn cancel(&mut self, _context: u64, _heard: Option<Duration>) -> Option<String> {
        None
    }

    fn keep_alive(&mut self, _context: u64) -> Option<String> {
        Some(json::write(&more(" ", None)))
    }

    fn decode(&mut self, text: &str, secrets: &Secrets) -> Result<Said> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        match &message.error {
            Some(name) => Ok(Said::Failed(None, fault(&secrets.quote(name)))),
            None => self.inner.read(&message, self.context),
        }
    }
}
