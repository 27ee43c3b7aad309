use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Event;
use crate::{
    GenerationId, TurnId,
    flow::Plan,
    llm::{Message, ToolCall, ToolChoice},
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
    /// Ask the recognizer for what it understood so far.
    FinalizeTranscript,
    /// There is no more text for this attempt to speak.
    FinishSynthesis {
        /// The attempt to speak.
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
    /// Say a piece of text.
    Synthesize {
        /// The attempt to speak.
        generation: GenerationId,
        /// The text.
        text: Arc<str>,
    },
}
