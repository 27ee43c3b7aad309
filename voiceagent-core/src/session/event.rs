use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{ErrorKind, GenerationId, ToolCallId, TurnId, llm::Usage};

/// What happened in a call, for its owner and its observers.
///
/// Fields whose name begins with `pii` hold personal data: what people said.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// The agent's first sound of an attempt to speak was sent.
    AgentStarted {
        /// The attempt to speak.
        generation: GenerationId,
        /// The turn that it answers; `None` when the agent speaks on its own account.
        turn: Option<TurnId>,
    },
    /// The agent finished or was stopped.
    AgentStopped {
        /// The attempt to speak.
        generation: GenerationId,
        /// What the caller heard.
        pii_heard: Arc<str>,
        /// Whether the agent had more to say.
        interrupted: bool,
    },
    /// An attempt to speak was started before the turn was over.
    DraftStarted {
        /// The attempt to speak.
        generation: GenerationId,
        /// The turn.
        turn: TurnId,
    },
    /// A draft was thrown away; nobody heard it.
    DraftDropped {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// The user pressed a key.
    Dtmf {
        /// The key.
        pii_digit: char,
    },
    /// The call is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// A part of the call failed; the call goes on if it can.
    Failed {
        /// Which part.
        leg: Leg,
        /// Why.
        kind: ErrorKind,
    },
    /// The voice's first audio of an attempt to speak arrived.
    FirstAudio {
        /// The attempt to speak.
        generation: GenerationId,
        /// From the first text handed over.
        after: Duration,
    },
    /// The language model's first word or tool call of a round arrived.
    FirstToken {
        /// The attempt to speak.
        generation: GenerationId,
        /// From the request.
        after: Duration,
    },
    /// The agent was stopped.
    Interrupted {
        /// The attempt to speak.
        generation: GenerationId,
        /// Why.
        reason: InterruptionReason,
        /// From the user's first sound to the decision; zero if no user was the cause.
        after: Duration,
    },
    /// Tool calls of an answer came to their limit; the model must answer in words.
    ToolLimit {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// A tool finished.
    ToolFinished {
        /// The model's name for the call.
        id: ToolCallId,
        /// The function.
        name: Arc<str>,
        /// How long it took.
        after: Duration,
    },
    /// A tool was started.
    ToolStarted {
        /// The model's name for the call.
        id: ToolCallId,
        /// The function.
        name: Arc<str>,
    },
    /// What an answer of the language model cost.
    UsageReported {
        /// The attempt to speak.
        generation: GenerationId,
        /// The cost.
        usage: Usage,
    },
    /// The user's speech so far.
    UserPartial {
        /// The turn.
        turn: TurnId,
        /// The words.
        pii_text: Arc<str>,
    },
    /// The user began to speak.
    UserStarted {
        /// The turn.
        turn: TurnId,
    },
    /// The user stopped speaking, perhaps for a moment.
    UserStopped {
        /// The turn.
        turn: TurnId,
    },
    /// The user's turn is over.
    UserTurn {
        /// The turn.
        turn: TurnId,
        /// The words.
        pii_text: Arc<str>,
        /// From the user's last sound to this decision.
        end_of_turn_delay: Duration,
        /// From the user's last sound to the last final transcript; `None` if none came.
        transcription_delay: Option<Duration>,
    },
}

/// Why the agent was stopped.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InterruptionReason {
    /// The user spoke over the agent.
    BargeIn,
    /// The voice failed before anything was heard.
    Failed,
    /// The owner of the call asked for it.
    Requested,
    /// Something newer took its place.
    Superseded,
    /// The user went on before the answer was heard.
    UserResumed,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// The agent ended it.
    AgentHungUp,
    /// A part failed for good.
    Failed,
    /// The call was handed over.
    Transferred,
    /// The caller ended it.
    UserHungUp,
}

/// A part of a call.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Leg {
    /// The conversation policy.
    Flow,
    /// The language model.
    Llm,
    /// The recognizer.
    Stt,
    /// The caller's line.
    Transport,
    /// The voice.
    Tts,
    /// The turn detector.
    TurnDetector,
}
