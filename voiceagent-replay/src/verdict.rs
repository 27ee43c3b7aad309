//! Two sets of decisions about one call, compared turn by turn.

use std::time::Duration;

use serde::Serialize;
use voiceagent_core::{CallTime, SessionConfig};

use crate::{
    Window, clock,
    setting::Setting,
    shadow::{self, Decision, Decisions},
    story::{Story, Turn},
};

/// Speech that begins this shortly after the agent's first sound is no answer to it.
const REACTION: Duration = Duration::from_millis(500);
/// What a driver and its clock add to a deadline.
const JITTER: Duration = Duration::from_millis(20);

/// What other settings would have done to a call.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Verdict {
    pub(crate) turns: Vec<TurnVerdict>,
    pub(crate) interruptions: Vec<Overlap>,
}

/// What they would have done to a turn. Times are milliseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TurnVerdict {
    pub(crate) turn: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// Whether the method finds the recorded decision with the recorded settings.
    pub(crate) comparable: bool,
    pub(crate) before: Side,
    pub(crate) after: Side,
}

/// How one side dealt with a turn.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Side {
    /// From the caller's last sound to the decision; `None` if the turn would not have ended here,
    /// because the caller goes on before, or it is dropped or never decided.
    pub(crate) delay_ms: Option<f64>,
    /// From the caller's last sound to the agent's first.
    pub(crate) response_ms: Option<f64>,
    /// Decisions that cut the caller off.
    pub(crate) cuts: usize,
    /// The decision came when the caller was waiting for nothing else, as far as is known.
    pub(crate) right: bool,
    /// The decision lies after the agent's recorded first sound.
    pub(crate) unseen: bool,
    /// What was said is no turn: a sign of attention, or less than an interruption takes.
    pub(crate) dropped: bool,
    /// Nothing decides whether the turn is over.
    pub(crate) undecided: bool,
}

/// The caller spoke over the agent, and was, or would have been, let in.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Overlap {
    /// When the agent began to speak, in milliseconds of the call.
    pub(crate) agent_began_ms: f64,
    pub(crate) comparable: bool,
    /// From the agent's first sound to the interruption.
    pub(crate) before_ms: Option<f64>,
    pub(crate) after_ms: Option<f64>,
}

/// Decisions about a call with the settings that it was recorded with.
pub(crate) struct Baseline {
    pub(crate) story: Story,
    decisions: Decisions,
    window: Window,
}

impl Baseline {
    pub(crate) fn of(story: Story, config: &SessionConfig, window: Window) -> Self {
        let decisions = shadow::decide(&story, config, &[]);
        Self { story, decisions, window }
    }

    /// Compares with what other settings would have decided.
    pub(crate) fn against(
        &self,
        config: &SessionConfig,
        changed: &[Setting],
        texts: bool,
    ) -> Verdict {
        let other = shadow::decide(&self.story, config, changed);
        let mut begun = CallTime::ZERO;
        let mut turns = Vec::new();
        for turn in &self.story.turns {
            let before = self.side(&self.decisions, turn, begun);
            let recorded = clock::millis(turn.decided - turn.last_speech);
            let is_near = |delay: f64| (delay - recorded).abs() <= clock::millis(JITTER);
            turns.push(TurnVerdict {
                turn: turn.id.number(),
                text: texts.then(|| turn.text.clone()),
                comparable: before.delay_ms.is_some_and(is_near),
                before,
                after: self.side(&other, turn, begun),
            });
            begun = turn.last_speech + JITTER;
        }
        Verdict { turns, interruptions: self.overlaps(&other) }
    }

    /// How a turn was dealt with whose speech came after `begun`.
    fn side(&self, decisions: &Decisions, turn: &Turn, begun: CallTime) -> Side {
        let mut side = Side::default();
        for decision in &decisions.turns {
            let is_before = decision.last_speech < begun && begun > CallTime::ZERO;
            if is_before || decision.last_speech > turn.last_speech + JITTER {
                continue;
            }
            let cuts_off = self.spoke_on(decision);
            if decision.unseen && cuts_off.is_some_and(|since| since < decision.at) {
                // By then the caller goes on, and the turn with it.
                continue;
            }
            side.cuts += usize::from(cuts_off.is_some());
            if decision.last_speech + JITTER < turn.last_speech {
                continue;
            }
            side.delay_ms = Some(clock::millis(decision.at - decision.last_speech));
            side.response_ms = response(decision, turn).map(clock::millis);
            side.right = cuts_off.is_none();
            side.unseen = decision.unseen;
        }
        if side.delay_ms.is_none() {
            let is_it = |at: &CallTime| {
                *at <= turn.last_speech + JITTER && turn.last_speech <= *at + JITTER
            };
            let goes_on = self.story.speech.iter().any(|since| *since > turn.last_speech);
            side.dropped = decisions.dropped.iter().any(is_it);
            side.undecided = !side.dropped && (!goes_on || decisions.undecided.iter().any(is_it));
        }
        side
    }

    /// When the caller went on after a decision, and not because of what the agent said.
    fn spoke_on(&self, decision: &Decision) -> Option<CallTime> {
        let mut speech = self.story.speech.iter().copied();
        let next = speech.find(|since| *since > decision.last_speech)?;
        let heard = self.story.heard_after(decision.last_speech);
        let is_own = heard.is_none_or(|heard| next <= heard + REACTION);
        (is_own && next <= decision.at + self.window.0).then_some(next)
    }

    fn overlaps(&self, other: &Decisions) -> Vec<Overlap> {
        let stops = self.decisions.stops.iter().zip(&other.stops);
        let mut overlaps = Vec::new();
        for (utterance, (before, after)) in self.story.utterances.iter().zip(stops) {
            let since = |at: &Option<CallTime>| at.map(|at| clock::millis(at - utterance.from));
            let recorded = utterance.stopped;
            if recorded.is_none() && before.is_none() && after.is_none() {
                continue;
            }
            let comparable = match (recorded, *before) {
                (Some(a), Some(b)) => (a - b).max(b - a) <= JITTER,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            overlaps.push(Overlap {
                agent_began_ms: clock::millis(utterance.from.elapsed()),
                comparable,
                before_ms: since(before),
                after_ms: since(after),
            });
        }
        overlaps
    }
}

/// From the caller's last sound to the agent's first, if vendors take as long as they did. An
/// answer that was begun in the pause is there when it was there.
fn response(decision: &Decision, turn: &Turn) -> Option<Duration> {
    let answer = turn.answer?;
    let heard = match answer.drafted {
        Some(ready) => decision.at.max(ready),
        None => decision.at + (answer.heard - turn.decided),
    };
    Some(heard - turn.last_speech)
}
