//! The session machine: decides what happens in a call.
//!
//! [`Session`] is a state machine without I/O, clock, randomness or tasks. It is fed with
//! [`Input`]s, each with the moment at which it happened, and answers with [`Command`]s. The
//! driver in this crate does that for a running call; tests, simulators and
//! [replays](crate::journal) do the same without one.
//!
//! ```
//! use voiceagent_core::{CallTime, session::*};
//!
//! let mut config = SessionConfig::default();
//! config.greeting = Some("Hello!".into());
//! let mut session = Session::new(config);
//!
//! session.handle(CallTime::ZERO, Input::Opened);
//! while let Some(command) = session.poll() {
//!     println!("{command:?}");
//! }
//! if let Some((at, timer)) = session.poll_timeout() {
//!     println!("wants to be woken {at:?} because of {timer:?}");
//! }
//! ```
//!
//! After each input, drain [`Session::poll`]. When the moment of [`Session::poll_timeout`] comes,
//! feed [`Input::Timeout`].
//!
//! # Laws
//!
//! 1. No clock, no randomness, no I/O, no `await`, no lock, no hash iteration.
//! 2. One input, drain, one input.
//! 3. After `Timeout` at `t`, `poll_timeout()` is `None` or later than `t`.
//! 4. Everything carries the id it belongs to; stale ids are ignored, silently and in O(1).
//! 5. At most one live generation.
//! 6. The history contains only what the caller heard.
//! 7. Finished side effects are always recorded, even when their generation is gone.
//! 8. No input panics; late, duplicate and unknown inputs are ignored.
//! 9. Left alone, it comes to rest.

mod answering;
mod backchannel;
mod barge_in;
mod command;
mod config;
mod cut;
mod doubt;
mod endpointing;
mod event;
mod farewell;
mod filler;
mod generation;
mod history;
mod hold;
mod idle;
mod input;
mod interruption;
mod late_results;
mod listening;
mod loudness;
mod monologue;
mod onset;
mod output;
mod owed;
mod pace;
mod patience;
mod pause;
mod playout;
mod push_to_talk;
mod realtime;
mod repeats;
mod retry;
pub(crate) mod script;
mod segmenter;
mod speakable;
mod spoken_numbers;
mod state;
mod summary;
mod text_leg;
mod text_out;
mod tickets;
mod timers;
mod tool_rounds;
mod tools;
mod user_turn;
mod voice;
pub(crate) mod wording;

use std::{collections::VecDeque, sync::Arc};

use backchannel::BackchannelScore;
use barge_in::BargeIn;
use cut::Cut;
use endpointing::Endpointing;
use farewell::Farewell;
use generation::{Generation, Leave, Ticket};
use history::History;
use idle::Idle;
use late_results::LateResults;
use listening::WaitingTurn;
use loudness::Loudness;
use monologue::Monologue;
use output::Output;
use owed::Silence;
use patience::Patience;
use pause::Pausing;
use realtime::Realtime;
use repeats::Confirmations;
use summary::SummaryJob;
use text_leg::Said;
use timers::TimerTable;
use tool_rounds::ToolClock;
use user_turn::UserTurn;
pub(crate) use user_turn::normalised;

use crate::{CallTime, GenerationId, llm::Message, transport::Outbound};

pub use command::Command;
pub(crate) use config::primary;
pub use config::{
    BargeInConfig, EndpointingConfig, FarewellConfig, IdleConfig, IdlePrompt, ModelConfig,
    OwedReplyConfig, PlayoutConfig, RealtimeConfig, SessionConfig, SettingsChange,
    SpeculationConfig, SummaryConfig, SynthesisConfig, ToolConfig, Uninterruptible,
};
pub use event::{AgentState, EndReason, Event, InterruptionReason, Leg};
pub use input::Input;
pub use timers::Timer;

/// What the agent may still have to say on its own account. More than this is nobody's wish.
const MOST_SAYS: usize = 16;

/// The state of one call. See the [module](self) for how it is used.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    now: CallTime,
    phase: Phase,
    user: UserTurn,
    endpointing: Endpointing,
    patience: Patience,
    monologue: Monologue,
    barge_in: BargeIn,
    backchannel_score: Option<BackchannelScore>,
    /// When the user's sign of attention was last let pass.
    passed_at: Option<CallTime>,
    /// The recognizer hears silence.
    deaf: bool,
    loudness: Loudness,
    pausing: Pausing,
    history: History,
    output: Output,
    timers: TimerTable,
    tools: ToolClock,
    realtime: Realtime,
    late: LateResults,
    confirmations: Confirmations,
    /// Fillers that were said in this call; they take turns.
    fillers_said: usize,
    /// Who waits until something was heard.
    tickets: Vec<Ticket>,
    /// The one attempt to speak that is alive.
    live: Option<Generation>,
    last_generation: GenerationId,
    /// Drafts that the open turn has cost.
    drafts: u32,
    /// A turn that is over and waits for speech that cannot be stopped.
    owed: Option<WaitingTurn>,
    says: VecDeque<Saying>,
    /// What was said on a text leg that may still tell how much of it was heard.
    said: VecDeque<Said>,
    /// What was cut last, until its voice tells how much of it was heard.
    cut: Option<Cut>,
    leaving: Option<Leave>,
    farewell: Farewell,
    idle: Idle,
    silence: Silence,
    summary: SummaryJob,
    /// What the agent was last said to do.
    state: AgentState,
    /// Answers that failed in a row.
    failures: u32,
    commands: VecDeque<Command>,
}

/// What the agent is to say on its own account.
#[derive(Debug)]
struct Saying {
    text: Arc<str>,
    interruptible: bool,
    /// Who waits until it was heard.
    ticket: Option<Ticket>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Opening,
    Talking,
    Ended,
}

impl Session {
    /// A call that has not begun.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        Self {
            now: CallTime::ZERO,
            phase: Phase::Opening,
            user: UserTurn::new(),
            endpointing: Endpointing::new(&config),
            patience: Patience::new(config.tools.clone()),
            monologue: Monologue::default(),
            barge_in: BargeIn::new(config.barge_in),
            backchannel_score: None,
            passed_at: None,
            deaf: false,
            loudness: Loudness::default(),
            pausing: Pausing::default(),
            history: History::default(),
            output: Output::new(config.playout, config.format, config.marks),
            timers: TimerTable::default(),
            tools: ToolClock::default(),
            realtime: Realtime::default(),
            late: LateResults::default(),
            confirmations: Confirmations::default(),
            fillers_said: 0,
            tickets: Vec::new(),
            live: None,
            last_generation: GenerationId::default(),
            drafts: 0,
            owed: None,
            says: VecDeque::new(),
            said: VecDeque::new(),
            cut: None,
            leaving: None,
            farewell: Farewell::default(),
            idle: Idle::default(),
            silence: Silence::default(),
            summary: SummaryJob::default(),
            state: AgentState::default(),
            failures: 0,
            commands: VecDeque::new(),
            config,
        }
    }

    /// Takes in what happened at `now`. A `now` that is earlier than the one before counts as the
    /// same moment.
    pub fn handle(&mut self, now: CallTime, input: Input) {
        self.now = self.now.max(now);
        self.timers.advance(self.now);
        match (self.phase, input) {
            (Phase::Opening, Input::Opened) => self.on_opened(),
            (Phase::Opening, Input::HungUp) => self.end(EndReason::UserHungUp),
            (Phase::Opening, _) => {}
            (Phase::Talking, input) => {
                self.note_activity(&input);
                if let Some(input) = self.on_realtime_input(input) {
                    self.on_input(input);
                }
                if self.phase == Phase::Talking {
                    self.settle();
                }
                self.settle_tickets();
            }
            (Phase::Ended, Input::ToolFinished { generation, id, output }) => {
                self.on_tool_finished(generation, &id, &output);
            }
            (Phase::Ended, _) => {}
        }
    }

    /// The next thing to do.
    #[must_use]
    pub fn poll(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// When [`Input::Timeout`] is due, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(CallTime, Timer)> {
        self.timers.next()
    }

    /// The conversation so far, as a model would be shown it.
    #[must_use]
    pub fn messages(&mut self) -> Arc<[Message]> {
        self.history.messages()
    }

    /// Whether the call is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    fn on_opened(&mut self) {
        self.phase = Phase::Talking;
        if let Some(longest) = self.config.max_call {
            self.timers.set(Timer::CallLimit, self.now + longest);
        }
        self.begin();
        self.settle();
    }

    fn on_input(&mut self, input: Input) {
        match input {
            // The call has begun; the others only a speech-to-speech model says.
            Input::Opened | Input::ModelInterrupted { .. } | Input::UserWords { .. } => {}
            Input::AnsweredBy { who } => self.on_answered_by(who),
            Input::Beep => self.on_beep(),
            Input::CommitTurn => self.on_commit_turn(),
            Input::Configure { change } => self.configure(*change),
            Input::Dtmf { digit } => {
                self.emit(Event::Dtmf { pii_digit: digit });
                self.consider_barge_in_by_key();
            }
            Input::EagerEndOfTurn => self.on_eager_end_of_turn(),
            Input::EndCall { reason } => self.end_now(reason),
            Input::EndOfTurn => self.on_end_of_turn(),
            Input::EndOfTurnScore { turn, text_len, probability, backchannel } => {
                self.on_score(turn, text_len, probability);
                self.on_backchannel_score(turn, text_len, backchannel);
            }
            Input::Expect { what } => self.on_expect(what),
            Input::HandingOver { begins } => self.on_handing_over(begins),
            Input::HangUp => self.leave_after_speech(Leave::HangUp),
            Input::HangUpByTool { generation, id } => self.on_hang_up_by_tool(generation, id),
            Input::Held { held } => self.on_held(held),
            Input::HungUp => self.end(EndReason::UserHungUp),
            Input::Interrupt => self.interrupt(InterruptionReason::Requested, None),
            Input::LegLost { leg, kind } => self.on_leg_lost(leg, kind),
            Input::LlmFailed { generation, kind, retry_after } => {
                self.on_llm_failed(generation, kind, retry_after);
            }
            Input::LlmFinished { generation, .. } => self.on_llm_finished(generation),
            Input::LlmProgress { generation } => self.on_llm_progress(generation),
            Input::LlmText { generation, text } => self.on_llm_text(generation, &text),
            Input::LlmToolCall { generation, call } => self.on_llm_tool_call(generation, call),
            Input::LlmUsage { generation, usage } => {
                self.emit(Event::UsageReported { generation, usage });
            }
            Input::MarkPlayed { mark } => self.on_mark(mark),
            Input::NotTransferred { kind } => self.on_not_transferred(kind),
            Input::PeerInterrupted { heard } => self.on_peer_interrupted(heard.as_deref()),
            Input::Planned { generation, plan } => self.on_planned(generation, plan),
            Input::Say { text, interruptible } => self.say(text, interruptible),
            Input::SayUntilHeard { text, interruptible, ticket } => {
                self.say_until_heard(text, interruptible, Ticket(ticket));
            }
            Input::SpeechLevel { level } => self.loudness.hear(level),
            Input::SpeechStarted { since } => self.on_speech_started(since),
            Input::SpeechStopped { since } => self.on_speech_stopped(since),
            Input::SttSpeechStarted => self.on_stt_speech_started(),
            Input::Summarized { generation, text, usage } => {
                self.on_summarized(generation, text, usage);
            }
            Input::Synthesized { generation, payload } => self.on_audio(generation, payload),
            Input::SynthesisContinued { generation, texts, bytes, again } => {
                self.on_continued(generation, texts, (bytes, again));
            }
            Input::SynthesisFailed { kind } => self.on_synthesis_failed(kind),
            Input::SynthesisFinished { generation } => self.on_synthesis_finished(generation),
            Input::SynthesisHeard { generation, text } => self.on_voice_heard(generation, &text),
            Input::SynthesisSpoken { generation, texts } => self.on_spoken(generation, texts),
            Input::Timeout => self.on_timeout(),
            Input::ToolFinished { generation, id, output } => {
                self.on_tool_finished(generation, &id, &output);
            }
            Input::SttReopened => self.user.forget_recognizer(),
            Input::Transcript { transcript } => self.on_transcript(&transcript),
            Input::Transfer { to } => self.on_transfer(to),
            Input::Transferred => self.on_transferred(),
            Input::TurnResumed => self.drop_draft(),
            Input::Wait { period } => self.idle.wait_for(period),
            Input::Words { generation, words } => self.on_words(generation, &words),
        }
    }

    fn on_timeout(&mut self) {
        while let Some(timer) = self.timers.take_due() {
            match timer {
                Timer::Backchannel => self.on_undecided(),
                Timer::BargeIn => self.consider_barge_in(),
                // `settle` looks at the turn, the tools, the pause and the audio after each input.
                Timer::EndOfTurn
                | Timer::Filler
                | Timer::HeldCalls
                | Timer::LateResults
                | Timer::Monologue
                | Timer::Playout
                | Timer::Resume => {}
                Timer::CallLimit => self.on_call_limit(),
                Timer::Farewell => self.on_farewell_timeout(),
                Timer::Idle => self.on_idle(),
                Timer::Tool => self.on_tools_overdue(),
                Timer::Model => self.on_model_timeout(),
                Timer::Owed => self.on_owed(),
                Timer::Retry => self.ask_model(),
                Timer::Synthesis => self.on_synthesis_failed(crate::ErrorKind::Timeout),
                Timer::VoiceRetry => self.on_voice_rested(),
            }
        }
    }

    /// Brings everything that follows from the state up to date: the end of the turn, the audio
    /// that may leave, what is to be said next, and whether it is time to go.
    fn settle(&mut self) {
        self.settle_turn();
        self.settle_pause();
        self.settle_tools();
        self.settle_output();
        loop {
            while self.live.is_none() && self.phase == Phase::Talking && self.begin_next() {
                self.settle_output();
            }
            if !self.leave_if_asked() {
                break;
            }
        }
        if self.phase == Phase::Talking {
            self.settle_owed();
            self.settle_idle();
            self.settle_summary();
        }
        if self.phase == Phase::Talking {
            self.settle_state();
        }
        if self.phase == Phase::Talking {
            self.settle_hearing();
        }
    }

    /// Starts what waits to be said. Returns whether there was anything.
    fn begin_next(&mut self) -> bool {
        if self.is_suspended() {
            return false;
        }
        if self.begin_waiting() {
            return true;
        }
        if let Some(say) = self.says.pop_front() {
            self.begin_say(say);
            return true;
        }
        if self.keeps_turns() {
            return false;
        }
        let Some(WaitingTurn { turn, text, .. }) = self.owed.take() else {
            return self.begin_late_reply();
        };
        self.write_user(&text);
        if self.is_closing() && !self.reopen() {
            return false;
        }
        self.begin_reply(turn, text, true);
        true
    }

    fn say(&mut self, text: Arc<str>, interruptible: bool) {
        self.say_for(None, text, interruptible);
    }

    fn say_for(&mut self, ticket: Option<Ticket>, text: Arc<str>, interruptible: bool) {
        if self.says.len() < MOST_SAYS && !text.trim().is_empty() {
            self.drop_draft();
            self.says.push_back(Saying { text, interruptible, ticket });
        }
    }

    fn on_leg_lost(&mut self, leg: Leg, kind: crate::ErrorKind) {
        self.emit(Event::Failed { leg, kind });
        if self.is_handed_over_without(leg) {
            return;
        }
        match leg {
            Leg::Transport | Leg::Tts => self.end_now(EndReason::Failed),
            Leg::Stt if self.is_leaving() => {}
            Leg::Stt => {
                self.interrupt(InterruptionReason::Superseded, None);
                self.say(self.config.apology.clone(), true);
                self.leave_after_speech(Leave::Failed);
            }
            Leg::Realtime => self.on_model_lost(),
            Leg::Vad => self.on_detector_lost(),
            Leg::Flow | Leg::Llm | Leg::Recorder | Leg::TurnDetector => {}
        }
    }

    fn live_mut(&mut self, generation: GenerationId) -> Option<&mut Generation> {
        self.live.as_mut().filter(|live| live.id == generation)
    }

    fn emit(&mut self, event: Event) {
        self.commands.push_back(Command::Emit { event });
    }

    fn send(&mut self, outbound: Outbound) {
        self.commands.push_back(Command::Send { outbound });
    }
}
