use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use voiceagent_core::{Result, stt::WordTiming};

use crate::{
    azure::{
        PROVIDER,
        frames::{self, Frames, ticks},
        messages::{
            AudioMetadata, MetadataOptions, SpeechConfig, Synthesis, SynthesisAudio,
            SynthesisContext, SynthesisInput,
        },
    },
    wire::{
        json,
        secrets::Secrets,
        voice::context_codec::{ContextCodec, Said},
    },
};

const STOP: &str = r#"{"action":"stop"}"#;

/// How a voice is to speak.
#[derive(Clone, Debug)]
pub(in crate::azure) struct Manner {
    pub(in crate::azure) voice: Arc<str>,
    pub(in crate::azure) language: Arc<str>,
    pub(in crate::azure) rate: Option<Arc<str>>,
    pub(in crate::azure) pitch: Option<Arc<str>>,
    pub(in crate::azure) volume: Option<Arc<str>>,
    pub(in crate::azure) style: Option<Arc<str>>,
}

/// Understands `/cognitiveservices/websocket/v2`, where a context is a request whose text comes in
/// pieces. The vendor serves one at a time.
#[derive(Debug)]
pub(in crate::azure) struct PieceCodec {
    frames: Frames,
    manner: Manner,
    output_format: &'static str,
    /// The vendor knows who speaks to it.
    introduced: bool,
    /// The request that is being stopped.
    stopping: Option<u64>,
}

impl PieceCodec {
    pub(in crate::azure) const fn new(
        frames: Frames,
        manner: Manner,
        output_format: &'static str,
    ) -> Self {
        Self { frames, manner, output_format, introduced: false, stopping: None }
    }

    fn context(&self) -> String {
        let manner = &self.manner;
        json::write(&SynthesisContext {
            synthesis: Synthesis {
                audio: SynthesisAudio {
                    metadata_options: MetadataOptions {
                        word_boundary_enabled: true,
                        punctuation_boundary_enabled: false,
                        sentence_boundary_enabled: false,
                        session_end_enabled: false,
                    },
                    output_format: self.output_format,
                },
                input: SynthesisInput {
                    bidirectional_streaming_mode: true,
                    voice_name: &manner.voice,
                    language: &manner.language,
                    rate: manner.rate.as_deref(),
                    pitch: manner.pitch.as_deref(),
                    volume: manner.volume.as_deref(),
                    style: manner.style.as_deref(),
                },
            },
        })
    }
}

impl ContextCodec for PieceCodec {
    const PROVIDER: &'static str = PROVIDER;
    // The vendor names no limit; a text is a sentence or two.
    const LONGEST: usize = 2_000;
    const GOODBYE: Option<&'static str> = None;
    // The vendor says what makes a clause, and keeps the rest until more text comes or its end.
    const PATIENCE: Option<Duration> = Some(Duration::from_millis(500));
    const HOLDS_BACK: bool = true;

    fn connected(&mut self) {
        (self.introduced, self.stopping) = (false, None);
    }

    fn begin(&mut self, context: u64) -> Vec<String> {
        let request = u128::from(context);
        let mut messages = Vec::with_capacity(2);
        if !std::mem::replace(&mut self.introduced, true) {
            let ours = json::write(&SpeechConfig::OURS);
            messages.push(self.frames.json("speech.config", request, &ours));
        }
        messages.push(self.frames.json("synthesis.context", request, &self.context()));
        messages
    }

    fn say(&mut self, context: u64, text: &str) -> String {
        self.frames.text("text.piece", u128::from(context), "text/plain", text)
    }

    fn end(&mut self, context: u64) -> Vec<String> {
        vec![self.frames.text("text.end", u128::from(context), "text/plain", "")]
    }

    fn cancel(&mut self, context: u64, _heard: Option<Duration>) -> Option<String> {
        self.stopping = Some(context);
        Some(self.frames.json("synthesis.control", u128::from(context), STOP))
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    fn decode_audio(&mut self, payload: Bytes) -> Said {
        match frames::read_audio(&payload) {
            Some((request, audio)) => match u64::try_from(request) {
                Ok(context) => Said::Audio(context, audio, Vec::new()),
                Err(_) => Said::Other,
            },
            None => Said::Other,
        }
    }

    fn decode(&mut self, text: &str, _secrets: &Secrets) -> Result<Said> {
        let message = frames::read(text)?;
        let Some(context) = message.request.and_then(|it| u64::try_from(it).ok()) else {
            return Ok(Said::Other);
        };
        Ok(match message.path {
            "audio.metadata" => {
                let metadata: AudioMetadata<'_> = json::read(message.body, PROVIDER)?;
                Said::Words(context, words(&metadata))
            }
            "turn.end" => {
                self.stopping.take_if(|stopping| *stopping == context);
                Said::Done(context, Vec::new())
            }
            _ => Said::Other,
        })
    }
}

fn words(metadata: &AudioMetadata<'_>) -> Vec<WordTiming> {
    let words = metadata.metadata.iter().filter(|it| it.r#type == "WordBoundary");
    words
        .map(|word| WordTiming {
            word: word.data.text.text.as_ref().into(),
            start: ticks(word.data.offset),
            end: ticks(word.data.offset + word.data.duration),
        })
        .collect()
}
