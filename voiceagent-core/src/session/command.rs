use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::Event;
use crate::{
    GenerationId, ToolCallId, TurnId,
    flow::Plan,
    llm::{Message, ToolCall, ToolChoice},
    realtime::Prompt,
    tool::ToolSpec,
    transport::Outbound,
};

/// What a session wants done. The driver does it and never waits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "command")]
#[non_exhaustive]
pub enum Command {
    /// Run a function.
    CallTool {
        /// The attempt to speak that asked for it.
        generation: GenerationId,
        /// The call.
        call: ToolCall,
    },
    /// Stop all work for an attempt to speak.
    Cancel {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// Stop the model's answer; its tools and its voice go on.
    CancelModel {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// Stop the voice; the model goes on.
    CancelVoice {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// Tell a speech-to-speech model that the user's turn is over.
    CommitAudio {
        /// The turn.
        turn: TurnId,
    },
    /// Stop the voice, which knows which words were heard; a [`Command::Cancel`] follows.
    InterruptVoice {
        /// The attempt to speak.
        generation: GenerationId,
        /// How much of its audio was heard; never zero.
        heard: Duration,
    },
    /// Tell the flow that a turn happened.
    CommitPlan {
        /// The turn.
        turn: TurnId,
        /// What the user said.
        text: Arc<str>,
        /// What it is answered with.
        plan: Plan,
    },
    /// Tell the owner and the observers.
    Emit {
        /// What happened.
        event: Event,
    },
    /// Leave: the call is over.
    End,
    /// Stop one call of a tool, whether it wants to be stopped or not.
    CancelTool {
        /// The attempt to speak that asked for it.
        generation: GenerationId,
        /// The model's name for the call.
        id: ToolCallId,
    },
    /// Feed the recognizer silence in place of the user's audio, or stop doing so. The detector
    /// goes on hearing the user.
    FeedSilence {
        /// Whether to begin or to stop.
        on: bool,
    },
    /// Ask the recognizer for what it understood so far.
    FinalizeTranscript,
    /// There is no more text for this attempt to speak.
    FinishSynthesis {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// Feed a recognizer that cannot be asked to finalize enough silence to make it tell what it
    /// understood so far.
    FlushTranscript,
    /// Let a speech-to-speech model forget a generation of which nothing was heard.
    Forget {
        /// The attempt to speak, as the model knows it.
        generation: GenerationId,
    },
    /// Ask the language model.
    Generate {
        /// The attempt to speak.
        generation: GenerationId,
        /// Instructions.
        instructions: Arc<str>,
        /// The conversation.
        messages: Arc<[Message]>,
        /// Functions that the model may call.
        tools: Arc<[ToolSpec]>,
        /// Whether it may call them.
        tool_choice: ToolChoice,
    },
    /// Ask the flow.
    Plan {
        /// The attempt to speak.
        generation: GenerationId,
        /// The turn.
        turn: TurnId,
        /// What the user said.
        text: Arc<str>,
        /// The conversation before the turn.
        history: Arc<[Message]>,
    },
    /// Let the speech detector begin anew: what it takes for speech is none. The session counts
    /// the user as silent already; it is told of speech that goes on as of speech that begins.
    ResetDetector,
    /// Tell whoever waits for [`Input::SayUntilHeard`](super::Input::SayUntilHeard).
    Said {
        /// The one who waits.
        ticket: u64,
        /// Whether all of it was heard.
        heard: bool,
    },
    /// Ask the turn detector.
    ScoreEndOfTurn {
        /// The turn.
        turn: TurnId,
        /// What the user said so far.
        text: Arc<str>,
        /// The conversation before the turn.
        history: Arc<[Message]>,
    },
    /// Send something to the caller.
    Send {
        /// What.
        outbound: Outbound,
    },
    /// Let a speech-to-speech model speak.
    Speak {
        /// The attempt to speak, as the model is to know it.
        generation: GenerationId,
        /// What to say.
        prompt: Prompt,
    },
    /// Have the language model sum up a part of the conversation, beside the call.
    Summarize {
        /// The summary, named like an attempt to speak.
        generation: GenerationId,
        /// What to write.
        instructions: Arc<str>,
        /// The part.
        transcript: Arc<str>,
    },
    /// Say a piece of text.
    Synthesize {
        /// The attempt to speak.
        generation: GenerationId,
        /// The text.
        text: Arc<str>,
    },
    /// Tell a speech-to-speech model what a function returned.
    TellResult {
        /// The call that it answers.
        id: ToolCallId,
        /// The result, as JSON text.
        output: Arc<str>,
    },
    /// Let a speech-to-speech model forget what was not heard of a generation.
    Truncate {
        /// The attempt to speak, as the model knows it.
        generation: GenerationId,
        /// How much of its audio was heard; never zero.
        heard: Duration,
    },
}
