//! A session with other settings that lives through the same call.
//!
//! It hears the caller at the recorded times and sounds when the agent sounded, for as long as
//! there was audio. No vendor is re-enacted. Whenever the agent is heard the turn that it answers
//! is closed, so that one decision cannot upset the next.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use voiceagent_core::{
    CallTime, Event, GenerationId, MarkId, SessionConfig, TurnId,
    audio::AudioFormat,
    llm::FinishReason,
    session::{Command, IdleConfig, Input, Session, SettingsChange},
    transport::Outbound,
};

use crate::{
    setting::Setting,
    story::{Cue, Story, by_caller},
};

/// No vendor is late where there is none.
const NEVER: Duration = Duration::from_secs(86_400);
/// A turn that is not decided this long after it could have been is not decided at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a session decided.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    pub(crate) turns: Vec<Decision>,
    /// The last speech of turns that were dropped: what was said in them asks for nothing.
    pub(crate) dropped: Vec<CallTime>,
    /// The last speech of turns that are open for as long as nothing more happens.
    pub(crate) undecided: Vec<CallTime>,
    /// For each utterance of the story, when the caller would have stopped it.
    pub(crate) stops: Vec<Option<CallTime>>,
}

/// A turn was taken to be over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Decision {
    pub(crate) at: CallTime,
    pub(crate) last_speech: CallTime,
    /// It lies after the agent was heard in the call: whether the caller would have gone on until
    /// then, nobody knows.
    pub(crate) unseen: bool,
}

/// Lets a session with these settings live through the call.
///
/// What the owner of the call configured meanwhile is kept, but for the `changed` settings.
pub(crate) fn decide(story: &Story, config: &SessionConfig, changed: &[Setting]) -> Decisions {
    let mut shadow = Shadow::new(story, config, changed);
    for number in 0..story.cues.len() {
        let Some(late) = shadow.owes(number) else {
            shadow.cue(number);
            continue;
        };
        let known = shadow.decisions.turns.len();
        shadow.cue(number);
        let Decisions { turns, dropped, undecided, .. } = &mut shadow.decisions;
        match alone(story, config, changed, number) {
            Fate::Taken(decision) => {
                if let Some(decided) = turns.iter_mut().find(|it| it.last_speech == late) {
                    *decided = Decision { unseen: true, ..decision };
                }
            }
            // It was taken for the sake of the next turns alone.
            Fate::Dropped => {
                turns.truncate(known);
                dropped.push(late);
            }
            Fate::Open => {
                turns.truncate(known);
                undecided.push(late);
            }
        }
    }
    let end = shadow.now + PATIENCE;
    shadow.wait(end);
    shadow.decisions
}

/// What becomes of a turn if nothing more happens.
enum Fate {
    Dropped,
    Open,
    Taken(Decision),
}

/// What becomes of the turn that is open before this cue if nothing more happens.
fn alone(story: &Story, config: &SessionConfig, changed: &[Setting], number: usize) -> Fate {
    let mut shadow = Shadow::new(story, config, changed);
    (0..number).for_each(|number| shadow.cue(number));
    let (taken, dropped) = (shadow.decisions.turns.len(), shadow.decisions.dropped.len());
    let end = shadow.now + PATIENCE;
    shadow.wait(end);
    match shadow.decisions.turns.get(taken) {
        Some(decision) => Fate::Taken(*decision),
        None if shadow.decisions.dropped.len() > dropped => Fate::Dropped,
        None => Fate::Open,
    }
}

struct Shadow<'a> {
    story: &'a Story,
    changed: &'a [Setting],
    session: Session,
    now: CallTime,
    line: Line,
    decisions: Decisions,
    asked: Vec<(CallTime, TurnId, usize)>,
    /// What the session wants to say, and has not said yet.
    wanted: Option<GenerationId>,
    sounding: Option<usize>,
    /// The turn that the caller began last.
    open: Option<TurnId>,
    /// When the caller was last heard, where a detector tells, else understood.
    spoke: Option<CallTime>,
    has_edges: bool,
    /// Since when it is silent on suspicion.
    paused: Option<CallTime>,
}

/// Plays what it is sent, in real time.
#[derive(Debug, Default)]
struct Line {
    format: Option<AudioFormat>,
    /// When everything that was taken will have been played.
    free_at: CallTime,
    marks: VecDeque<(CallTime, MarkId)>,
}

impl<'a> Shadow<'a> {
    fn new(story: &'a Story, config: &SessionConfig, changed: &'a [Setting]) -> Self {
        let mut config = config.clone();
        config.greeting = None;
        if let Some(model) = &mut config.realtime {
            model.greeting = None;
        }
        config.flow = false;
        config.idle = IdleConfig::default();
        config.max_call = None;
        config.owed_reply = None;
        config.speculation.enabled = false;
        config.model.first_token_timeout = NEVER;
        config.synthesis.first_audio_timeout = NEVER;
        config.synthesis.stall_timeout = NEVER;
        let line = Line { format: config.format, ..Line::default() };
        let stops = vec![None; story.utterances.len()];
        let has_edges = config.vad;
        let mut shadow = Self {
            story,
            changed,
            session: Session::new(config),
            now: CallTime::ZERO,
            line,
            decisions: Decisions { stops, ..Decisions::default() },
            asked: Vec::new(),
            wanted: None,
            sounding: None,
            open: None,
            spoke: None,
            has_edges,
            paused: None,
        };
        shadow.feed(Input::Opened);
        shadow
    }

    /// The last speech of the turn that the agent answers with this cue, if the turn is still open.
    fn owes(&mut self, number: usize) -> Option<CallTime> {
        let (at, Cue::Agent(utterance)) = &self.story.cues[number] else { return None };
        self.wait(*at);
        let answered = self.story.utterances[*utterance].turn?;
        let turn = self.story.turns.iter().find(|turn| turn.id == answered)?;
        let decided = self.decisions.turns.last();
        let is_open = decided.is_none_or(|decided| decided.last_speech < turn.last_speech);
        is_open.then_some(turn.last_speech)
    }

    fn cue(&mut self, number: usize) {
        let owes = self.owes(number).is_some();
        let (at, cue) = self.story.cues[number].clone();
        self.wait(at);
        match cue {
            Cue::Agent(utterance) => {
                if owes {
                    self.feed(Input::CommitTurn);
                    self.feed(Input::EndOfTurn);
                }
                self.sound(utterance);
            }
            Cue::Caller(Input::Configure { change }) => self.configure(*change),
            Cue::Caller(Input::UserWords { transcript, .. }) => {
                // The turn that is open has another name where turns were decided otherwise.
                self.feed(Input::UserWords { turn: self.open, transcript });
            }
            Cue::Caller(input) => self.feed(input),
            Cue::Score { asked, score } => self.score(asked, score),
        }
    }

    fn configure(&mut self, mut change: SettingsChange) {
        change.idle = None;
        for setting in self.changed {
            // A setting that the owner did not touch has no place here.
            change = setting.apply(&change).unwrap_or(change);
        }
        self.feed(Input::Configure { change: Box::new(change) });
    }

    /// The same pause has another name where turns were decided otherwise.
    fn score(&mut self, asked: CallTime, mut score: Input) {
        let same = self.asked.iter().rfind(|(at, ..)| *at == asked).copied();
        if let (Some(same), Input::EndOfTurnScore { turn, text_len, .. }) = (same, &mut score) {
            (_, *turn, *text_len) = same;
            self.feed(score);
        }
    }

    /// The agent is heard, whatever the session was about to do.
    fn sound(&mut self, utterance: usize) {
        self.feed(Input::Interrupt);
        self.wanted = None;
        self.sounding = Some(utterance);
        let words = self.story.utterances[utterance].words.trim();
        // What the caller is expected to say hangs on what was said before.
        let text = if words.is_empty() { "So." } else { words }.into();
        self.feed(Input::Say { text, interruptible: true });
        if let what @ Some(_) = self.story.utterances[utterance].expects {
            self.feed(Input::Expect { what });
        }
        let (Some(generation), Some(format)) = (self.wanted.take(), self.line.format) else {
            return;
        };
        let silence = format.silence().unwrap_or_default();
        let bytes = format.bytes_in(self.story.utterances[utterance].length);
        let payload = Bytes::from(vec![silence; bytes]);
        self.feed(Input::Synthesized { generation, payload });
        self.feed(Input::SynthesisFinished { generation });
        // Where a speech-to-speech model speaks, this is its end.
        self.feed(Input::LlmFinished { generation, reason: FinishReason::Stop });
    }

    /// Lets time pass: wakes the session when it asks for it, and answers marks.
    fn wait(&mut self, end: CallTime) {
        loop {
            let timeout = self.session.poll_timeout().map(|(at, _)| at);
            let mark = self.line.marks.front().copied();
            let next = mark.map(|(at, _)| at).into_iter().chain(timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if let Some((_, mark)) = mark.filter(|(at, _)| *at <= next) {
                self.line.marks.pop_front();
                self.feed(Input::MarkPlayed { mark });
            } else {
                self.feed(Input::Timeout);
            }
        }
        self.now = self.now.max(end);
    }

    fn feed(&mut self, input: Input) {
        self.session.handle(self.now, input);
        let mut cut = Vec::new();
        while let Some(command) = self.session.poll() {
            match command {
                Command::Emit { event } => self.note(&event),
                Command::ScoreEndOfTurn { turn, text, .. } => {
                    self.asked.push((self.now, turn, text.len()));
                }
                Command::Send { outbound } => cut.extend(self.line.take(self.now, &outbound)),
                Command::Speak { generation, .. } | Command::Synthesize { generation, .. } => {
                    self.wanted = Some(generation);
                }
                _ => {}
            }
        }
        for mark in cut {
            self.feed(Input::MarkPlayed { mark });
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::UserTurn { end_of_turn_delay, .. } => {
                let last_speech = self.now.saturating_sub(*end_of_turn_delay);
                let decision = Decision { at: self.now, last_speech, unseen: false };
                self.decisions.turns.push(decision);
            }
            Event::Backchannel { .. } | Event::TurnDropped { .. } => {
                self.decisions.dropped.extend(self.spoke);
            }
            Event::UserPartial { .. } if !self.has_edges => self.spoke = Some(self.now),
            Event::UserStarted { turn, .. } => self.open = Some(*turn),
            Event::UserStopped { since, .. } => self.spoke = Some(*since),
            Event::AgentPaused { .. } => self.paused = Some(self.now),
            Event::AgentResumed { .. } => self.paused = None,
            Event::AgentStopped { .. } => {
                self.sounding = None;
                self.paused = None;
            }
            Event::Interrupted { reason, .. } if by_caller(*reason) => {
                let at = self.paused.take().unwrap_or(self.now);
                if let Some(sounding) = self.sounding {
                    self.decisions.stops[sounding].get_or_insert(at);
                }
            }
            _ => {}
        }
    }
}

impl Line {
    /// Takes a message. Returns the marks whose audio was dropped.
    fn take(&mut self, now: CallTime, outbound: &Outbound) -> Vec<MarkId> {
        match outbound {
            Outbound::Audio(frame) => {
                let length = frame.format.duration_of(frame.samples());
                self.free_at = self.free_at.max(now) + length;
            }
            Outbound::Clear => {
                self.free_at = now;
                return self.marks.drain(..).map(|(_, mark)| mark).collect();
            }
            Outbound::Mark(mark) => self.marks.push_back((self.free_at.max(now), *mark)),
            _ => {}
        }
        Vec::new()
    }
}
