//! The contract of speech-to-speech models.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ErrorKind, GenerationId, Link, Result, ToolCallId, TurnId,
    audio::{AudioFormat, AudioFrame},
    llm::{Message, ToolCall, Usage},
    stt::Transcript,
    tool::ToolSpec,
};

/// The first name that a duplex model gives to what it says on its own. Names below are the
/// session's.
pub const FIRST_OWN: GenerationId = GenerationId::new(1 << 40);

/// Hears and speaks by itself.
///
/// Two modes exist. In a *turn-managed* model the session decides when the model speaks
/// ([`RealtimeInput::Generate`]), stops ([`RealtimeInput::Cancel`]) and forgets what was not heard
/// ([`RealtimeInput::Truncate`]). A *duplex* model ([`RealtimeCapabilities::duplex`]) takes and
/// gives audio without turns and manages the floor on its own.
///
/// # Implementing
///
/// - A *generation* is one attempt of the model to speak. The session names those it asks for; a
///   duplex model numbers those it begins by itself upwards from [`FIRST_OWN`], in each
///   conversation that is opened, and has one at a time. A vendor who knows no such borders, as where audio flows all the time, leaves silence
///   out and draws them at pauses.
/// - Text and audio of a generation each come in order, and either may run ahead.
///   [`RealtimeEvent::Finished`] comes once and last, also when only tools were called.
///   Nothing comes after [`RealtimeInput::Cancel`] but what was on its way.
/// - A generation that called tools goes on: when the results of all its calls are there, a
///   turn-managed model is asked to [`Generate`](RealtimeInput::Generate) under the same name, and
///   finishes again. A duplex model goes on by itself, as a new generation.
/// - An input for a generation or a call that is unknown, over or answered already changes nothing
///   and is no fault.
/// - Audio may come in pieces of any length, faster than it sounds.
/// - A link that ended is opened again with the conversation so far in
///   [`RealtimeOptions::history`]. A vendor who lets conversations last for some minutes only is
///   best left before that, between two answers, in the same way.
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
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up, and leaves no connection open.
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
    /// [`RealtimeInput::Truncate`] and [`RealtimeInput::Forget`] make it forget what was not heard.
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
    /// What was said and heard before: the model goes on where a lost connection left it. A call
    /// without a result still runs, and is not to be made again: its result comes as a
    /// [`RealtimeInput::ToolResult`], which the model is told in words where the vendor takes no
    /// result of a call that another conversation has made.
    pub history: Arc<[Message]>,
}

impl RealtimeOptions {
    /// Options for these instructions and this format, without tools.
    pub fn new(instructions: impl Into<Arc<str>>, format: AudioFormat) -> Self {
        let (tools, history) = (Arc::from([]), Arc::from([]));
        Self { instructions: instructions.into(), tools, format, history }
    }

    /// Offers tools.
    #[must_use]
    pub fn with_tools(mut self, tools: impl Into<Arc<[ToolSpec]>>) -> Self {
        self.tools = tools.into();
        self
    }

    /// Goes on with a conversation.
    #[must_use]
    pub fn with_history(mut self, history: impl Into<Arc<[Message]>>) -> Self {
        self.history = history.into();
        self
    }
}

/// What a model that is asked to speak is to say.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Prompt {
    /// An answer to what the user said, or what follows from the results of its tools.
    #[default]
    Answer,
    /// What these instructions ask for, this once.
    Follow(Arc<str>),
    /// This text, word for word as far as the model can.
    Say(Arc<str>),
}

/// What a speech-to-speech model is given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RealtimeInput {
    /// The next piece of the user's audio.
    Audio(AudioFrame),
    /// Stop speaking. A duplex model that stops by itself may ignore it.
    Cancel {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// The user's turn is over. A duplex model is not told.
    Commit {
        /// The turn, by which the model names its words.
        turn: TurnId,
    },
    /// Forget a generation altogether: nothing of it was heard.
    Forget {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// Speak. A duplex model is asked only for what the agent says on its own account.
    Generate {
        /// The attempt to speak.
        generation: GenerationId,
        /// What to say.
        prompt: Prompt,
    },
    /// What a function returned.
    ToolResult {
        /// The call that it answers.
        id: ToolCallId,
        /// The result, as JSON text.
        output: Arc<str>,
    },
    /// Forget what was not heard of this generation, be it one item of the vendor's or several:
    /// the item that was sounding is cut, later ones are removed.
    Truncate {
        /// The attempt to speak.
        generation: GenerationId,
        /// How much of its audio was heard; never zero, and never more than the model gave.
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
    /// The model will not say it, or no more of it. Comes in place of
    /// [`Finished`](Self::Finished), and the link lives on.
    Failed {
        /// The attempt to speak.
        generation: GenerationId,
        /// Why.
        kind: ErrorKind,
    },
    /// The model has said all of it.
    Finished {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// A duplex model stopped by itself, because the user spoke. Where it reports
    /// [`SpeechStarted`](Self::SpeechStarted), that says it already.
    Interrupted {
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
    /// What a generation cost.
    Usage {
        /// The attempt to speak.
        generation: GenerationId,
        /// The cost.
        usage: Usage,
    },
    /// What the user said. May come long after it was said, and after its answer.
    UserTranscript {
        /// The turn, as it was [committed](RealtimeInput::Commit); `None` where the model cannot
        /// tell or has no turns.
        turn: Option<TurnId>,
        /// The words. Finals of one turn add up.
        transcript: Transcript,
    },
}
