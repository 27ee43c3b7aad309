use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{EndReason, Leg, SettingsChange};
use crate::{
    CallTime, ErrorKind, GenerationId, MarkId, ToolCallId, TurnId,
    audio::Decibels,
    flow::Plan,
    llm::{FinishReason, ToolCall, Usage},
    stt::{Transcript, WordTiming},
    transport::Answerer,
    turn::Expected,
};

/// What happens to a session. A thing is an input if and only if the session could decide
/// differently because of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "input")]
#[non_exhaustive]
pub enum Input {
    /// The legs are open: the call begins.
    Opened,
    /// Somebody or something took a call that we made, as far as the carrier can tell.
    AnsweredBy {
        /// Who.
        who: Answerer,
    },
    /// The beep of an answering machine was heard: it records from now on.
    Beep,
    /// The owner of the call says that the user's turn is over, now.
    CommitTurn,
    /// Settings change. A change that does not [validate](SettingsChange::validate) is ignored.
    Configure {
        /// The new settings.
        change: Box<SettingsChange>,
    },
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
        /// From 0 to 1: the user only signals attention and wants the agent to go on. Zero in
        /// journals that were written before it was asked for.
        #[serde(default)]
        backchannel: f32,
    },
    /// The agent has asked for something of which the form is known.
    Expect {
        /// What the next turn holds; `None` when it may be anything.
        what: Option<Expected>,
    },
    /// The application beside the session has others asked to take the call, or that has come to
    /// nothing.
    HandingOver {
        /// Whether they are asked from now on.
        begins: bool,
    },
    /// The far end has put the call on hold, or takes it back.
    Held {
        /// Whether the call is on hold from now on.
        held: bool,
    },
    /// End the call once what is being said has been heard.
    HangUp,
    /// A tool asks for the same.
    HangUpByTool {
        /// The attempt to speak that called it.
        generation: GenerationId,
        /// Its call.
        id: ToolCallId,
    },
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
        /// How long the vendor asks to wait, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
    },
    /// The language model finished a round.
    LlmFinished {
        /// The attempt to speak.
        generation: GenerationId,
        /// Why.
        reason: FinishReason,
    },
    /// The language model works on its answer and has nothing to say yet.
    LlmProgress {
        /// The attempt to speak.
        generation: GenerationId,
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
    /// A duplex speech-to-speech model stopped by itself because the user spoke.
    ModelInterrupted {
        /// The attempt to speak, as the model knows it.
        generation: GenerationId,
    },
    /// The carrier did not hand the call over, and goes on with it.
    NotTransferred {
        /// Why.
        kind: ErrorKind,
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
        /// Whether the user can stop it. True in journals that were written before it was asked.
        #[serde(default = "yes")]
        interruptible: bool,
    },
    /// Say something as soon as the agent is free, and answer with
    /// [`Command::Said`](super::Command::Said) when it was heard or given up.
    SayUntilHeard {
        /// The words.
        text: Arc<str>,
        /// Whether the user can stop it.
        interruptible: bool,
        /// Who waits for it. A number of the driver's choice that it uses once.
        ticket: u64,
    },
    /// How loud the voice is that is about to be told of by [`SpeechStarted`](Self::SpeechStarted).
    SpeechLevel {
        /// Of its loudest frame so far.
        level: Decibels,
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
    /// The recognizer was lost and has been opened again: it owes nothing of what it heard before,
    /// and counts its time anew.
    SttReopened,
    /// The language model has summed up a part of the conversation.
    Summarized {
        /// The summary.
        generation: GenerationId,
        /// The words; `None` when it failed.
        text: Option<Arc<str>>,
        /// The cost, if it is known.
        usage: Option<Usage>,
    },
    /// The voice spoke.
    Synthesized {
        /// The attempt to speak.
        generation: GenerationId,
        /// Whole samples in the format of the call.
        #[serde(with = "crate::journal::base64")]
        payload: Bytes,
    },
    /// Another voice goes on: the audio so far holds the next texts completely, and a part of the one
    /// behind them.
    SynthesisContinued {
        /// The attempt to speak.
        generation: GenerationId,
        /// How many texts.
        texts: u32,
        /// How much of the next one, to the beginning of a word.
        bytes: u32,
        /// How much behind that was said already, and is said again.
        again: u32,
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
    /// The voice tells which words were heard of a generation that was interrupted.
    SynthesisHeard {
        /// The attempt to speak.
        generation: GenerationId,
        /// The text up to there, in the voice's spelling.
        text: Arc<str>,
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
    /// The carrier has handed the call over.
    Transferred,
    /// The user went on after [`Input::EagerEndOfTurn`].
    TurnResumed,
    /// The user asked for time: for so long, silence is not taken as absence.
    Wait {
        /// How long.
        period: Duration,
    },
    /// A speech-to-speech model tells what the user said. It may come after its answer.
    UserWords {
        /// The turn; `None` where the model cannot tell.
        turn: Option<TurnId>,
        /// The words.
        transcript: Transcript,
    },
    /// When words of a generation are spoken.
    Words {
        /// The attempt to speak.
        generation: GenerationId,
        /// The words, in order.
        words: Vec<WordTiming>,
    },
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_of_an_older_journal_means_what_it_meant() {
        let read = |text: &str| serde_json::from_str::<Input>(text).unwrap();
        assert_eq!(
            read(r#"{"input":"say","text":"Hello."}"#),
            Input::Say { text: "Hello.".into(), interruptible: true }
        );
        assert_eq!(
            read(r#"{"input":"end_of_turn_score","turn":1,"text_len":4,"probability":0.5}"#),
            Input::EndOfTurnScore {
                turn: TurnId::new(1),
                text_len: 4,
                probability: 0.5,
                backchannel: 0.0
            }
        );
        let old = r#"{"input":"planned","generation":1,"plan":{"generate":{"instructions":"Ask.","tools":[]}}}"#;
        let plan = Some(crate::flow::Generate::new("Ask.", []).into());
        assert_eq!(read(old), Input::Planned { generation: GenerationId::new(1), plan });
    }

    #[test]
    fn every_new_input_is_read_as_it_was_written() {
        let change = Box::new(SettingsChange::default().with_idle(Default::default()));
        let generation = GenerationId::new(1);
        for input in [
            Input::AnsweredBy { who: Answerer::Machine },
            Input::Beep,
            Input::CommitTurn,
            Input::Configure { change },
            Input::HandingOver { begins: true },
            Input::Held { held: true },
            Input::Expect { what: Some(Expected::Phone) },
            Input::Expect { what: None },
            Input::LlmProgress { generation },
            Input::NotTransferred { kind: ErrorKind::Rejected },
            Input::SynthesisContinued { generation, texts: 1, bytes: 12, again: 3 },
            Input::Transferred,
            Input::Wait { period: Duration::from_secs(30) },
        ] {
            let written = serde_json::to_string(&input).unwrap();
            assert_eq!(serde_json::from_str::<Input>(&written).unwrap(), input, "{written}");
        }
    }
}
