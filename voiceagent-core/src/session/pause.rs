//! The user may want the floor: suspected, then confirmed or dismissed.
//!
//! On suspicion the agent falls silent at once, and what the caller has not heard is kept. Words
//! make an interruption of it, at the place where the agent fell silent. Without words the agent
//! goes on from there.

use std::{collections::VecDeque, time::Duration};

use super::{
    BargeInConfig, Event, InterruptionReason, Session, Timer,
    endpointing::Outcome,
    generation::{Generation, ReplyTo, Request},
};
use crate::{CallTime, GenerationId, flow::Plan, transport::Outbound};

/// For how long a pause that came to nothing counts.
const MEMORY: Duration = Duration::from_secs(10);

/// No cough lasts so long, and hardly a noise.
const LONG_VOICE: Duration = Duration::from_secs(3);

/// What is suspected, and what came of earlier suspicions.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    pause: Option<Pause>,
    /// When pauses ended that came to nothing; those within `MEMORY` of the last.
    in_vain: VecDeque<CallTime>,
    cut: Option<Cut>,
    unheard: Option<Unheard>,
    /// The far end has put the call on hold.
    pub(super) on_hold: bool,
}

/// An answer that a voice has cut before anything of it was heard.
#[derive(Debug)]
struct Unheard {
    reply: ReplyTo,
    request: Request,
    /// When it is given after all, where no turn tells that the voice has come to nothing: a far end
    /// that hears by itself may say no more than that it has stopped.
    given_at: Option<CallTime>,
}

/// The agent is silent, and may go on.
#[derive(Debug)]
pub(super) struct Pause {
    at: CallTime,
    /// The user's first sound.
    pub(super) since: CallTime,
    /// When the user fell silent last.
    silent_since: Option<CallTime>,
}

/// The far end was told to fall silent.
#[derive(Clone, Copy, Debug)]
struct Cut {
    generation: GenerationId,
    /// The user's first sound.
    since: CallTime,
    /// When the agent's last sound was heard, once that is known.
    silent_at: Option<CallTime>,
    /// The agent was interrupted, not just paused.
    is_final: bool,
}

impl Pausing {
    pub(super) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// Whether nothing may leave that is to be heard.
    pub(super) fn is_silent(&self) -> bool {
        self.is_paused() || self.on_hold
    }

    /// Whether pauses come to nothing so often that the line must be noisy.
    fn is_noisy(&self, now: CallTime, back_off: u32) -> bool {
        let recent = self.in_vain.iter().filter(|at| **at + MEMORY > now);
        back_off > 0 && recent.count() >= back_off as usize
    }

    /// When an answer that was cut is given after all, if nobody tells of the voice that did it.
    pub(super) fn given_at(&self) -> Option<CallTime> {
        self.unheard.as_ref()?.given_at
    }

    /// Forgets an answer that was cut: the user has said something else.
    pub(super) fn forget_unheard(&mut self) {
        self.unheard = None;
    }

    fn note_vain(&mut self, now: CallTime) {
        self.in_vain.retain(|at| *at + MEMORY > now);
        self.in_vain.push_back(now);
    }
}

impl Session {
    /// The user has been heard over the agent since this moment, and may want to speak.
    pub(super) fn suspect(&mut self, since: CallTime) {
        let Some(decidable) = self.barge_in.on_overlap(since) else { return };
        let pause = self.config.barge_in.pause.filter(|_| self.pauses());
        let at = pause.map_or(decidable, |pause| since + pause);
        if at <= self.now {
            self.consider_barge_in();
        } else {
            self.timers.set(Timer::BargeIn, at);
        }
    }

    /// The user wants to speak: the agent gives way.
    pub(super) fn confirm(&mut self, reason: InterruptionReason) {
        let since = self.barge_in.since();
        self.interrupt(reason, since);
    }

    /// There is nothing to suspect, or not any more: a paused agent goes on.
    pub(super) fn dismiss(&mut self) {
        let pause = self.drop_suspicion();
        if let (Some(pause), Some(live)) = (pause, &self.live) {
            let generation = live.id;
            self.pausing.cut = None;
            self.pausing.note_vain(self.now);
            self.emit(Event::AgentResumed { generation, after: self.now - pause.at });
        }
    }

    /// Keeps an answer of which nothing was heard when a voice cut it that has said no words yet, or
    /// none for good: the voice may come to nothing. Results of tools that still run are told in any
    /// case.
    pub(super) fn keep_unheard(&mut self, cut: Generation, heard: &str) {
        let is_heard = heard.len() > cut.content.holding;
        let is_told = is_heard || cut.open_calls().next().is_some();
        if is_told || self.user.has_finals() || self.is_realtime() {
            return;
        }
        let Generation { reply_to, request, .. } = cut;
        let given_at = (!self.user.begun).then(|| self.now + self.endpointing.watchdog());
        self.pausing.unheard = reply_to.map(|reply| Unheard { reply, request, given_at });
    }

    /// What the user was taken to say is nothing: an answer that it has cut is given once more.
    pub(super) fn answer_again(&mut self) {
        let Some(Unheard { reply, request, .. }) = self.pausing.unheard.take() else { return };
        if self.live.is_some() || self.owed.is_some() || self.is_closing() {
            return;
        }
        if self.config.flow && request.plan.is_none() {
            return self.begin_reply(reply.turn, reply.text, true);
        }
        let mut again = self.new_generation(Some(reply));
        again.committed = true;
        let said = match &request.plan {
            Some(Plan::Say(text)) => Some(text.clone()),
            Some(_) | None => None,
        };
        again.request = request;
        self.live = Some(again);
        if let Some(text) = said {
            self.write(&text);
            self.finish_writing();
        } else {
            self.ask_model();
        }
    }

    /// The user has fallen silent. A paused agent waits for the words, which come later.
    pub(super) fn lull(&mut self, since: CallTime) {
        match &mut self.pausing.pause {
            Some(pause) => pause.silent_since = Some(since),
            None => self.dismiss(),
        }
    }

    /// Ends a suspicion without saying what comes of it. Returns the pause that it led to.
    pub(super) fn drop_suspicion(&mut self) -> Option<Pause> {
        self.barge_in.reset();
        self.timers.clear(Timer::BargeIn);
        self.timers.clear(Timer::Resume);
        self.pausing.pause.take()
    }

    /// Whether the agent pauses on suspicion. It needs to know when the user speaks, and a far end
    /// that can drop what it has.
    pub(super) fn pauses(&self) -> bool {
        self.config.barge_in.pause.is_some()
            && self.config.vad
            && self.config.clear
            && !self.output.is_text()
    }

    /// Falls silent if the user has been heard for long enough.
    pub(super) fn pause_if_due(&mut self) {
        let Some(since) = self.barge_in.since().filter(|_| self.pauses()) else { return };
        if self.pausing.is_paused() {
            return self.watch_overlap(since);
        }
        let BargeInConfig { pause, back_off, .. } = self.config.barge_in;
        let is_due = self.now >= since + pause.unwrap_or_default();
        let is_noise = self.pausing.is_noisy(self.now, back_off)
            && self.is_turn_at().is_none_or(|at| at > self.now);
        let is_doubtful = is_noise || self.is_softer_voice();
        let doubtful = self.user.words() == 0 && is_doubtful;
        if !is_due {
            return;
        }
        if doubtful || !self.output.can_rewind(self.now) {
            return self.watch_overlap(since);
        }
        let Some(live) = &mut self.live else { return };
        let generation = live.id;
        live.move_on(self.output.rewind(self.now));
        self.send(Outbound::Clear);
        self.emit(Event::AgentPaused { generation });
        let at = self.now;
        self.pausing.pause = Some(Pause { at, since, silent_since: None });
        self.pausing.cut = Some(self.cut(generation, since));
        self.watch_overlap(since);
    }

    /// Looks again when a voice over the agent has lasted for long enough to decide.
    fn watch_overlap(&mut self, since: CallTime) {
        let decidable = since + self.config.barge_in.min_duration;
        let next = [Some(decidable), self.is_turn_at(), self.insists_at()].into_iter().flatten();
        if let Some(at) = next.filter(|at| *at > self.now).min() {
            self.timers.set(Timer::BargeIn, at);
        }
    }

    /// When a voice over a speech-to-speech model is a turn, whatever its words are.
    fn is_turn_at(&self) -> Option<CallTime> {
        let longest_sign = self.config.barge_in.backchannel.filter(|_| self.is_realtime())?;
        self.barge_in.since().map(|since| since + longest_sign)
    }

    /// Whether words could tell by now that a voice over the agent is none, or it has not lasted
    /// for long enough to be taken for speech without them.
    pub(super) fn can_wait_for_words(&self) -> bool {
        self.pauses() && self.insists_at().is_none_or(|at| at > self.now)
    }

    /// When a voice is taken for speech where words come only behind it, over an agent who is paused
    /// or is not because of earlier noises. One that was there before the agent began is a noise.
    fn insists_at(&self) -> Option<CallTime> {
        let began = self.live.as_ref().filter(|live| live.playback.started)?.playback.started_at;
        let is_late = self.user.speaking_since.is_some_and(|since| since >= began);
        let can_tell = self.config.stt_interim || !self.has_voice() || !is_late;
        self.barge_in.since().filter(|_| !can_tell).map(|since| since + LONG_VOICE)
    }

    /// Goes on if it is time to, or sees to it that it will be looked at when it is.
    pub(super) fn settle_pause(&mut self) {
        self.tell_silence();
        self.settle_unheard();
        match self.resume_at() {
            Some(at) if at <= self.now => self.dismiss(),
            at => self.timers.set_or_clear(Timer::Resume, at.or(self.pausing.given_at())),
        }
    }

    /// Gives an answer after all that was cut before it was heard, when nothing has come of the voice
    /// that did it for as long as one is believed.
    fn settle_unheard(&mut self) {
        let Some(unheard) = &mut self.pausing.unheard else { return };
        if self.user.begun || !self.user.is_empty() {
            // The turn tells what becomes of it.
            unheard.given_at = None;
        } else if unheard.given_at.is_some_and(|at| at <= self.now) {
            self.answer_again();
        }
    }

    /// When a paused agent goes on if nothing more happens; `None` while the end of a turn decides.
    fn resume_at(&self) -> Option<CallTime> {
        let pause = self.pausing.pause.as_ref()?;
        let outcome = self.endpointing.outcome(&self.user).map(|(_, outcome)| outcome);
        if outcome.is_some_and(|outcome| outcome != Outcome::Discard) {
            return None;
        }
        if self.user.speaking_since.is_some() {
            return Some(self.user_holds_floor_until().unwrap_or(self.now));
        }
        let silent_since = pause.silent_since.unwrap_or(pause.at);
        Some(silent_since + self.config.barge_in.resume_after)
    }

    /// Notes that what was heard under this name was interrupted because of what the user has done
    /// since a moment, to tell when the agent was silent. Whether it was paused: then it may have
    /// been silent since.
    pub(super) fn note_cut(
        &mut self,
        generation: GenerationId,
        since: Option<CallTime>,
        was_paused: bool,
    ) {
        let cut = self.pausing.cut.take().filter(|_| was_paused);
        let cut = cut.or_else(|| Some(self.cut(generation, since?)));
        self.pausing.cut = cut.map(|cut| Cut { generation, is_final: true, ..cut });
    }

    /// The far end has dropped what it had.
    pub(super) fn note_silent(&mut self) {
        if let Some(cut) = &mut self.pausing.cut {
            cut.silent_at = Some(self.now);
        }
    }

    /// Tells how long it took the agent to fall silent, once that is known.
    fn tell_silence(&mut self) {
        let Some(cut) = self.pausing.cut.filter(|cut| cut.is_final) else { return };
        let Some(silent_at) = cut.silent_at else { return };
        self.pausing.cut = None;
        let (generation, after) = (cut.generation, silent_at - cut.since);
        self.emit(Event::AgentSilenced { generation, after });
    }

    /// Where no mark will tell when the far end fell silent, it does so when it is told.
    fn cut(&self, generation: GenerationId, since: CallTime) -> Cut {
        let silent_at = (!self.output.awaits_clear()).then_some(self.now);
        Cut { generation, since, silent_at, is_final: false }
    }
}
