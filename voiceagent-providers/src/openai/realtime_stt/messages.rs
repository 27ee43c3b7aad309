//! OpenAI's JSON for transcription sessions. Unknown fields and types are ignored, because the
//! vendor adds some at any time. Times are milliseconds from the first audio of the connection.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use voiceagent_core::audio::AudioFormat;

use super::config::OpenAiRealtimeSttConfig;
use crate::wire::json;

pub(super) const COMMIT: &str = r#"{"type":"input_audio_buffer.commit"}"#;

/// Every message of the vendor's, as far as it matters.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) item_id: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) delta: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "json::null_as_empty")]
    pub(super) transcript: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) audio_start_ms: f64,
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub(super) audio_end_ms: f64,
}

/// `session.update`; `None` for a format that the vendor does not take. What is null is switched
/// off.
pub(super) fn session_update(
    config: &OpenAiRealtimeSttConfig,
    format: AudioFormat,
    language: Option<&str>,
) -> Option<String> {
    let format = match format {
        AudioFormat::PCM_24K => Format { kind: "audio/pcm", rate: Some(24_000) },
        AudioFormat::MULAW_8K => Format { kind: "audio/pcmu", rate: None },
        AudioFormat::ALAW_8K => Format { kind: "audio/pcma", rate: None },
        _ => return None,
    };
    let language = language.or(config.language.as_deref());
    let transcription = Transcription {
        model: &config.model,
        language: language.map(|it| it.split('-').next().unwrap_or(it)),
        keywords: &config.keywords,
        prompt: config.prompt.as_deref(),
        delay: config.delay.as_deref(),
    };
    let turn_detection = config
        .silence
        .map(|it| TurnDetection { kind: "server_vad", silence_duration_ms: it.as_millis() });
    let noise_reduction = config.noise_reduction.as_deref().map(|kind| Kind { kind });
    let input = Input { format, noise_reduction, transcription, turn_detection };
    let session = Session { kind: "transcription", audio: Audio { input } };
    Some(json::write(&SessionUpdate { kind: "session.update", session }))
}

#[derive(Serialize)]
struct SessionUpdate<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    session: Session<'a>,
}

#[derive(Serialize)]
struct Session<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    audio: Audio<'a>,
}

#[derive(Serialize)]
struct Audio<'a> {
    input: Input<'a>,
}

#[derive(Serialize)]
struct Input<'a> {
    format: Format,
    noise_reduction: Option<Kind<'a>>,
    transcription: Transcription<'a>,
    turn_detection: Option<TurnDetection>,
}

#[derive(Serialize)]
struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
}

#[derive(Serialize)]
struct Kind<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct Transcription<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    keywords: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<&'a str>,
}

#[derive(Serialize)]
struct TurnDetection {
    #[serde(rename = "type")]
    kind: &'static str,
    silence_duration_ms: u128,
}
