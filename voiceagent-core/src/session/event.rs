use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    CallTime, ErrorKind, GenerationId, ToolCallId, TurnId,
    adapt::Failover,
    llm::Usage,
    transport::{Answerer, LineQuality},
};

/// What happened in a call, for its owner and its observers.
///
/// Fields whose name begins with `pii` hold personal data: what people said.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// The caller has heard more of what the agent says.
    AgentHeard {
        /// The attempt to speak.
        generation: GenerationId,
        /// When its first sound was heard.
        since: CallTime,
        /// Everything of it that was heard so far.
        pii_text: Arc<str>,
    },
    /// The agent fell silent because the user may want to speak; it may still go on.
    AgentPaused {
        /// The attempt to speak.
        generation: GenerationId,
    },
    /// The user did not want to speak: the agent goes on where it was.
    AgentResumed {
        /// The attempt to speak.
        generation: GenerationId,
        /// How long it was silent.
        after: Duration,
    },
    /// The caller has heard the last of an agent who was interrupted by the user's voice. It is not
    /// told after a key, nor where nobody knows when the user began.
    AgentSilenced {
        /// The attempt to speak; words on the side have a name of their own.
        generation: GenerationId,
        /// From the user's first sound to the agent's last, as far as the far end tells: what it
        /// tells takes its time to arrive, and that is counted.
        after: Duration,
    },
    /// The agent's first sound of an attempt to speak was sent.
    ///
    /// Words on the side, which are fillers and what tools have said, are told as an attempt of
    /// their own, which may begin and end within the answer that waits for the tools.
    AgentStarted {
        /// The attempt to speak.
        generation: GenerationId,
        /// The turn that it answers; `None` when the agent speaks on its own account.
        turn: Option<TurnId>,
    },
    /// What the agent does has changed.
    AgentState {
        /// What it does now.
        state: AgentState,
    },
    /// The agent finished or was stopped. Comes once more where the far end of a text leg tells
    /// afterwards that less was heard.
    AgentStopped {
        /// The attempt to speak.
        generation: GenerationId,
        /// What the caller heard.
        pii_heard: Arc<str>,
        /// Whether the agent had more to say.
        interrupted: bool,
    },
    /// The carrier tells who took a call that we made.
    AnsweredBy {
        /// Who or what.
        who: Answerer,
    },
    /// The user signalled attention while the agent spoke, and the agent spoke on.
    Backchannel {
        /// The turn that would have been.
        turn: TurnId,
        /// The words.
        pii_text: Arc<str>,
    },
    /// A part of the call is connected to its vendor.
    Connected {
        /// Which part.
        leg: Leg,
        /// How long it took to open; zero if it was open.
        after: Duration,
        /// Whether the connection was open already.
        reused: bool,
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
    /// A part of the call has another vendor: the one of its chain that served before has failed.
    FailedOver {
        /// Which part.
        leg: Leg,
        /// From whom, to whom, and why.
        failover: Failover,
    },
    /// The first sound in the voice's audio of an attempt to speak: before it, there is silence.
    FirstAudible {
        /// The attempt to speak.
        generation: GenerationId,
        /// How much audio is silent.
        silence: Duration,
    },
    /// The voice's first audio of an attempt to speak arrived.
    FirstAudio {
        /// The attempt to speak.
        generation: GenerationId,
        /// From the first text handed over.
        after: Duration,
    },
    /// The language model's first text that was handed to the voice.
    FirstSentence {
        /// The attempt to speak.
        generation: GenerationId,
        /// From the request of the round that the text is from.
        after: Duration,
    },
    /// The language model's first word or tool call of a round arrived.
    FirstToken {
        /// The attempt to speak.
        generation: GenerationId,
        /// From the request.
        after: Duration,
        /// From the request to the first sign that the model reasons; `None` if it gave none
        /// before it answered.
        #[serde(default)]
        reasoned: Option<Duration>,
    },
    /// How the call's own machinery fares: each 10 s, and before the end.
    Health {
        /// How late the call looked at a deadline of its own (the next audio to send, the end of a
        /// turn), at worst since the last report.
        late: Duration,
        /// Deadlines that it looked at later than a frame is long (20 ms), so far.
        #[serde(default)]
        late_wakes: u64,
        /// Things from the caller's line that waited to be looked at, at worst since the last
        /// report.
        #[serde(default)]
        line_queue: u32,
        /// Events that waited for the owner of the call to read them, at worst since the last
        /// report.
        #[serde(default)]
        events_queue: u32,
        /// Frames of the caller's audio that the recognizer did not take, so far.
        frames_dropped: u64,
        /// Events that the owner of the call did not read, so far.
        events_lost: u64,
    },
    /// The agent speaks to a user who has been silent for long.
    IdlePrompted {
        /// Which prompt, from 1.
        nth: u32,
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
    /// How well the line carries sound, since the call began: each 10 s, and before the end, where the
    /// line can tell.
    LineQuality {
        /// The figures.
        quality: LineQuality,
    },
    /// What the call has used of its recognizer and its voice, so far: each 10 s, and before the
    /// end.
    Metered {
        /// Audio that was handed to the recognizer.
        stt: Duration,
        /// Audio that the voice made, whether or not it was heard.
        tts: Duration,
        /// Characters that were handed to the voice.
        characters: u64,
        /// Those of them that were handed over for drafts which were thrown away.
        characters_wasted: u64,
    },
    /// The flow decided what a turn is answered with.
    Planned {
        /// The attempt to speak.
        generation: GenerationId,
        /// From when it was asked.
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
    /// Speech is over that nobody answers: nothing was understood of it, or it was too little to
    /// stop the agent.
    TurnDropped {
        /// The turn.
        turn: TurnId,
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
        /// When the speech began, which is before it was noticed.
        #[serde(default)]
        since: CallTime,
    },
    /// The user stopped speaking, perhaps for a moment.
    UserStopped {
        /// The turn.
        turn: TurnId,
        /// When the speech ended, which is before it was noticed.
        #[serde(default)]
        since: CallTime,
    },
    /// The user's turn is over.
    UserTurn {
        /// The turn.
        turn: TurnId,
        /// The words; empty where only a later [`Event::UserWords`] tells them.
        pii_text: Arc<str>,
        /// From the user's last sound to this decision.
        end_of_turn_delay: Duration,
        /// From the user's last sound to the last final transcript; `None` if none came after it.
        transcription_delay: Option<Duration>,
    },
    /// The words of a turn that is over came late, as those of a speech-to-speech model do.
    UserWords {
        /// The turn.
        turn: TurnId,
        /// All of its words so far.
        pii_text: Arc<str>,
    },
}

/// What the agent does.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentState {
    /// It waits for the user.
    #[default]
    Listening,
    /// It fell silent because the user may want to speak.
    Paused,
    /// It is heard.
    Speaking,
    /// It owes an answer of which nothing was heard yet.
    Thinking,
}

/// Why the agent was stopped.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InterruptionReason {
    /// The user spoke over the agent.
    BargeIn,
    /// The user pressed a key.
    Dtmf,
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
    /// Nobody said anything for too long.
    Idle,
    /// The call came to the longest time that it may last.
    Limit,
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
    /// The speech-to-speech model.
    Realtime,
    /// The recording of the call, which is not needed for the call to go on.
    Recorder,
    /// The recognizer.
    Stt,
    /// The caller's line.
    Transport,
    /// The voice.
    Tts,
    /// The turn detector.
    TurnDetector,
    /// The speech detector.
    Vad,
}
