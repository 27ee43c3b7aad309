//! The user, or the owner of the call, stops the agent.

use std::sync::Arc;

use super::{Event, InterruptionReason, Session, generation::Generation};
use crate::{CallTime, transport::Outbound};

impl Session {
    /// The user speaks while the agent does.
    pub(super) fn note_overlap(&mut self, since: CallTime) {
        if self.can_be_stopped() && self.output.is_audible(self.now) {
            self.suspect(since);
        }
    }

    pub(super) fn consider_barge_in(&mut self) {
        if self.barge_in.is_due(self.now, self.user.words()) && self.can_be_stopped() {
            self.confirm(InterruptionReason::BargeIn);
        }
    }

    /// Without speech edges, words alone decide.
    pub(super) fn consider_barge_in_by_words(&mut self, words: usize) {
        let enough = words >= self.config.barge_in.min_words.max(1) as usize;
        if enough && self.can_be_stopped() && self.output.is_audible(self.now) {
            self.interrupt(InterruptionReason::BargeIn, None);
        }
    }

    /// Whether the user may stop what the agent is saying.
    pub(super) fn can_be_stopped(&self) -> bool {
        self.barge_in.is_enabled()
            && self.leaving.is_none()
            && self.live.as_ref().is_some_and(|live| live.committed && live.interruptible)
    }

    pub(super) fn on_peer_interrupted(&mut self, heard: Option<&str>) {
        if self.cut_said(heard) {
            return;
        }
        if let (Some(heard), Some(live)) = (heard, &self.live)
            && live.script.text().starts_with(heard)
        {
            self.output.on_heard(heard.len());
        }
        self.interrupt(InterruptionReason::BargeIn, None);
    }

    /// Stops the agent: the one place where speech is cut.
    pub(super) fn interrupt(&mut self, reason: InterruptionReason, since: Option<CallTime>) {
        self.dismiss();
        let Some(live) = self.live.take_if(|live| live.committed) else {
            self.drop_draft();
            return;
        };
        if live.started {
            self.send(Outbound::Clear);
        }
        let pii_heard = self.heard_text(&live);
        self.abandon(&live);
        let after = since.map_or_else(Default::default, |since| self.now - since);
        self.emit(Event::Interrupted { generation: live.id, reason, after });
        if live.started {
            let generation = live.id;
            self.emit(Event::AgentStopped { generation, pii_heard, interrupted: true });
        }
        if let Some(leave) = live.after {
            self.leave_after_speech(leave);
        }
    }

    fn heard_text(&self, generation: &Generation) -> Arc<str> {
        if !generation.started {
            return Arc::from("");
        }
        let heard = self.output.heard(self.now, generation);
        generation.script.text().get(..heard).unwrap_or_default().trim().into()
    }
}
