use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{EndReason, Leg};
use crate::{
    CallTime, ErrorKind, GenerationId, MarkId, ToolCallId, TurnId,
    flow::Plan,
    llm::{FinishReason, ToolCall, Usage},
    stt::{Transcript, WordTiming},
};

/// What happens to a session. A thing is an input if and only if the session could decide
/// differently because of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "input")]
#[non_exhaustive]
pub enum Input {
    /// The legs are open: the call begins.
    Opened,
    /// The user pressed a key.
    Dtmf {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// The recognizer expects the end of the turn.
    EagerEndOfTurn,
    /// End the call at once, whatever is being said: its owner has let go, or it broke down.
    EndCall {
        /// Why.
        reason: EndReason,
    },
    /// The recognizer decided that the turn is over.
    EndOfTurn,
    /// A turn detector answered.
    EndOfTurnScore {
        /// The turn that was scored.
        turn: TurnId,
        /// The text that was scored, as a length in bytes.
        text_len: usize,
        /// From 0 to 1.
        probability: f32,
    },
    /// End the call once what is being said has been heard.
    HangUp,
    /// The far end has gone.
    HungUp,
    /// Stop what is being said.
    Interrupt,
    /// A leg other than the caller's was lost for good.
    LegLost {
        /// Which one.
        leg: Leg,
        /// Why.
        kind: ErrorKind,
    },
    /// The language model failed.
    LlmFailed {
        /// The attempt to speak.
        generation: GenerationId,
        /// Why.
        kind: ErrorKind,
    },
    /// The language model finished a round.
    LlmFinished {
        /// The attempt to speak.
        generation: GenerationId,
        /// Why.
        reason: FinishReason,
    },
    /// The language model wrote words.
    LlmText {
        /// The attempt to speak.
        generation: GenerationId,
        /// The words.
        text: Arc<str>,
    },
    /// The language model called a function.
    LlmToolCall {
        /// The attempt to speak.
        generation: GenerationId,
        /// The call.
        call: ToolCall,
    },
    /// The language model told what its answer cost.
    LlmUsage {
        /// The attempt to speak.
        generation: GenerationId,
        /// The cost.
        usage: Usage,
    },
    /// The far end has played everything before a mark.
    MarkPlayed {
        /// The mark.
        mark: MarkId,
    },
    /// The far end of a text leg stopped the agent and tells what was heard.
    PeerInterrupted {
        /// The heard beginning of what was sent.
        heard: Option<Arc<str>>,
    },
    /// A flow decided what a turn is answered with.
    Planned {
        /// The attempt to speak.
        generation: GenerationId,
        /// The plan; `None` when the flow failed.
        plan: Option<Plan>,
    },
    /// Say something as soon as the agent is free.
    Say {
        /// The words.
        text: Arc<str>,
    },
    /// The user began to speak.
    SpeechStarted {
        /// When the speech began, which is before it was noticed.
        since: CallTime,
    },
    /// The user stopped speaking.
    SpeechStopped {
        /// When the speech ended, which is before it was noticed.
        since: CallTime,
    },
    /// The recognizer heard the user begin to speak.
    SttSpeechStarted,
    /// The voice spoke.
    Synthesized {
        /// The attempt to speak.
        generation: GenerationId,
        /// Whole samples in the format of the call.
        #[serde(with = "crate::journal::base64")]
        payload: Bytes,
    },
    /// The voice failed.
    SynthesisFailed {
        /// Why.
        kind: ErrorKind,
    },
    /// The voice has said all of a generation.
    SynthesisFinished {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// The audio so far holds the next texts completely.
    SynthesisSpoken {
        /// The attempt to speak.
        generation: GenerationId,
        /// How many texts.
        texts: u32,
    },
    /// The moment that [`Session::poll_timeout`](super::Session::poll_timeout) named has come.
    Timeout,
    /// A tool finished.
    ToolFinished {
        /// The attempt to speak that asked for it.
        generation: GenerationId,
        /// The model's name for the call.
        id: ToolCallId,
        /// The result, as JSON text.
        output: Arc<str>,
    },
    /// Text was recognized.
    Transcript {
        /// The text.
        transcript: Transcript,
    },
    /// Hand the call over once what is being said has been heard.
    Transfer {
        /// A configured target.
        to: Arc<str>,
    },
    /// The user went on after [`Input::EagerEndOfTurn`].
    TurnResumed,
    /// When words of a generation are spoken.
    Words {
        /// The attempt to speak.
        generation: GenerationId,
        /// The words, in order.
        words: Vec<WordTiming>,
    },
}
