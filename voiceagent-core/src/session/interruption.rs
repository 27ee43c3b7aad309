//! The user, or the owner of the call, stops the agent.

use std::sync::Arc;

use super::{
    Command, Event, InterruptionReason, Session, Timer, Uninterruptible,
    generation::{Generation, Stage},
};
use crate::{CallTime, transport::Outbound};

impl Session {
    /// The user speaks while the agent does, in a turn that has so many words already.
    pub(super) fn note_overlap(&mut self, since: CallTime, words: usize) {
        let Some(live) = self.live.as_ref().filter(|live| live.has_floor()) else { return };
        self.barge_in.note_voice(live.id, since, words);
        let open_from = live.playback.started_at + self.config.barge_in.warm_up;
        if self.may_be_stopped() && self.barge_in.is_enabled() && self.has_voice() {
            self.suspect(since.max(open_from));
        }
    }

    /// Whether the agent is heard, or would be but for a suspicion.
    pub(super) fn has_voice(&self) -> bool {
        self.output.is_audible(self.now) || self.pausing.is_paused()
    }

    /// Words come while the agent has the floor, in a turn that had so many before.
    pub(super) fn note_words_over_speech(&mut self, words: usize) {
        if let Some(live) = self.live.as_ref().filter(|live| live.has_floor()) {
            self.barge_in.note_words(live.id, words);
        }
    }

    pub(super) fn consider_barge_in(&mut self) {
        if !self.can_be_stopped() {
            return;
        }
        let words = self.barge_in.words_of_voice(self.user.words());
        if self.barge_in.is_due(self.now, words) {
            let undecided = words == 0 || self.is_backchannel();
            match self.barge_in.undecided_until().filter(|_| undecided) {
                Some(until) if until > self.now => self.timers.set(Timer::Backchannel, until),
                // A voice that has stopped decides nothing any more; its words may.
                Some(_) if self.user.speaking_since.is_none() => {}
                // Somebody else in the room is no reason, whatever they want.
                Some(_) | None if words == 0 && self.is_softer_voice() => {}
                // Who is silent already can wait for words.
                Some(_) | None if words == 0 && self.can_wait_for_words() => {}
                // What it was heard over is over, and what comes next has not begun.
                Some(_) | None if words == 0 && !self.holds_floor() => {}
                Some(_) | None => return self.confirm(InterruptionReason::BargeIn),
            }
        } else if self.words_ask_for_floor() {
            return self.confirm(InterruptionReason::BargeIn);
        }
        self.pause_if_due();
    }

    /// Whether the voice over the agent is so much softer than the caller's that it may be another.
    /// Words tell, where they come while it is heard.
    pub(super) fn is_softer_voice(&self) -> bool {
        let softer = self.config.barge_in.softer.filter(|_| self.config.stt_interim);
        softer.is_some_and(|by| self.loudness.is_softer(by))
    }

    /// Whether the words of a voice that has stopped again, which come later, tell that the user
    /// wants to speak. A turn detector that may know better is waited for to the end of the turn.
    fn words_ask_for_floor(&self) -> bool {
        let Some(overlap) = self.barge_in.overlap() else { return false };
        let words = overlap.words(self.user.words());
        self.user.speaking_since.is_none()
            // What they were said over may be over, and what comes next may not have begun.
            && self.holds_floor()
            && words > 0
            && overlap.voice(self.now).is_some()
            && self.barge_in.is_enough(overlap.voice(self.now), words)
            && self.live.as_ref().is_some_and(|live| live.stage != Stage::Tools)
            && !self.is_backchannel()
            && !self.may_prove_backchannel(words)
    }

    /// Without speech edges, words alone decide.
    pub(super) fn consider_barge_in_by_words(&mut self) {
        let words = self.barge_in.overlap().map_or(0, |over| over.words(self.user.words()));
        let enough = words >= self.config.barge_in.min_words.max(1) as usize;
        if enough && !self.is_backchannel() && self.is_open_to_barge_in() {
            self.confirm(InterruptionReason::BargeIn);
        }
    }

    /// Without speech edges, a voice that the recognizer reports stops the agent, at the latest
    /// when no words have come for as long as they are waited on.
    pub(super) fn consider_barge_in_by_voice(&mut self) {
        if self.config.barge_in.min_words > 0 || !self.is_open_to_barge_in() {
            return;
        }
        let wait = self.config.barge_in.backchannel.filter(|_| !self.output.is_text());
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => {
                self.note_words_over_speech(self.user.words());
                self.timers.set(Timer::Backchannel, self.now + wait);
            }
            None => self.confirm(InterruptionReason::BargeIn),
        }
    }

    /// The words that would tell what the user wants have been waited on long enough: the voice
    /// decides.
    pub(super) fn on_undecided(&mut self) {
        if self.config.vad {
            self.consider_barge_in();
            return;
        }
        let Some(overlap) = self.barge_in.overlap() else { return };
        let goes_on = self.live.as_ref().is_some_and(|live| live.id == overlap.generation);
        if goes_on && overlap.words(self.user.words()) == 0 && self.is_open_to_barge_in() {
            self.confirm(InterruptionReason::BargeIn);
        }
    }

    /// A key was pressed.
    pub(super) fn consider_barge_in_by_key(&mut self) {
        if self.config.barge_in.dtmf && self.holds_floor() && self.may_be_stopped() {
            self.confirm(InterruptionReason::Dtmf);
        }
    }

    fn is_open_to_barge_in(&self) -> bool {
        self.can_be_stopped() && self.has_voice()
    }

    /// Whether the agent has begun to speak and has not finished, though it may be silent while
    /// tools run.
    pub(super) fn holds_floor(&self) -> bool {
        self.live.as_ref().is_some_and(Generation::has_floor)
    }

    /// Whether the user's voice may stop what the agent is saying.
    pub(super) fn can_be_stopped(&self) -> bool {
        let warm_up = self.config.barge_in.warm_up;
        let is_warm =
            self.live.as_ref().is_none_or(|live| self.now >= live.playback.started_at + warm_up);
        self.barge_in.is_enabled() && is_warm && self.may_be_stopped()
    }

    /// Whether the user may stop what the agent is saying, by voice or by key.
    fn may_be_stopped(&self) -> bool {
        self.leaving.is_none()
            && self.live.as_ref().is_some_and(|live| live.committed && live.may_be_stopped())
    }

    /// Lets the recognizer hear silence in place of what is said over speech that cannot be
    /// stopped, if that is to be discarded. A goodbye is no such speech: whoever speaks over it
    /// is still listened to.
    pub(super) fn settle_hearing(&mut self) {
        let discards = self.config.barge_in.uninterruptible == Uninterruptible::Discard;
        let is_leaving =
            self.leaving.is_some() || self.live.as_ref().is_some_and(|live| live.after.is_some());
        let deaf = discards
            && !is_leaving
            && self.holds_floor()
            && !(self.barge_in.is_enabled() && self.may_be_stopped());
        if deaf != self.deaf {
            self.deaf = deaf;
            self.commands.push_back(Command::FeedSilence { on: deaf });
        }
    }

    /// Stops the agent: the one place where speech is cut for good.
    pub(super) fn interrupt(&mut self, reason: InterruptionReason, since: Option<CallTime>) {
        let pause = self.drop_suspicion();
        let since = since.or(pause.as_ref().map(|pause| pause.since));
        if let Some(aside) = self.cut_aside(reason, since, pause.is_some()) {
            self.note_cut(aside, since, pause.is_some());
            self.settle_overlap(reason);
            return;
        }
        let cuts_aside = self.live.as_ref().is_some_and(Generation::is_on_the_side);
        self.give_up_aside();
        self.supply_words();
        let Some(live) = self.live.take_if(|live| live.committed) else {
            self.drop_draft();
            return;
        };
        if (live.playback.started || cuts_aside) && pause.is_none() {
            self.send(Outbound::Clear);
        }
        let pii_heard = self.heard_text(&live);
        self.abandon(&live);
        self.note_cut(
            live.id,
            since.filter(|_| live.playback.started || cuts_aside),
            pause.is_some(),
        );
        if reason == InterruptionReason::Requested {
            self.leave_unasked(&live);
        }
        let after = since.map_or_else(Default::default, |since| self.now - since);
        self.emit(Event::Interrupted { generation: live.id, reason, after });
        if live.playback.started {
            let generation = live.id;
            let pii_heard = pii_heard.clone();
            self.emit(Event::AgentStopped { generation, pii_heard, interrupted: true });
        }
        self.settle_overlap(reason);
        if let Some(leave) = live.after.clone() {
            self.leave_after_speech(leave);
        } else if reason == InterruptionReason::BargeIn {
            self.keep_unheard(live, &pii_heard);
        }
    }

    /// The agent has given way: nothing is to be decided about the overlap any more.
    fn settle_overlap(&mut self, reason: InterruptionReason) {
        if matches!(reason, InterruptionReason::BargeIn | InterruptionReason::Dtmf) {
            self.drop_queued_says();
        }
        self.barge_in.forget();
        self.timers.clear(Timer::Backchannel);
    }

    /// The user does not want to hear what is queued either, up to what must be said.
    fn drop_queued_says(&mut self) {
        while self.says.front().is_some_and(|say| say.interruptible) {
            self.says.pop_front();
        }
    }

    pub(super) fn heard_text(&self, generation: &Generation) -> Arc<str> {
        if !generation.playback.started {
            return Arc::from("");
        }
        let heard = self.output.heard(self.now, generation);
        generation.content.script.text().get(..heard).unwrap_or_default().trim().into()
    }
}
