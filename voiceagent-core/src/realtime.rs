//! The contract of speech-to-speech models.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    GenerationId, Link, Result, ToolCallId,
    audio::{AudioFormat, AudioFrame},
    llm::ToolCall,
    stt::Transcript,
    tool::ToolSpec,
};

/// Hears and speaks by itself.
///
/// Two modes exist. In a *turn-managed* model the session decides when the model speaks
/// ([`RealtimeInput::Generate`]), stops ([`RealtimeInput::Cancel`]) and forgets what was not heard
/// ([`RealtimeInput::Truncate`]). A *duplex* model ([`RealtimeCapabilities::duplex`]) takes and
/// gives audio without turns and manages the floor on its own.
#[async_trait]
pub trait RealtimeModel: Debug + Send + Sync + 'static {
    /// The provider's name, as in the registry.
    fn name(&self) -> &str;

    /// What the model can do.
    fn capabilities(&self) -> RealtimeCapabilities;

    /// Opens a conversation.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached in time, or refuses.
    async fn open(&self, options: RealtimeOptions) -> Result<Link<RealtimeInput, RealtimeEvent>>;
}

/// What a speech-to-speech model can do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RealtimeCapabilities {
    /// Formats that it takes and gives, best first.
    pub formats: Vec<AudioFormat>,
    /// It reports speech edges of the user.
    pub server_vad: bool,
    /// [`RealtimeInput::Truncate`] makes it forget what was not heard.
    pub truncate: bool,
    /// It manages the floor on its own; there are no turns.
    pub duplex: bool,
}

impl RealtimeCapabilities {
    /// Nothing but audio, in these formats. Set the fields that hold in addition.
    #[must_use]
    pub fn new(formats: Vec<AudioFormat>) -> Self {
        Self { formats, ..Self::default() }
    }
}

/// Arguments of one [`RealtimeModel::open`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RealtimeOptions {
    /// What the agent is and how it behaves.
    pub instructions: Arc<str>,
    /// The functions that the model may call.
    pub tools: Arc<[ToolSpec]>,
    /// The format of the audio in both directions.
    pub format: AudioFormat,
}

impl RealtimeOptions {
    /// Options for these instructions and this format, without tools.
    pub fn new(instructions: impl Into<Arc<str>>, format: AudioFormat) -> Self {
        Self { instructions: instructions.into(), tools: Arc::from([]), format }
    }

    /// Offers tools.
    #[must_use]
    pub fn with_tools(mut self, tools: impl Into<Arc<[ToolSpec]>>) -> Self {
        self.tools = tools.into();
        self
    }
}

/// What a speech-to-speech model is given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RealtimeInput {
    /// The next piece of the user's audio.
    Audio(AudioFrame),
    /// Stop speaking.
    Cancel {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// The user's turn is over.
    Commit,
    /// Answer.
    Generate {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// What a function returned.
    ToolResult {
        /// The call that it answers.
        id: ToolCallId,
        /// The result, as JSON text.
        output: Arc<str>,
    },
    /// Forget what was not heard of this generation.
    Truncate {
        /// The attempt to speak.
        generation: GenerationId,
        /// How much of its audio was heard; never zero.
        heard: Duration,
    },
}

/// What a speech-to-speech model reports.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RealtimeEvent {
    /// More of the text that the model speaks.
    AgentTranscript {
        /// The attempt to speak.
        generation: GenerationId,
        /// The text.
        text: String,
    },
    /// The next piece of audio.
    Audio {
        /// The attempt to speak.
        generation: GenerationId,
        /// Whole samples in the format that was asked for.
        payload: Bytes,
    },
    /// The model has said all of it.
    Finished {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// The user began to speak.
    SpeechStarted,
    /// The user stopped.
    SpeechStopped,
    /// A complete function call.
    ToolCall {
        /// The attempt to speak.
        generation: GenerationId,
        /// The call.
        call: ToolCall,
    },
    /// What the user said.
    UserTranscript(Transcript),
}
