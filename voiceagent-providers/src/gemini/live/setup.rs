use std::fmt::Write as _;

use voiceagent_core::{
    llm::{Message, ToolCall},
    realtime::RealtimeOptions,
};

use super::{
    super::{messages::Tool, request::functions},
    config::{ActivityDetection, GeminiLiveConfig, TurnDetection},
    messages::{
        Compression, Detection, Generation, Instruction, Nothing, Part, Prebuilt,
        RealtimeInputConfig, Resumption, Setup, SetupMessage, Speech, Thinking, Voice,
    },
};
use crate::wire::{
    json,
    realtime::{STILL_RUNS, result},
};

/// The message with which a connection begins, or goes on with the conversation of a `handle`.
pub(super) fn setup(
    config: &GeminiLiveConfig,
    options: &RealtimeOptions,
    handle: Option<&str>,
) -> String {
    let mut instructions = options.instructions.to_string();
    if handle.is_none() {
        append_history(&mut instructions, &options.history);
    }
    let function_declarations = functions(&options.tools);
    let with_tools = !function_declarations.is_empty();
    let voice_config = Voice { prebuilt_voice_config: Prebuilt { voice_name: &config.voice } };
    let thinking = config.thinking_level.as_deref();
    let setup = Setup {
        model: format!("models/{}", config.model),
        generation_config: Generation {
            response_modalities: ["AUDIO"],
            speech_config: Speech { voice_config, language_code: config.language.as_deref() },
            temperature: config.temperature,
            thinking_config: thinking.map(|thinking_level| Thinking { thinking_level }),
        },
        system_instruction: (!instructions.is_empty())
            .then_some(Instruction { parts: [Part { text: &instructions }] }),
        tools: with_tools.then_some(Tool { function_declarations }).into_iter().collect(),
        realtime_input_config: RealtimeInputConfig {
            automatic_activity_detection: detection(&config.turn_detection),
        },
        session_resumption: Resumption { handle },
        context_window_compression: Compression::default(),
        input_audio_transcription: config.transcription.then_some(Nothing {}),
        output_audio_transcription: Nothing {},
    };
    json::write(&SetupMessage { setup })
}

fn detection(turns: &TurnDetection) -> Detection<'_> {
    let own = match turns {
        TurnDetection::Local => None,
        TurnDetection::Vendor(own) => Some(own),
    };
    let ActivityDetection { start, end, prefix_padding, silence_duration } =
        own.cloned().unwrap_or_default();
    Detection {
        disabled: own.is_none(),
        start_of_speech_sensitivity: start
            .map(|it| it.of("START_SENSITIVITY_LOW", "START_SENSITIVITY_HIGH")),
        end_of_speech_sensitivity: end
            .map(|it| it.of("END_SENSITIVITY_LOW", "END_SENSITIVITY_HIGH")),
        prefix_padding_ms: prefix_padding.map(|it| it.as_millis()),
        silence_duration_ms: silence_duration.map(|it| it.as_millis()),
    }
}

/// What was said before is told as a part of the instructions: the vendor closes connections over
/// calls of functions in a history.
fn append_history(instructions: &mut String, history: &[Message]) {
    if history.is_empty() {
        return;
    }
    instructions.push_str("\n\nThe call was lost and goes on. Said so far:");
    for message in history {
        let told = match message {
            Message::Assistant { text, .. } => write!(instructions, "\nYou: {text}"),
            Message::ToolCall(ToolCall { id, name, arguments }) => {
                let open = result(history, id).is_none();
                let note = open.then(|| format!("\n(It returned {STILL_RUNS}.)"));
                let note = note.unwrap_or_default();
                write!(instructions, "\n(You called {name} with {arguments}.){note}")
            }
            Message::ToolResult { output, .. } => write!(instructions, "\n(It returned {output}.)"),
            Message::User { text } => write!(instructions, "\nCaller: {text}"),
            _ => Ok(()),
        };
        told.expect("a String takes everything");
    }
}
