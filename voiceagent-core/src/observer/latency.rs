mod attempt;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Observer, Offset, log::Log};
use crate::{
    CallTime, GenerationId, TurnId,
    session::{Event, InterruptionReason},
};

use attempt::Attempt;

/// Attempts to speak whose times are kept until one of them is heard; a turn has fewer drafts.
const ATTEMPTS: usize = 16;

/// How long the parts of one answer took. What was not measured is `None`, never zero.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TurnLatency {
    /// The user's turn.
    pub turn: TurnId,
    /// When it was over.
    pub at: CallTime,
    /// From the user's last sound to the decision that the turn is over.
    pub end_of_turn_delay: Duration,
    /// From the user's last sound to the last final transcript.
    pub transcription_delay: Option<Duration>,
    /// From the request to the first sign of the language model's work: of reasoning where it
    /// shows it, else a word or a tool call. For an answer with tools: of its first round.
    pub ttft: Option<Duration>,
    /// From the request to the first word or tool call of the language model; later than `ttft`
    /// for one that reasons.
    pub first_answer_token: Option<Duration>,
    /// From the request to the first text that was handed to the voice. For an answer with tools:
    /// from the request of the round that the text is from.
    pub first_sentence: Option<Duration>,
    /// From the first word to the first text that was handed to the voice, within one round: how
    /// long the sentence took to become whole.
    pub aggregation: Option<Duration>,
    /// From the first text handed to the voice to its first audio.
    pub ttfb: Option<Duration>,
    /// From the first text handed to the voice to the first of its audio that can be heard:
    /// `ttfb` and the silence in front. `None` for coded packets.
    pub first_audible: Option<Duration>,
    /// When the first token of `ttft` came, counted from `at`: before it for a draft.
    pub first_token_at: Option<Offset>,
    /// When the voice's first audio came, counted from `at`: before it for a draft that was
    /// spoken ahead.
    pub first_audio_at: Option<Offset>,
    /// From the user's last sound to the agent's first; the sum of everything that the caller
    /// waits for. `None` if the agent said nothing, or if the user had gone on in between.
    pub response: Option<Duration>,
    /// From the agent's first sound, as it left, to the moment when it was heard.
    pub playout: Option<Duration>,
    /// From the user's last sound to the agent's first as the caller heard it: `response` and
    /// `playout`. `None` where the far end does not tell what it plays in time.
    pub heard: Option<Duration>,
    /// From the user's first sound to the decision to stop the agent, if the turn interrupted it.
    pub interruption: Option<Duration>,
    /// From the user's first sound to the agent's last as the caller heard it, if the turn
    /// interrupted it.
    pub silenced: Option<Duration>,
    /// Whether tools were used for the answer.
    pub tools: bool,
    /// Whether the answer was begun before the turn was over.
    pub drafted: bool,
    /// How much earlier the answer could be heard because it was drafted: from the beginning of
    /// the draft to the end of the turn, or to the draft's first audio if that came before. `None`
    /// for an answer that was not drafted.
    pub saved: Option<Duration>,
}

/// Measures how long the agent takes to answer, turn by turn.
///
/// ```
/// use std::time::Duration;
/// use voiceagent_core::observer::LatencyObserver;
///
/// let (observer, report) = LatencyObserver::new();
/// // The observer goes into the call, the report stays outside.
/// # drop(observer);
/// let p95: Option<Duration> = report.snapshot().p95(|turn| turn.response);
/// assert_eq!(p95, None);
/// ```
#[derive(Debug)]
pub struct LatencyObserver {
    log: Log<TurnLatency>,
    attempts: BTreeMap<GenerationId, Attempt>,
    turn: Option<OpenTurn>,
    /// A barge-in whose turn is not over yet.
    barge_in: BargeIn,
    /// Whether a draft used tools before its turn was over.
    draft_used_tools: bool,
}

/// Reads what a [`LatencyObserver`] measures, during the call and after it.
#[derive(Debug)]
pub struct LatencyReport(Log<TurnLatency>);

/// The measured turns, oldest first; the last 10,000 of a call.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Latencies(Vec<TurnLatency>);

#[derive(Clone, Copy, Debug, Default)]
struct BargeIn {
    decided: Option<Duration>,
    silenced: Option<Duration>,
}

#[derive(Debug)]
struct OpenTurn {
    latency: TurnLatency,
    last_speech: CallTime,
    /// What is heard as the answer, and when it began to leave.
    answer: Option<(GenerationId, CallTime, Attempt)>,
    /// The answer, and when it began to leave, until it was heard.
    unheard: Option<(GenerationId, CallTime)>,
    /// Whether the user has spoken since, so that `last_speech` is not the last any more.
    stale: bool,
}

impl LatencyObserver {
    /// Makes an observer for a call, and a handle to what it measures.
    #[must_use]
    pub fn new() -> (Self, LatencyReport) {
        let log = Log::new();
        let report = LatencyReport(log.share());
        let observer = Self {
            log,
            attempts: BTreeMap::new(),
            turn: None,
            barge_in: BargeIn::default(),
            draft_used_tools: false,
        };
        (observer, report)
    }

    /// Notes something of an attempt, be it on its way or the answer already.
    fn note(&mut self, generation: GenerationId, note: impl FnOnce(&mut Attempt)) {
        match &mut self.turn {
            Some(OpenTurn { latency, answer: Some((answer, left, attempt)), .. })
                if *answer == generation =>
            {
                note(attempt);
                attempt.tell(*left, latency);
                self.publish();
            }
            Some(_) | None => note(self.attempt(generation)),
        }
    }

    fn attempt(&mut self, generation: GenerationId) -> &mut Attempt {
        if self.attempts.len() == ATTEMPTS && !self.attempts.contains_key(&generation) {
            self.attempts.pop_first();
        }
        self.attempts.entry(generation).or_default()
    }

    fn user_turn(
        &mut self,
        at: CallTime,
        turn: TurnId,
        end_of_turn_delay: Duration,
        transcription_delay: Option<Duration>,
    ) {
        let BargeIn { decided, silenced } = std::mem::take(&mut self.barge_in);
        let latency = TurnLatency {
            turn,
            at,
            end_of_turn_delay,
            transcription_delay,
            ttft: None,
            first_answer_token: None,
            first_sentence: None,
            aggregation: None,
            ttfb: None,
            first_audible: None,
            first_token_at: None,
            first_audio_at: None,
            response: None,
            playout: None,
            heard: None,
            interruption: decided,
            silenced,
            tools: std::mem::take(&mut self.draft_used_tools),
            drafted: false,
            saved: None,
        };
        self.turn = Some(OpenTurn {
            latency,
            last_speech: at.saturating_sub(end_of_turn_delay),
            answer: None,
            unheard: None,
            stale: false,
        });
        self.publish();
    }

    fn agent_started(&mut self, at: CallTime, generation: GenerationId, answers: Option<TurnId>) {
        // Whatever it stopped, the user did not take the turn.
        self.barge_in = BargeIn::default();
        let attempt = self.attempts.remove(&generation).unwrap_or_default();
        if answers.is_some() {
            // What is said on the side, while tools run, makes no older attempt obsolete.
            self.attempts = self.attempts.split_off(&generation);
        }
        let turn = self.turn.as_mut().filter(|turn| answers == Some(turn.latency.turn));
        let Some(turn) = turn.filter(|turn| turn.answer.is_none()) else { return };
        turn.unheard = Some((generation, at));
        if !turn.stale {
            turn.latency.response = Some(at - turn.last_speech);
        }
        attempt.tell(at, &mut turn.latency);
        turn.answer = Some((generation, at, attempt));
        self.publish();
    }

    fn agent_heard(&mut self, generation: GenerationId, since: CallTime) {
        let Some(turn) = &mut self.turn else { return };
        let answer = turn.unheard.take_if(|(answer, _)| *answer == generation);
        let Some((_, left)) = answer else { return };
        let playout = since - left;
        turn.latency.playout = Some(playout);
        turn.latency.heard = turn.latency.response.map(|response| response + playout);
        self.publish();
    }

    fn barge_in(&mut self, decided: Option<Duration>, silenced: Option<Duration>) {
        match &mut self.turn {
            Some(turn) if turn.answer.is_none() && !turn.stale => {
                let TurnLatency { interruption, silenced: silence, .. } = &mut turn.latency;
                *interruption = decided.or(*interruption);
                *silence = silenced.or(*silence);
                self.publish();
            }
            Some(_) | None => {
                self.barge_in.decided = decided.or(self.barge_in.decided);
                self.barge_in.silenced = silenced.or(self.barge_in.silenced);
            }
        }
    }

    fn tool_started(&mut self) {
        let drafting = self.attempts.values().any(Attempt::is_draft);
        match &mut self.turn {
            Some(turn) if !turn.stale => {
                turn.latency.tools = true;
                self.publish();
            }
            Some(_) | None => self.draft_used_tools |= drafting,
        }
    }

    fn publish(&self) {
        if let Some(OpenTurn { latency, .. }) = &self.turn {
            self.log.put(latency.clone(), |last| last.turn == latency.turn);
        }
    }
}

impl Observer for LatencyObserver {
    fn on_event(&mut self, at: CallTime, event: &Event) {
        match *event {
            Event::AgentStarted { generation, turn } => self.agent_started(at, generation, turn),
            Event::DraftStarted { generation, turn } => {
                self.note(generation, |attempt| attempt.on_draft(at, turn));
            }
            Event::DraftDropped { generation } => {
                self.attempts.remove(&generation);
            }
            Event::FirstAudio { generation, after } => {
                self.note(generation, |attempt| attempt.on_audio(at, after));
            }
            Event::FirstAudible { generation, silence } => {
                self.note(generation, |attempt| attempt.on_audible(at, silence));
            }
            Event::FirstSentence { generation, after } => {
                self.note(generation, |attempt| attempt.on_sentence(after));
            }
            Event::FirstToken { generation, after, reasoned } => {
                self.note(generation, |attempt| attempt.on_token(at, after, reasoned));
            }
            Event::Interrupted { reason: InterruptionReason::BargeIn, after, .. } => {
                self.barge_in = BargeIn::default();
                self.barge_in(Some(after), None);
            }
            Event::AgentSilenced { after, .. } => self.barge_in(None, Some(after)),
            Event::AgentHeard { generation, since, .. } => self.agent_heard(generation, since),
            Event::ToolStarted { .. } => self.tool_started(),
            Event::UserStarted { .. } => {
                self.draft_used_tools = false;
                if let Some(turn) = &mut self.turn {
                    turn.stale = true;
                }
            }
            Event::UserTurn { turn, end_of_turn_delay, transcription_delay, .. } => {
                self.user_turn(at, turn, end_of_turn_delay, transcription_delay);
            }
            Event::AgentPaused { .. }
            | Event::AgentResumed { .. }
            | Event::AgentState { .. }
            | Event::AgentStopped { .. }
            | Event::AnsweredBy { .. }
            | Event::Backchannel { .. }
            | Event::Connected { .. }
            | Event::FailedOver { .. }
            | Event::Dtmf { .. }
            | Event::Ended { .. }
            | Event::Failed { .. }
            | Event::Health { .. }
            | Event::IdlePrompted { .. }
            | Event::Interrupted { .. }
            | Event::LineQuality { .. }
            | Event::Metered { .. }
            | Event::Planned { .. }
            | Event::ToolFinished { .. }
            | Event::ToolLimit { .. }
            | Event::TurnDropped { .. }
            | Event::UsageReported { .. }
            | Event::UserPartial { .. }
            | Event::UserStopped { .. }
            | Event::UserWords { .. } => {}
        }
    }
}

impl LatencyReport {
    /// What has been measured so far.
    #[must_use]
    pub fn snapshot(&self) -> Latencies {
        Latencies(self.0.snapshot())
    }
}

impl Latencies {
    /// The turns.
    #[must_use]
    pub fn turns(&self) -> &[TurnLatency] {
        &self.0
    }

    /// The turns that were answered with tools, or those without: they are not comparable.
    #[must_use]
    pub fn with_tools(&self, tools: bool) -> Self {
        Self(self.0.iter().filter(|turn| turn.tools == tools).cloned().collect())
    }

    /// The median; `None` if nothing was measured.
    #[must_use]
    pub fn p50(&self, of: impl Fn(&TurnLatency) -> Option<Duration>) -> Option<Duration> {
        self.percentile(50, of)
    }

    /// What 95 of 100 turns do not exceed.
    #[must_use]
    pub fn p95(&self, of: impl Fn(&TurnLatency) -> Option<Duration>) -> Option<Duration> {
        self.percentile(95, of)
    }

    /// What 99 of 100 turns do not exceed.
    #[must_use]
    pub fn p99(&self, of: impl Fn(&TurnLatency) -> Option<Duration>) -> Option<Duration> {
        self.percentile(99, of)
    }

    /// By nearest rank, so that it is always a value that was measured.
    fn percentile(
        &self,
        percent: usize,
        of: impl Fn(&TurnLatency) -> Option<Duration>,
    ) -> Option<Duration> {
        let mut samples: Vec<Duration> = self.0.iter().filter_map(of).collect();
        samples.sort_unstable();
        let rank = (samples.len() * percent).div_ceil(100);
        samples.get(rank.checked_sub(1)?).copied()
    }
}

impl FromIterator<TurnLatency> for Latencies {
    /// Joins the turns of several calls.
    fn from_iter<I: IntoIterator<Item = TurnLatency>>(turns: I) -> Self {
        Self(turns.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
