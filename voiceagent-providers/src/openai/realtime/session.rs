use voiceagent_core::{Result, audio::AudioFormat, realtime::RealtimeOptions};

use super::{
    PROVIDER,
    config::{OpenAiRealtimeConfig, TurnDetection},
    messages::{
        Audio, AudioInput, AudioOutput, Detection, Format, NoiseReduction, Reasoning, Session,
        SessionUpdate, Tool, Transcription,
    },
};
use crate::wire::{format::unsupported, json};

/// The message that says how a conversation is to be.
pub(super) fn session_update(
    config: &OpenAiRealtimeConfig,
    options: &RealtimeOptions,
) -> Result<String> {
    let format = wire_format(options.format)?;
    let is_transcribed = !config.transcription_model.is_empty();
    let transcription = is_transcribed.then(|| Transcription {
        model: &config.transcription_model,
        language: config.language.as_deref(),
    });
    let tools = options.tools.iter().map(|tool| Tool {
        kind: "function",
        name: &tool.name,
        description: &tool.description,
        parameters: &tool.parameters,
    });
    let session = Session {
        kind: "realtime",
        output_modalities: ["audio"],
        instructions: &options.instructions,
        audio: Audio {
            input: AudioInput {
                format,
                noise_reduction: config
                    .noise_reduction
                    .as_deref()
                    .map(|kind| NoiseReduction { kind }),
                transcription,
                turn_detection: detection(&config.turn_detection),
            },
            output: AudioOutput { format, voice: &config.voice, speed: config.speed },
        },
        tools: tools.collect(),
        parallel_tool_calls: config.parallel_tool_calls,
        reasoning: config.reasoning_effort.as_deref().map(|effort| Reasoning { effort }),
        max_output_tokens: config.max_output_tokens,
    };
    Ok(json::write(&SessionUpdate { kind: "session.update", session }))
}

fn detection(turns: &TurnDetection) -> Option<Detection<'_>> {
    let (create_response, interrupt_response) = (true, false);
    match turns {
        TurnDetection::Local => None,
        TurnDetection::SemanticVad { eagerness } => Some(Detection::SemanticVad {
            eagerness: eagerness.as_deref(),
            create_response,
            interrupt_response,
        }),
        TurnDetection::ServerVad { threshold, prefix_padding, silence_duration } => {
            Some(Detection::ServerVad {
                threshold: *threshold,
                prefix_padding_ms: prefix_padding.map(|it| it.as_millis()),
                silence_duration_ms: silence_duration.map(|it| it.as_millis()),
                create_response,
                interrupt_response,
            })
        }
    }
}

/// The vendor's name of a format.
fn wire_format(format: AudioFormat) -> Result<Format> {
    match format {
        AudioFormat::ALAW_8K => Ok(Format { kind: "audio/pcma", rate: None }),
        AudioFormat::MULAW_8K => Ok(Format { kind: "audio/pcmu", rate: None }),
        AudioFormat::PCM_24K => Ok(Format { kind: "audio/pcm", rate: Some(24_000) }),
        _ => Err(unsupported(format, PROVIDER)),
    }
}
