//! A session alone, in virtual time: a timeline goes in, a trace comes out.
//!
//! ```
//! use voiceagent_core::{SessionConfig, audio::AudioFormat};
//! use voiceagent_testkit::scenario::Scenario;
//!
//! let mut config = SessionConfig::default();
//! config.format = Some(AudioFormat::MULAW_8K);
//! config.greeting = Some("Hello!".into());
//! let mut call = Scenario::new(config);
//! call.voice("Hello!", 400).at(500);
//! assert!(call.trace().contains("agent stopped: Hello!"));
//! ```

mod carrier;
mod realtime;

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    CallTime, Event, GenerationId, MarkId, SessionConfig,
    llm::{FinishReason, Message, ToolCall},
    session::{Command, Input, Session},
    stt::Transcript,
    transport::Outbound,
};

use carrier::Carrier;

/// A session with a virtual clock and a carrier that plays what it is sent.
#[derive(Debug)]
pub struct Scenario {
    session: Session,
    carrier: Carrier,
    now: CallTime,
    commands: Vec<(CallTime, Command)>,
}

impl Scenario {
    /// Begins a call at time zero.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        let carrier = Carrier::new(config.format);
        let mut scenario = Self {
            session: Session::new(config),
            carrier,
            now: CallTime::ZERO,
            commands: Vec::new(),
        };
        scenario.feed(Input::Opened);
        scenario
    }

    /// Begins a call on a leg that carries text, with the rest of the settings as they are.
    #[must_use]
    pub fn text(mut config: SessionConfig) -> Self {
        config.format = None;
        config.vad = false;
        config.stt_finalize = false;
        config.stt_end_of_turn = false;
        Self::new(config)
    }

    /// Lets the carrier's reports of played marks travel for so long. They come at once unless
    /// said.
    pub fn marks_late_by(&mut self, millis: u64) -> &mut Self {
        self.carrier.report_after(Duration::from_millis(millis));
        self
    }

    /// Lets time pass until `millis`: wakes the session whenever it asks for it, and answers marks
    /// when they have been played.
    ///
    /// # Panics
    ///
    /// When the session asks to be woken at the same moment again.
    pub fn at(&mut self, millis: u64) -> &mut Self {
        let end = CallTime::from_millis(millis);
        loop {
            let timeout = self.session.poll_timeout().map(|(at, _)| at);
            let mark = self.carrier.next_mark();
            let next = match (timeout, mark) {
                (Some(timeout), Some((played, _))) => timeout.min(played),
                (Some(timeout), None) => timeout,
                (None, Some((played, _))) => played,
                (None, None) => break,
            };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if let Some((_, mark)) = mark.filter(|(played, _)| *played == next) {
                self.carrier.take_mark();
                self.feed(Input::MarkPlayed { mark });
            } else {
                self.feed(Input::Timeout);
                let again = self.session.poll_timeout().map(|(at, _)| at);
                assert!(again.is_none_or(|again| again > self.now), "law 3 at {:?}", self.now);
            }
        }
        self.now = self.now.max(end);
        self
    }

    /// Feeds one input now, and then the marks that come back at once because of it.
    pub fn feed(&mut self, input: Input) -> &mut Self {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.session.handle(self.now, input);
            while let Some(command) = self.session.poll() {
                if let Command::Send { outbound } = &command {
                    let marks = self.carrier.take(self.now, outbound).into_iter();
                    inputs.extend(marks.map(|mark| Input::MarkPlayed { mark }));
                }
                self.commands.push((self.now, command));
            }
        }
        self
    }

    /// The user begins to speak, as a detector tells 60 ms later; on a text leg, to type.
    pub fn speaks(&mut self) -> &mut Self {
        if self.carrier.is_text() {
            return self.feed(Input::SttSpeechStarted);
        }
        let since = self.now.saturating_sub(Duration::from_millis(60));
        self.feed(Input::SpeechStarted { since })
    }

    /// The user stopped speaking 200 ms ago. Nothing tells so on a text leg.
    pub fn stops(&mut self) -> &mut Self {
        if self.carrier.is_text() {
            return self;
        }
        let since = self.now.saturating_sub(Duration::from_millis(200));
        self.feed(Input::SpeechStopped { since })
    }

    /// The recognizer has an interim.
    pub fn interim(&mut self, text: &str) -> &mut Self {
        self.feed(Input::Transcript { transcript: Transcript::interim(text) })
    }

    /// The recognizer has a final; on a text leg, the user has sent a message.
    pub fn hears(&mut self, text: &str) -> &mut Self {
        self.feed(Input::Transcript { transcript: Transcript::final_(text) });
        if self.carrier.is_text() {
            self.feed(Input::EndOfTurn);
        }
        self
    }

    /// A whole short utterance that ends now, with its final; ready to be answered.
    pub fn says(&mut self, text: &str) -> &mut Self {
        let now = self.now.as_millis();
        self.speaks().at(now + 800).stops().hears(text)
    }

    /// The model writes this, and more may follow.
    pub fn writes(&mut self, text: &str) -> &mut Self {
        let generation = self.generation();
        self.feed(Input::LlmText { generation, text: text.into() })
    }

    /// The model writes this and finishes.
    pub fn model(&mut self, text: &str) -> &mut Self {
        let generation = self.generation();
        self.writes(text).feed(Input::LlmFinished { generation, reason: FinishReason::Stop })
    }

    /// The model calls tools and waits for them.
    pub fn model_calls(&mut self, calls: &[(&str, &str)]) -> &mut Self {
        let generation = self.generation();
        for (id, name) in calls {
            let call = ToolCall { id: (*id).into(), name: (*name).into(), arguments: "{}".into() };
            self.feed(Input::LlmToolCall { generation, call });
        }
        self.feed(Input::LlmFinished { generation, reason: FinishReason::ToolCalls })
    }

    /// A tool of the latest generation finishes.
    pub fn tool(&mut self, id: &str, output: &str) -> &mut Self {
        let generation = self.generation();
        self.feed(Input::ToolFinished { generation, id: id.into(), output: output.into() })
    }

    /// The voice speaks a piece of text completely, in so much audio, and has finished if that was
    /// all. A text leg has no voice.
    pub fn voice(&mut self, text: &str, millis: usize) -> &mut Self {
        if self.carrier.is_text() {
            return self;
        }
        let generation = self.generation();
        let payload = Bytes::from(vec![0x55; self.carrier.bytes_in(millis)]);
        let texts = self.commands.iter().filter(|(_, command)| {
            matches!(command, Command::Synthesize { generation: of, text: piece }
                if *of == generation && text.contains(piece.trim()))
        });
        let texts = u32::try_from(texts.count()).unwrap_or(u32::MAX);
        self.feed(Input::Synthesized { generation, payload });
        self.feed(Input::SynthesisSpoken { generation, texts });
        let finished = self.commands.iter().any(|(_, command)| {
            matches!(command, Command::FinishSynthesis { generation: of } if *of == generation)
        });
        if finished {
            self.feed(Input::SynthesisFinished { generation });
        }
        self
    }

    /// The latest attempt to speak.
    ///
    /// # Panics
    ///
    /// When there was none.
    #[must_use]
    pub fn generation(&self) -> GenerationId {
        let latest = self.commands.iter().rev().find_map(|(_, command)| match command {
            Command::Generate { generation, .. }
            | Command::Plan { generation, .. }
            | Command::Speak { generation, .. }
            | Command::Send { outbound: Outbound::Text { generation, .. } }
            | Command::Synthesize { generation, .. } => Some(*generation),
            _ => None,
        });
        latest.expect("the agent began to speak")
    }

    /// What the model was asked last.
    ///
    /// # Panics
    ///
    /// When it was not asked.
    #[must_use]
    pub fn asked(&self) -> Vec<Message> {
        let latest = self.commands.iter().rev().find_map(|(_, command)| match command {
            Command::Generate { messages, .. } => Some(messages.to_vec()),
            _ => None,
        });
        latest.expect("the model was asked")
    }

    /// How often the model was asked.
    #[must_use]
    pub fn times_asked(&self) -> usize {
        self.commands
            .iter()
            .filter(|(_, command)| matches!(command, Command::Generate { .. }))
            .count()
    }

    /// Everything that the session did, and when.
    #[must_use]
    pub fn commands(&self) -> &[(CallTime, Command)] {
        &self.commands
    }

    /// The session itself.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// When the first command that fits was given, in milliseconds.
    pub fn when(&self, fits: impl Fn(&Command) -> bool) -> Option<u64> {
        let found = self.commands.iter().find(|(_, command)| fits(command));
        found.map(|(at, _)| at.as_millis())
    }

    /// Samples of audio that left.
    #[must_use]
    pub fn samples_sent(&self) -> u64 {
        self.commands
            .iter()
            .map(|(_, command)| match command {
                Command::Send { outbound: Outbound::Audio(frame) } => frame.samples(),
                _ => 0,
            })
            .sum()
    }

    /// What the session did, one line each, in words; audio and marks left out.
    #[must_use]
    pub fn trace(&self) -> String {
        let mut trace = String::new();
        for (at, command) in &self.commands {
            if let Some(words) = in_words(command) {
                writeln!(trace, "{:>6} {words}", at.as_millis()).expect("a string takes it all");
            }
        }
        trace
    }
}

fn in_words(command: &Command) -> Option<String> {
    Some(match command {
        Command::CallTool { call, .. } => format!("call tool {}", call.name),
        Command::Cancel { generation } => format!("cancel {generation}"),
        Command::CancelTool { id, .. } => format!("cancel tool {id}"),
        Command::CancelVoice { generation } => format!("cancel voice {generation}"),
        Command::CommitAudio { turn } => format!("commit audio of {turn}"),
        Command::Emit { event } => event_in_words(event)?,
        Command::End => "end".to_owned(),
        Command::FeedSilence { on: true } => "feed silence".to_owned(),
        Command::FeedSilence { on: false } => "feed speech".to_owned(),
        Command::FlushTranscript => "flush".to_owned(),
        Command::FinalizeTranscript => "finalize".to_owned(),
        Command::Forget { generation } => format!("forget {generation}"),
        Command::Generate { generation, messages, .. } => {
            format!("generate {generation} from {} messages", messages.len())
        }
        Command::InterruptVoice { generation, heard } => {
            format!("interrupt voice {generation} at {} ms", heard.as_millis())
        }
        Command::Plan { generation, text, .. } => format!("plan {generation}: {text}"),
        Command::Said { ticket, heard: true } => format!("said {ticket}"),
        Command::Said { ticket, heard: false } => format!("not said {ticket}"),
        Command::ResetDetector => "reset detector".to_owned(),
        Command::Send { outbound } => match outbound {
            Outbound::Clear => "clear".to_owned(),
            Outbound::HangUp => "hang up".to_owned(),
            Outbound::Text { text, .. } => format!("text: {text}"),
            Outbound::Transfer(to) => format!("transfer to {to}"),
            _ => return None,
        },
        Command::Speak { generation, prompt } => format!("speak {generation}: {prompt:?}"),
        Command::TellResult { id, output } => format!("tell result of {id}: {output}"),
        Command::Synthesize { generation, text } => format!("synthesize {generation}: {text}"),
        Command::Truncate { generation, heard } => {
            format!("truncate {generation} to {} ms", heard.as_millis())
        }
        _ => return None,
    })
}

fn event_in_words(event: &Event) -> Option<String> {
    Some(match event {
        Event::AgentHeard { pii_text, .. } => format!("agent heard: {pii_text}"),
        Event::AgentPaused { generation } => format!("agent paused {generation}"),
        Event::AgentResumed { generation, .. } => format!("agent resumed {generation}"),
        Event::AgentSilenced { after, .. } => format!("agent silenced: {} ms", after.as_millis()),
        Event::AgentStarted { generation, .. } => format!("agent started {generation}"),
        Event::AgentState { state } => format!("agent state: {state:?}"),
        Event::AgentStopped { pii_heard, interrupted: true, .. } => {
            format!("agent interrupted: {pii_heard}")
        }
        Event::AgentStopped { pii_heard, .. } => format!("agent stopped: {pii_heard}"),
        Event::Backchannel { pii_text, .. } => format!("backchannel: {pii_text}"),
        Event::DraftDropped { generation } => format!("draft dropped {generation}"),
        Event::DraftStarted { generation, .. } => format!("draft started {generation}"),
        Event::Ended { reason } => format!("ended: {reason:?}"),
        Event::Failed { leg, kind } => format!("failed: {leg:?} {kind}"),
        Event::IdlePrompted { nth } => format!("idle prompt {nth}"),
        Event::Interrupted { reason, .. } => format!("interrupted: {reason:?}"),
        Event::TurnDropped { turn } => format!("turn dropped {turn}"),
        Event::UserTurn { pii_text, .. } => format!("user turn: {pii_text}"),
        Event::UserWords { turn, pii_text } => format!("user words of {turn}: {pii_text}"),
        _ => return None,
    })
}

/// The number of a mark, for tests that answer marks by hand.
#[must_use]
pub fn mark(number: u64) -> Input {
    Input::MarkPlayed { mark: MarkId::new(number) }
}
