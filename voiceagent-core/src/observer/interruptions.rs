use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Observer, log::Log};
use crate::{
    CallTime, TurnId,
    session::{Event, InterruptionReason},
};

/// An agent who speaks on for this long over the user has missed an interruption. People stop
/// within less; an end of a sentence that both happen to speak takes less, too.
const PATIENCE: Duration = Duration::from_secs(1);

/// One time that the user spoke over the agent, and what came of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Interruption {
    /// When the agent fell silent; if it did not, when the user began.
    pub at: CallTime,
    /// The user's turn; `None` where the far end stopped the agent and told of no speech.
    pub turn: Option<TurnId>,
    /// What came of it.
    pub kind: InterruptionKind,
    /// How long the agent was silent then: until it went on, or until it answered. `None` as long
    /// as it is, and where it spoke on.
    pub recovery: Option<Duration>,
}

/// What became of speech over the agent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InterruptionKind {
    /// A sign of attention, on which the agent spoke on, at once or after a pause.
    Backchannel,
    /// The agent fell silent, and the user had nothing to say: a pause after which it went on, or
    /// an interruption whose turn was dropped.
    False,
    /// The user took a turn, of which the agent spoke over at least a second, and the agent did
    /// not fall silent before that turn was over.
    Missed,
    /// The user stopped the agent.
    Real,
}

/// Tells interruptions from what only looked like them.
///
/// ```
/// use voiceagent_core::observer::InterruptionObserver;
///
/// let (observer, report) = InterruptionObserver::new();
/// // The observer goes into the call, the report stays outside.
/// # drop(observer);
/// assert_eq!(report.snapshot().false_rate(), None);
/// ```
#[derive(Debug)]
pub struct InterruptionObserver {
    log: Log<Interruption>,
    agent_since: Option<CallTime>,
    /// The turn that the user speaks in.
    turn: Option<TurnId>,
    overlap: Option<Overlap>,
    /// When the agent fell silent for a moment, while it may still go on.
    paused: Option<CallTime>,
    /// An interruption that the agent has not answered yet.
    open: Option<Interruption>,
    /// What was written down last.
    last: Option<Interruption>,
}

/// Reads what an [`InterruptionObserver`] tells, during the call and after it.
#[derive(Debug)]
pub struct InterruptionReport(Log<Interruption>);

/// What was told, oldest first; the last 10,000 of a call.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Interruptions(Vec<Interruption>);

/// The user's turn, spoken over the agent.
#[derive(Clone, Copy, Debug)]
struct Overlap {
    turn: TurnId,
    since: CallTime,
    /// Since when both speak.
    running: Option<CallTime>,
    /// How long both spoke before.
    spoken: Duration,
    /// The agent fell silent.
    yielded: bool,
}

impl InterruptionObserver {
    /// Makes an observer for a call, and a handle to what it tells.
    #[must_use]
    pub fn new() -> (Self, InterruptionReport) {
        let log = Log::new();
        let report = InterruptionReport(log.share());
        let observer = Self {
            log,
            agent_since: None,
            turn: None,
            overlap: None,
            paused: None,
            open: None,
            last: None,
        };
        (observer, report)
    }

    fn user_started(&mut self, turn: TurnId, since: CallTime) {
        self.turn = Some(turn);
        if let Some(agent) = self.agent_since {
            let fresh =
                Overlap { turn, since, running: None, spoken: Duration::ZERO, yielded: false };
            let known = self.overlap.filter(|overlap| overlap.turn == turn);
            let running = Some(since.max(agent));
            self.overlap = Some(Overlap { running, ..known.unwrap_or(fresh) });
        }
    }

    /// One of the two has fallen silent.
    fn part(&mut self, at: CallTime) {
        if let Some(overlap) = &mut self.overlap
            && let Some(running) = overlap.running.take()
        {
            overlap.spoken += at - running;
        }
    }

    fn agent_silent(&mut self, at: CallTime, yielded: bool) {
        self.part(at);
        self.agent_since = None;
        if let Some(overlap) = &mut self.overlap {
            overlap.yielded |= yielded;
        }
    }

    fn agent_speaks(&mut self, at: CallTime) {
        self.agent_since = Some(at);
        self.turn = None;
        if let Some(mut answered) = self.open.take() {
            answered.recovery = Some(at - answered.at);
            self.put(answered);
        }
    }

    fn interrupted(&mut self, at: CallTime, reason: InterruptionReason) {
        // Where it paused first, it has been silent since then, and the turn ended the pause.
        let paused = self.paused.take();
        let silent = match reason {
            InterruptionReason::BargeIn => paused.unwrap_or(at),
            InterruptionReason::Superseded => match paused {
                Some(paused) => paused,
                None => return,
            },
            InterruptionReason::Dtmf
            | InterruptionReason::Failed
            | InterruptionReason::Requested
            | InterruptionReason::UserResumed => return,
        };
        self.agent_silent(at, true);
        self.open = Some(self.note(silent, self.turn, InterruptionKind::Real, None));
    }

    fn user_turn(&mut self, at: CallTime, turn: TurnId) {
        self.part(at);
        let overlap = self.overlap.take_if(|overlap| overlap.turn == turn);
        if let Some(Overlap { since, spoken, yielded: false, .. }) = overlap
            && spoken >= PATIENCE
        {
            self.note(since, Some(turn), InterruptionKind::Missed, None);
        }
    }

    fn turn_dropped(&mut self, turn: TurnId) {
        self.overlap.take_if(|overlap| overlap.turn == turn);
        let of_turn = |one: &Interruption| one.turn == Some(turn);
        if let Some(last) = self.last.filter(of_turn)
            && last.kind == InterruptionKind::Real
        {
            let kind = InterruptionKind::False;
            self.put(Interruption { kind, ..last });
            if let Some(open) = &mut self.open {
                open.kind = kind;
            }
        }
    }

    fn backchannel(&mut self, at: CallTime, turn: TurnId) {
        let kind = InterruptionKind::Backchannel;
        let since = self.overlap.take_if(|overlap| overlap.turn == turn).map(|one| one.since);
        let paused =
            |one: &Interruption| one.turn == Some(turn) && one.kind == InterruptionKind::False;
        match self.last.filter(paused) {
            Some(last) => self.put(Interruption { kind, ..last }),
            None => {
                self.note(since.unwrap_or(at), Some(turn), kind, None);
            }
        }
    }

    fn note(
        &mut self,
        at: CallTime,
        turn: Option<TurnId>,
        kind: InterruptionKind,
        recovery: Option<Duration>,
    ) -> Interruption {
        let noted = Interruption { at, turn, kind, recovery };
        self.put(noted);
        noted
    }

    fn put(&mut self, entry: Interruption) {
        self.last = Some(entry);
        self.log.put(entry, |one| (one.at, one.turn) == (entry.at, entry.turn));
    }
}

impl Observer for InterruptionObserver {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most of what happens is no speech")]
    fn on_event(&mut self, at: CallTime, event: &Event) {
        match *event {
            Event::AgentPaused { .. } => {
                self.agent_silent(at, true);
                self.paused = Some(at);
            }
            Event::AgentResumed { after, .. } => {
                let paused = self.paused.take().unwrap_or(at.saturating_sub(after));
                self.note(paused, self.turn, InterruptionKind::False, Some(after));
                self.agent_since = Some(at);
            }
            Event::AgentStarted { .. } => self.agent_speaks(at),
            Event::AgentStopped { interrupted, .. } => self.agent_silent(at, interrupted),
            Event::Backchannel { turn, .. } => self.backchannel(at, turn),
            Event::Interrupted { reason, .. } => self.interrupted(at, reason),
            Event::TurnDropped { turn } => self.turn_dropped(turn),
            Event::UserPartial { turn, .. } => self.turn = Some(turn),
            Event::UserStarted { turn, since } => self.user_started(turn, since),
            Event::UserStopped { since, .. } => self.part(since),
            Event::UserTurn { turn, .. } => self.user_turn(at, turn),
            _ => {}
        }
    }
}

impl InterruptionReport {
    /// What has been told so far.
    #[must_use]
    pub fn snapshot(&self) -> Interruptions {
        Interruptions(self.0.snapshot())
    }
}

impl Interruptions {
    /// One by one.
    #[must_use]
    pub fn entries(&self) -> &[Interruption] {
        &self.0
    }

    /// How many there were of a kind.
    #[must_use]
    pub fn count(&self, kind: InterruptionKind) -> usize {
        self.0.iter().filter(|one| one.kind == kind).count()
    }

    /// Of the times that the agent fell silent, how many were for nothing; from 0 to 1. `None` if
    /// it never did.
    #[must_use]
    pub fn false_rate(&self) -> Option<f64> {
        self.share(InterruptionKind::False, InterruptionKind::Real)
    }

    /// Of the times that the user wanted to stop the agent, how often it did not notice; from 0 to
    /// 1. `None` if the user never wanted to.
    #[must_use]
    pub fn missed_rate(&self) -> Option<f64> {
        self.share(InterruptionKind::Missed, InterruptionKind::Real)
    }

    fn share(&self, of: InterruptionKind, and: InterruptionKind) -> Option<f64> {
        let (part, rest) = (self.count(of), self.count(and));
        (part + rest > 0).then(|| part as f64 / (part + rest) as f64)
    }
}

impl FromIterator<Interruption> for Interruptions {
    /// Joins those of several calls.
    fn from_iter<I: IntoIterator<Item = Interruption>>(interruptions: I) -> Self {
        Self(interruptions.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
