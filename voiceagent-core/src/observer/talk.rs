use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Observer, Speaker, log::Log};
use crate::{CallTime, GenerationId, TurnId, session::Event};

/// Stretches of one side that the other side can still have spoken over: more than anybody utters
/// while the other one speaks without a break.
const RECENT: usize = 64;

/// Who spoke for how long, and over whom. Only stretches of speech that are over count.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Talk {
    /// From the beginning of the call to the last thing that happened.
    pub call: Duration,
    /// How long the agent spoke: from its first sound (as it was heard where the far end tells,
    /// else as it was sent) until it was done or stopped. Pauses do not count.
    pub agent: Duration,
    /// How long the user spoke, by the edges of the speech detector. Without a detector: from the
    /// recognizer's first sign of speech to the user's last words.
    pub user: Duration,
    /// How long both spoke at once; in `agent` and in `user` as well.
    pub talk_over: Duration,
    /// How often the user began to speak while the agent spoke. Signs of attention that the agent
    /// took as such do not count.
    pub user_interruptions: u32,
    /// How often the agent began to speak while the user spoke.
    pub agent_interruptions: u32,
}

/// Measures who speaks for how long, and who interrupts whom.
///
/// ```
/// use voiceagent_core::observer::TalkObserver;
///
/// let (observer, report) = TalkObserver::new();
/// // The observer goes into the call, the report stays outside.
/// # drop(observer);
/// assert_eq!(report.snapshot().agent_share(), None);
/// ```
#[derive(Debug)]
pub struct TalkObserver {
    log: Log<Talk>,
    talk: Talk,
    user: Side,
    agent: Side,
    speaking: Option<GenerationId>,
    /// Where the user was last heard of a turn that was decided while no end of speech was known.
    last_sound: Option<CallTime>,
    /// How often the user began over the agent in the turn that is open.
    attempts: Option<(TurnId, u32)>,
}

/// Reads what a [`TalkObserver`] measures, during the call and after it.
#[derive(Debug)]
pub struct TalkReport(Log<Talk>);

/// One side's stretches of speech.
#[derive(Debug, Default)]
struct Side {
    since: Option<CallTime>,
    recent: VecDeque<(CallTime, CallTime)>,
}

impl Talk {
    /// The agent's share of all speech, from 0 to 1; `None` while nobody has spoken.
    #[must_use]
    pub fn agent_share(&self) -> Option<f64> {
        let all = self.agent + self.user;
        (!all.is_zero()).then(|| self.agent.as_secs_f64() / all.as_secs_f64())
    }

    /// How long nobody spoke.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.call.saturating_sub((self.agent + self.user).saturating_sub(self.talk_over))
    }
}

impl TalkObserver {
    /// Makes an observer for a call, and a handle to what it measures.
    #[must_use]
    pub fn new() -> (Self, TalkReport) {
        let log = Log::new();
        let report = TalkReport(log.share());
        let observer = Self {
            log,
            talk: Talk::default(),
            user: Side::default(),
            agent: Side::default(),
            speaking: None,
            last_sound: None,
            attempts: None,
        };
        (observer, report)
    }

    fn user_started(&mut self, turn: TurnId, since: CallTime) {
        let end = self.last_sound.take().unwrap_or(since);
        self.close(Speaker::User, end);
        self.user.since = Some(since);
        // By the time that speech is noticed, the agent may have come to its end.
        let over = self.agent.recent.back().filter(|(_, ended)| since < *ended);
        match self.agent.since.or(over.map(|(begun, _)| *begun)) {
            Some(agent) if agent <= since => {
                self.talk.user_interruptions += 1;
                let before = self.attempts.filter(|(open, _)| *open == turn);
                self.attempts = Some((turn, before.map_or(0, |(_, times)| times) + 1));
            }
            // It did not know yet that the user was speaking.
            Some(_) => self.talk.agent_interruptions += 1,
            None => {}
        }
    }

    fn agent_started(&mut self, at: CallTime, generation: GenerationId) {
        self.close(Speaker::Agent, at);
        self.agent.since = Some(at);
        self.speaking = Some(generation);
        if self.user.since.is_some() && self.last_sound.is_none() {
            self.talk.agent_interruptions += 1;
        }
    }

    fn agent_heard(&mut self, generation: GenerationId, since: CallTime) {
        // Only what is told first says when it began.
        if self.speaking.take_if(|speaking| *speaking == generation).is_some()
            && let Some(sent) = &mut self.agent.since
        {
            *sent = since.max(*sent);
        }
    }

    /// Ends a stretch of speech, if one is open.
    fn close(&mut self, speaker: Speaker, to: CallTime) {
        let (side, other, total) = match speaker {
            Speaker::Agent => (&mut self.agent, &self.user, &mut self.talk.agent),
            Speaker::User => (&mut self.user, &self.agent, &mut self.talk.user),
        };
        let Some(from) = side.since.take() else { return };
        *total += to - from;
        // A stretch of the other side that is still open looks back at this one when it ends.
        let both = other.recent.iter().map(|(begun, ended)| *ended.min(&to) - *begun.max(&from));
        self.talk.talk_over += both.sum::<Duration>();
        if side.recent.len() == RECENT {
            side.recent.pop_front();
        }
        side.recent.push_back((from, to));
    }
}

impl Observer for TalkObserver {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most of what happens is no speech")]
    fn on_event(&mut self, at: CallTime, event: &Event) {
        match *event {
            Event::AgentHeard { generation, since, .. } => self.agent_heard(generation, since),
            Event::AgentPaused { .. } | Event::AgentStopped { .. } => {
                self.close(Speaker::Agent, at)
            }
            Event::AgentResumed { .. } => self.agent.since = Some(at),
            Event::AgentStarted { generation, .. } => self.agent_started(at, generation),
            Event::Backchannel { turn, .. } => {
                let attempts = self.attempts.take_if(|(open, _)| *open == turn);
                self.talk.user_interruptions -= attempts.map_or(0, |(_, times)| times);
            }
            Event::Ended { .. } => {
                self.close(Speaker::User, self.last_sound.unwrap_or(at));
                self.close(Speaker::Agent, at);
            }
            Event::UserStarted { turn, since } => self.user_started(turn, since),
            Event::UserStopped { since, .. } => {
                self.last_sound = None;
                self.close(Speaker::User, since);
            }
            Event::UserTurn { end_of_turn_delay, .. } if self.user.since.is_some() => {
                self.last_sound = Some(at.saturating_sub(end_of_turn_delay));
            }
            _ => {}
        }
        self.talk.call = at.elapsed();
        self.log.put(self.talk, |_| true);
    }
}

impl TalkReport {
    /// What has been measured so far.
    #[must_use]
    pub fn snapshot(&self) -> Talk {
        self.0.snapshot().pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
