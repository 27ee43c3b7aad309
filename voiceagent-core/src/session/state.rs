//! What the agent does, as far as an onlooker can tell.

use super::{AgentState, Event, Session, generation::Stage};

impl Session {
    /// Tells what the agent does, if that has changed.
    pub(super) fn settle_state(&mut self) {
        let state = self.agent_state();
        if state != self.state {
            self.state = state;
            self.emit(Event::AgentState { state });
        }
    }

    fn agent_state(&self) -> AgentState {
        match self.live.as_ref().filter(|live| live.committed) {
            Some(live) => {
                // A voice that takes a breath has not stopped.
                let goes_on = matches!(live.stage, Stage::Written | Stage::Spoken);
                if self.pausing.is_silent() {
                    AgentState::Paused
                } else if live.has_floor() && (goes_on || self.output.is_audible(self.now)) {
                    AgentState::Speaking
                } else {
                    AgentState::Thinking
                }
            }
            None if self.owed.is_some() || !self.tools.is_idle() => AgentState::Thinking,
            None => AgentState::Listening,
        }
    }
}
