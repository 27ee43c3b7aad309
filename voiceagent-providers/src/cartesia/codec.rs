//! Cartesia's messages as events. Pure: no clock, no socket.

use std::{sync::Arc, time::Duration};

use voiceagent_core::{Error, ErrorKind, Result, audio::AudioFormat, stt::WordTiming};

use super::{
    PROVIDER,
    config::CartesiaTtsConfig,
    messages::{Cancel, Generate, GenerationConfig, Message, OutputFormat, Voice, WordTimestamps},
};
use crate::wire::{
    format::Encodings,
    json,
    secrets::Secrets,
    voice::context_codec::{ContextCodec, Said},
};

/// Understands `/tts/websocket`.
#[derive(Debug)]
pub(super) struct SonicCodec {
    config: CartesiaTtsConfig,
    language: Option<Arc<str>>,
    output_format: OutputFormat,
}

impl SonicCodec {
    /// For audio of this format.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a format that the vendor does not make.
    pub(super) fn new(
        config: CartesiaTtsConfig,
        language: Option<Arc<str>>,
        format: AudioFormat,
    ) -> Result<Self> {
        let encoding = ENCODINGS.name(format, PROVIDER)?;
        let output_format =
            OutputFormat { container: "raw", encoding, sample_rate: format.sample_rate };
        Ok(Self { language: language.or_else(|| config.language.clone()), config, output_format })
    }

    fn generate(&self, context: u64, transcript: &str, goes_on: bool) -> String {
        let config = &self.config;
        let (speed, volume, emotion) = (config.speed, config.volume, config.emotion.as_deref());
        let changes = speed.is_some() || volume.is_some() || emotion.is_some();
        let message = Generate {
            model_id: &config.model,
            transcript,
            voice: Voice { mode: "id", id: &config.voice },
            language: self.language.as_deref().and_then(|tag| tag.split(['-', '_']).next()),
            context_id: &context.to_string(),
            output_format: self.output_format,
            goes_on,
            add_timestamps: true,
            max_buffer_delay_ms: u64::try_from(config.max_buffer_delay.as_millis()).unwrap_or(0),
            generation_config: changes.then_some(GenerationConfig { speed, volume, emotion }),
            pronunciation_dict_id: config.pronunciation_dict_id.as_deref(),
        };
        json::write(&message)
    }
}

impl ContextCodec for SonicCodec {
    const PROVIDER: &'static str = PROVIDER;
    // The vendor names no limit; a text is a sentence or two.
    const LONGEST: usize = 2_000;
    const GOODBYE: Option<&'static str> = None;
    // "Contexts" says one second from the last audio.
    const PATIENCE: Option<Duration> = Some(Duration::from_millis(700));

    fn begin(&mut self, _context: u64) -> Vec<String> {
        Vec::new()
    }

    fn say(&mut self, context: u64, text: &str) -> String {
        self.generate(context, text, true)
    }

    fn end(&mut self, context: u64) -> Vec<String> {
        vec![self.generate(context, "", false)]
    }

    fn cancel(&mut self, context: u64, _heard: Option<Duration>) -> Option<String> {
        Some(json::write(&Cancel { context_id: &context.to_string(), cancel: true }))
    }

    fn decode(&mut self, text: &str, secrets: &Secrets) -> Result<Said> {
        let message: Message<'_> = json::read(text, PROVIDER)?;
        let context = message.context_id.as_deref().and_then(|name| name.parse().ok());
        Ok(match (&*message.kind, context) {
            ("chunk", Some(context)) => {
                Said::Audio(context, json::read_base64(&message.data, PROVIDER)?, Vec::new())
            }
            ("timestamps", Some(context)) => Said::Words(context, timings(message.word_timestamps)),
            ("done", Some(context)) => Said::Done(context, Vec::new()),
            ("error", context) => Said::Failed(context, fault(&message, secrets)),
            _ => Said::Other,
        })
    }
}

fn timings(times: WordTimestamps) -> Vec<WordTiming> {
    let WordTimestamps { words, start, end } = times;
    let words = words.into_iter().zip(start.into_iter().zip(end));
    words
        .map(|(word, (start, end))| WordTiming {
            word,
            start: json::seconds(start),
            end: json::seconds(end),
        })
        .collect()
}

/// What an `error` means. Its `message` may repeat what the agent said, and is left out.
fn fault(message: &Message<'_>, secrets: &Secrets) -> Error {
    let words = [&message.error_code, &message.title].into_iter().flatten();
    let words: Vec<_> = words.map(|words| secrets.quote(words)).collect();
    let text = format!("status {}: {}", message.status_code, words.join(": "));
    Error::new(ErrorKind::from_http_status(message.status_code), "read", text)
        .with_provider(PROVIDER)
}

/// Cartesia's name of an encoding.
pub(super) const ENCODINGS: Encodings =
    Encodings { alaw: Some("pcm_alaw"), mulaw: "pcm_mulaw", pcm: "pcm_s16le" };

#[cfg(test)]
mod tests;
