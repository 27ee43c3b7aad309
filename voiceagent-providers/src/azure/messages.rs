//! Azure's JSON. Unknown fields are ignored, because the vendor adds some at any time. Times are
//! ticks of 100 ns from the first audio of the request.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::{json, stt::words};

/// What is said of the client.
#[derive(Serialize)]
pub(super) struct SpeechConfig {
    pub(super) context: ClientContext,
}

#[derive(Serialize)]
pub(super) struct ClientContext {
    pub(super) system: System,
}

#[derive(Serialize)]
pub(super) struct System {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) build: &'static str,
    pub(super) lang: &'static str,
}

impl SpeechConfig {
    /// This program.
    pub(super) const OURS: Self = Self {
        context: ClientContext {
            system: System {
                name: "voiceagent",
                version: env!("CARGO_PKG_VERSION"),
                build: "Rust",
                lang: "Rust",
            },
        },
    };
}

/// How recognition is to be done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpeechContext<'a> {
    pub(super) phrase_detection: PhraseDetection,
    pub(super) phrase_output: PhraseOutput,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dgi: Option<Grammar<'a>>,
}

#[derive(Serialize)]
pub(super) struct PhraseDetection {
    pub(super) mode: &'static str,
    pub(super) conversation: Conversation,
}

#[derive(Serialize)]
pub(super) struct Conversation {
    pub(super) segmentation: Segmentation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Segmentation {
    pub(super) mode: &'static str,
    pub(super) segmentation_silence_timeout_ms: u128,
}

#[derive(Serialize)]
pub(super) struct PhraseOutput {
    pub(super) format: &'static str,
    pub(super) detailed: DetailedOptions,
}

#[derive(Serialize)]
pub(super) struct DetailedOptions {
    pub(super) options: [&'static str; 1],
}

/// Words to expect.
#[derive(Serialize)]
pub(super) struct Grammar<'a> {
    pub(super) groups: [Group<'a>; 1],
}

#[derive(Serialize)]
pub(super) struct Group<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) items: Vec<Phrase<'a>>,
}

#[derive(Serialize)]
pub(super) struct Phrase<'a> {
    pub(super) text: &'a str,
}

/// `speech.hypothesis`: what was understood of the phrase so far.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SpeechHypothesis<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) text: Cow<'a, str>,
}

/// `speech.phrase`: all of a phrase.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SpeechPhrase<'a> {
    #[serde(borrow)]
    pub(super) recognition_status: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) offset: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) duration: f64,
    #[serde(borrow, default, rename = "NBest", deserialize_with = "json::null_as_default")]
    pub(super) n_best: Vec<Best<'a>>,
}

/// One way to understand a phrase, best first.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Best<'a> {
    #[serde(default = "words::sure", deserialize_with = "words::null_as_sure")]
    pub(super) confidence: f32,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) display: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) words: Vec<Word<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Word<'a> {
    #[serde(borrow)]
    pub(super) word: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) offset: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) duration: f64,
}

/// How a request is to be spoken.
#[derive(Serialize)]
pub(super) struct SynthesisContext<'a> {
    pub(super) synthesis: Synthesis<'a>,
}

#[derive(Serialize)]
pub(super) struct Synthesis<'a> {
    pub(super) audio: SynthesisAudio,
    pub(super) input: SynthesisInput<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SynthesisAudio {
    pub(super) metadata_options: MetadataOptions,
    pub(super) output_format: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataOptions {
    pub(super) word_boundary_enabled: bool,
    pub(super) punctuation_boundary_enabled: bool,
    pub(super) sentence_boundary_enabled: bool,
    pub(super) session_end_enabled: bool,
}

/// The text comes in pieces.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SynthesisInput<'a> {
    pub(super) bidirectional_streaming_mode: bool,
    pub(super) voice_name: &'a str,
    pub(super) language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pitch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) volume: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) style: Option<&'a str>,
}

/// `audio.metadata`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AudioMetadata<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) metadata: Vec<Boundary<'a>>,
}

/// Something at a place in the audio.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Boundary<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) r#type: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_default")]
    pub(super) data: BoundaryData<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BoundaryData<'a> {
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) offset: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) duration: f64,
    #[serde(borrow, default, rename = "text", deserialize_with = "json::null_as_default")]
    pub(super) text: BoundaryText<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BoundaryText<'a> {
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) text: Cow<'a, str>,
}
