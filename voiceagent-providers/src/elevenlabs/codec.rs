//! ElevenLabs' messages as events. Pure: no clock, no socket.

mod single;

use std::time::Duration;

use voiceagent_core::{Error, ErrorKind, Result, audio::AudioFormat};

use super::{
    PROVIDER,
    config::{ElevenLabsDictionary, ElevenLabsTtsConfig},
    messages::{CLOSE_SOCKET, CloseContext, Flush, Message, Text, VoiceSettings},
    spelling::Spelling,
};
use crate::wire::{
    format::unsupported,
    json,
    secrets::Secrets,
    voice::context_codec::{ContextCodec, Said},
};

pub(super) use single::SingleCodec;

/// Understands `multi-stream-input`.
#[derive(Debug)]
pub(super) struct MultiCodec {
    settings: VoiceSettings,
    dictionaries: Vec<ElevenLabsDictionary>,
    format: AudioFormat,
    /// The words of the context that began last; others are over.
    spelling: (u64, Spelling),
}

impl MultiCodec {
    pub(super) fn new(config: &ElevenLabsTtsConfig, format: AudioFormat) -> Self {
        let settings = VoiceSettings {
            stability: config.stability,
            similarity_boost: config.similarity_boost,
            style: config.style,
            use_speaker_boost: config.use_speaker_boost,
            speed: config.speed,
        };
        let dictionaries = config.pronunciation_dictionaries.clone();
        Self { settings, dictionaries, format, spelling: (0, Spelling::new(format)) }
    }

    fn spelling(&mut self, context: u64) -> Option<&mut Spelling> {
        (self.spelling.0 == context).then_some(&mut self.spelling.1)
    }

    /// The message with which a context begins.
    fn init(&mut self, context: u64, context_id: Option<&str>) -> String {
        self.spelling = (context, Spelling::new(self.format));
        json::write(&Text {
            text: " ",
            voice_settings: Some(self.settings),
            pronunciation_dictionary_locators: &self.dictionaries,
            context_id,
        })
    }

    /// What a message that is no error says of its context.
    fn read(&mut self, message: &Message<'_>, context: u64) -> Result<Said> {
        let audio = message.audio.as_deref().filter(|audio| !audio.is_empty());
        if let Some(audio) = audio {
            let audio = json::read_base64(audio, PROVIDER)?;
            let alignment = message.alignment.as_ref();
            let words = self.spelling(context).map(|it| it.read(audio.len(), alignment));
            return Ok(Said::Audio(context, audio, words.unwrap_or_default()));
        }
        Ok(if message.is_final == Some(true) {
            let last = self.spelling(context).and_then(Spelling::finish);
            Said::Done(context, last.into_iter().collect())
        } else {
            Said::Other
        })
    }
}

impl ContextCodec for MultiCodec {
    const PROVIDER: &'static str = PROVIDER;
    // The vendor names no limit; a text is a sentence or two.
    const LONGEST: usize = 2_000;
    const GOODBYE: Option<&'static str> = Some(CLOSE_SOCKET);
    const PATIENCE: Option<Duration> = None;

    fn begin(&mut self, context: u64) -> Vec<String> {
        vec![self.init(context, Some(&context.to_string()))]
    }

    fn say(&mut self, context: u64, text: &str) -> String {
        json::write(&more(&spaced(text), Some(&context.to_string())))
    }

    fn end(&mut self, context: u64) -> Vec<String> {
        let context_id = &context.to_string();
        vec![json::write(&Flush { context_id, flush: true }), close(context)]
    }

    fn cancel(&mut self, context: u64, _heard: Option<Duration>) -> Option<String> {
        Some(close(context))
    }

    fn keep_alive(&mut self, context: u64) -> Option<String> {
        Some(json::write(&more("", Some(&context.to_string()))))
    }

    fn decode(&mut self, text: &str, secrets: &Secrets) -> Result<Said> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        let context = message.context_id.as_deref().and_then(|name| name.parse().ok());
        if let Some(name) = &message.error {
            return Ok(Said::Failed(context, fault(&secrets.quote(name))));
        }
        let Some(context) = context else { return Ok(Said::Other) };
        self.read(&message, context)
    }
}

/// Texts are put together as they are, and the vendor wants a space behind each.
fn spaced(text: &str) -> String {
    format!("{} ", text.trim())
}

/// A text for a context that has begun.
const fn more<'a>(text: &'a str, context_id: Option<&'a str>) -> Text<'a> {
    Text { text, voice_settings: None, pronunciation_dictionary_locators: &[], context_id }
}

/// What an error of this name means. The names are not listed anywhere, so that their words count.
/// The sentence beside it is left out, since it may repeat what the agent said.
fn fault(name: &str) -> Error {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let kind = if has(&["quota", "api_key", "auth", "payment", "permission"]) {
        ErrorKind::Unauthorized
    } else if has(&["rate_limit", "too_many", "concurrent", "max_active"]) {
        ErrorKind::RateLimited
    } else if has(&["busy", "overload", "capacity"]) {
        ErrorKind::Overloaded
    } else if has(&["timeout", "internal", "server"]) {
        ErrorKind::Disconnected
    } else {
        ErrorKind::Rejected
    };
    Error::new(kind, "read", format!("the vendor reports {name}")).with_provider(PROVIDER)
}

/// ElevenLabs' name of a format.
///
/// # Errors
///
/// `Unsupported` for one that the vendor does not make.
pub(super) fn output_format(format: AudioFormat) -> Result<&'static str> {
    [
        (AudioFormat::PCM_24K, "pcm_24000"),
        (AudioFormat::PCM_16K, "pcm_16000"),
        (AudioFormat::PCM_8K, "pcm_8000"),
        (AudioFormat::MULAW_8K, "ulaw_8000"),
        (AudioFormat::ALAW_8K, "alaw_8000"),
    ]
    .into_iter()
    .find_map(|(known, name)| (known == format).then_some(name))
    .ok_or_else(|| unsupported(format, PROVIDER))
}

fn close(context: u64) -> String {
    json::write(&CloseContext { context_id: &context.to_string(), close_context: true })
}

#[cfg(test)]
mod tests;
