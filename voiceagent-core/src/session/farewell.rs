//! The end of a call: last words, goodbyes, transfers, answering machines, limits.

use std::{sync::Arc, time::Duration};

use super::{
    EndReason, Event, InterruptionReason, Leg, Phase, Saying, Session, Timer,
    generation::{Generation, Leave, Stage},
    listening::WaitingTurn,
};
use crate::{
    ErrorKind,
    transport::{Answerer, Outbound},
};

/// How long a carrier may take to hand a call over, where the transport does not say: longer than our
/// requests to it do.
const HANDOVER: Duration = Duration::from_secs(20);
/// How long an answering machine may talk before its beep counts as missed.
const BEEP: Duration = Duration::from_secs(30);
/// Who has been silent for so long has said what they wanted to say when they picked up, and a machine
/// its greeting.
const HUSH: Duration = Duration::from_secs(2);
/// How long the goodbye of a call that came to its limit may take.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Who has others asked to take the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asker {
    /// Beside the session.
    Application,
    Session,
}

/// How far a call is from its end.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// Since when the user's last words are waited for.
    waits_since: Option<crate::CallTime>,
    /// Others were asked to take the call, and nobody knows yet whether they do.
    handing_over: Option<Asker>,
    /// Nobody knows yet who answered, and nobody is greeted before.
    awaits_answerer: bool,
    /// A machine speaks, and its beep is waited for.
    awaits_beep: bool,
    /// A person took the call.
    is_human: bool,
    /// A message is left for a machine, which does not listen.
    is_machine: bool,
    limit_reached: bool,
    /// A part was lost that the call cannot go on without.
    is_crippled: bool,
}

impl Session {
    /// Goes to a configured target, and to no other.
    pub(super) fn on_transfer(&mut self, to: Arc<str>) {
        if self.config.may_transfer_to(&to) {
            self.leave_after_speech(Leave::Transfer(to));
        } else {
            self.emit(Event::Failed { leg: Leg::Transport, kind: ErrorKind::Rejected });
        }
    }

    /// Whether what the user says is not to be answered, for now or for good.
    pub(super) fn is_closing(&self) -> bool {
        self.leaving.is_some() || self.is_suspended()
    }

    /// Whether a turn waits: it is answered if nobody else takes the call.
    pub(super) fn keeps_turns(&self) -> bool {
        self.is_suspended() || matches!(self.leaving, Some(Leave::Transfer(_)))
    }

    /// Whether the agent says nothing before it knows more: whether others take the call, who
    /// answered it, or when a machine records.
    pub(super) fn is_suspended(&self) -> bool {
        let farewell = &self.farewell;
        farewell.handing_over.is_some() || farewell.awaits_answerer || farewell.awaits_beep
    }

    /// Whether the call ends when the agent has finished.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some() || self.live.as_ref().is_some_and(|live| live.after.is_some())
    }

    pub(super) fn leave_after_speech(&mut self, leave: Leave) {
        self.leaving.get_or_insert(leave);
        self.farewell.awaits_answerer = false;
        self.farewell.awaits_beep = false;
        self.dismiss();
    }

    /// Takes back the goodbye for what the user said during it, where that is wanted.
    pub(super) fn reopen(&mut self) -> bool {
        let may = self.config.farewell.reopen && !self.farewell.is_machine;
        let reopens = may && self.leaving == Some(Leave::HangUp);
        if reopens {
            self.leaving = None;
            self.farewell.waits_since = None;
            self.timers.clear(Timer::Farewell);
        }
        reopens
    }

    /// Leaves when everything was said. Returns whether the conversation goes on instead.
    pub(super) fn leave_if_asked(&mut self) -> bool {
        let speaks = self.live.as_ref().is_some_and(|live: &Generation| live.committed);
        if self.phase != Phase::Talking || speaks || self.is_suspended() || !self.says.is_empty() {
            return false;
        }
        let Some(leave) = self.leaving.clone() else { return false };
        if self.awaits_last_words(&leave) {
            return false;
        }
        if !self.user.is_empty() && self.reopen() {
            // The turn ends as any other does, and is answered then.
            return true;
        }
        self.leaving = None;
        self.drop_draft();
        match leave {
            Leave::Failed => self.end_now(EndReason::Failed),
            Leave::HangUp => self.end_now(EndReason::AgentHungUp),
            Leave::Limit => self.end_now(EndReason::Limit),
            Leave::Transfer(to) if self.config.transfer => {
                self.send(Outbound::Transfer(to));
                self.await_handover(Asker::Session);
            }
            Leave::Transfer(_) => {
                self.refuse_transfer(ErrorKind::Unsupported);
                return true;
            }
        }
        false
    }

    /// Whether the user still says something that is to be written down. Who goes on and on is not
    /// listened to for ever.
    fn awaits_last_words(&mut self, leave: &Leave) -> bool {
        let until = match leave {
            Leave::Failed | Leave::Limit => None,
            Leave::HangUp | Leave::Transfer(_) => {
                let endpointing = &self.config.endpointing;
                let since = *self.farewell.waits_since.get_or_insert(self.now);
                let last = since + endpointing.watchdog;
                if self.user.speaking_since.is_some() {
                    Some(last)
                } else if self.user.is_settled() && !self.user.is_empty() {
                    None
                } else {
                    let spoke = self.user.last_speech;
                    spoke.map(|spoke| last.min(spoke + endpointing.transcript_timeout))
                }
            }
        };
        match until.filter(|until| *until > self.now) {
            Some(until) => self.timers.set(Timer::Farewell, until),
            None => {
                self.farewell.waits_since = None;
                self.timers.clear(Timer::Farewell);
                return false;
            }
        }
        true
    }

    /// The call was handed over: as we have asked, later than we have waited, or by the application
    /// beside us. Others have it in each case.
    pub(super) fn on_transferred(&mut self) {
        self.end(EndReason::Transferred);
    }

    fn await_handover(&mut self, asker: Asker) {
        self.farewell.handing_over = Some(asker);
        let longest = self.config.longest_transfer.unwrap_or(HANDOVER);
        self.timers.set(Timer::Farewell, self.now + longest);
    }

    /// The carrier did not hand the call over: the caller is told, and the call goes on.
    pub(super) fn on_not_transferred(&mut self, kind: ErrorKind) {
        if self.farewell.handing_over == Some(Asker::Session) {
            self.farewell.handing_over = None;
            self.timers.clear(Timer::Farewell);
            self.refuse_transfer(kind);
        }
    }

    /// The application has others asked to take the call, or that has come to nothing. What is being
    /// said is said to its end, and nothing is begun meanwhile.
    pub(super) fn on_handing_over(&mut self, begins: bool) {
        match self.farewell.handing_over {
            None if begins => self.await_handover(Asker::Application),
            Some(Asker::Application) if !begins => self.stay(),
            _ => {}
        }
    }

    /// Others whom the application has asked do not take the call, which goes on. The application
    /// knows, and the caller need not.
    fn stay(&mut self) {
        self.farewell.handing_over = None;
        self.timers.clear(Timer::Farewell);
        if self.farewell.is_crippled {
            self.end_now(EndReason::Failed);
        } else if self.is_suspended() {
            // Whoever answers has been waited for meanwhile.
            self.timers.set(Timer::Farewell, self.now);
        }
    }

    fn refuse_transfer(&mut self, kind: ErrorKind) {
        self.emit(Event::Failed { leg: Leg::Transport, kind });
        if self.farewell.is_crippled {
            self.end_now(EndReason::Failed);
            return;
        }
        self.say(self.config.farewell.not_transferred.clone(), true);
    }

    /// Greets, or waits to be told whom.
    pub(super) fn begin(&mut self) {
        match self.config.greeting_waits.filter(|_| self.config.answerer) {
            Some(longest) => {
                self.farewell.awaits_answerer = true;
                self.timers.set(Timer::Farewell, self.now + longest);
            }
            None => self.greet(),
        }
    }

    pub(super) fn on_answered_by(&mut self, who: Answerer) {
        self.idle.join();
        self.emit(Event::AnsweredBy { who });
        self.farewell.is_human = who == Answerer::Human;
        self.farewell.awaits_beep = false;
        let has_message = self.config.farewell.voicemail.is_some();
        let is_on_its_way = self.is_leaving() || self.farewell.handing_over.is_some();
        if who != Answerer::Machine || !has_message || is_on_its_way {
            self.greet_at_last();
            return;
        }
        self.farewell.awaits_answerer = false;
        self.fall_silent();
        self.farewell.awaits_beep = true;
        self.timers.set(Timer::Farewell, self.now + BEEP);
    }

    /// What is to be said before it waits behind the greeting.
    fn greet(&mut self) {
        if let Some(text) = self.config.greeting.clone() {
            let interruptible = self.config.greeting_interruptible;
            self.says.push_front(Saying { text, interruptible, ticket: None });
        }
        self.greet_by_model();
    }

    /// Until when whoever answered is let speak: it may be the greeting of a machine, of which the
    /// carrier tells at its end. `None` if they have done, or go on for too long.
    fn greeting_ends(&self) -> Option<crate::CallTime> {
        let last = crate::CallTime::default() + BEEP;
        let until = match self.user.speaking_since {
            Some(_) => self.now + HUSH,
            None => self.user.last_speech? + HUSH,
        };
        let waits = self.farewell.awaits_answerer && self.now < last && until > self.now;
        waits.then(|| until.min(last))
    }

    /// Greets whoever had to wait for it.
    fn greet_at_last(&mut self) {
        if !std::mem::take(&mut self.farewell.awaits_answerer) {
            return;
        }
        if self.farewell.handing_over.is_none() {
            self.timers.clear(Timer::Farewell);
        }
        if let Some(WaitingTurn { text, .. }) = self.owed.take() {
            self.write_user(&text);
        }
        self.greet();
    }

    /// The machine records: says what there is to say, and then leaves.
    pub(super) fn on_beep(&mut self) {
        let Some(message) = self.config.farewell.voicemail.clone() else { return };
        let is_on_its_way = self.is_leaving() || self.farewell.handing_over.is_some();
        if self.farewell.is_human || is_on_its_way {
            return;
        }
        self.farewell.awaits_answerer = false;
        self.fall_silent();
        self.timers.clear(Timer::Farewell);
        self.farewell.is_machine = true;
        self.say(message, false);
        self.leave_after_speech(Leave::HangUp);
    }

    /// A part was lost. Returns whether that does not matter to a call that others are to take.
    pub(super) fn is_handed_over_without(&mut self, leg: Leg) -> bool {
        let is_handing_over = self.farewell.handing_over.is_some();
        self.farewell.is_crippled |= matches!(leg, Leg::Realtime | Leg::Stt | Leg::Tts);
        is_handing_over && leg != Leg::Transport
    }

    pub(super) fn on_farewell_timeout(&mut self) {
        if self.farewell.handing_over == Some(Asker::Session) {
            self.on_not_transferred(ErrorKind::Timeout);
        } else if self.farewell.handing_over.is_some() {
            self.stay();
        } else if self.farewell.awaits_beep {
            self.on_beep();
        } else if let Some(until) = self.greeting_ends() {
            self.timers.set(Timer::Farewell, until);
        } else {
            self.greet_at_last();
        }
    }

    /// The call has lasted as long as it may. Even a goodbye that hangs does not make it longer.
    pub(super) fn on_call_limit(&mut self) {
        if self.farewell.limit_reached {
            self.end_now(EndReason::Limit);
            return;
        }
        self.farewell.limit_reached = true;
        self.timers.set(Timer::CallLimit, self.now + LAST_WORDS);
        if self.is_leaving() || self.farewell.handing_over.is_some() {
            return;
        }
        self.fall_silent();
        if let Some(farewell) = self.config.farewell.limit.clone() {
            self.say(farewell, false);
        }
        self.leave_after_speech(Leave::Limit);
    }

    /// Nothing is said any more of what was to be said.
    fn fall_silent(&mut self) {
        self.interrupt(InterruptionReason::Superseded, None);
        self.says.clear();
    }

    /// Ends the call without waiting for anything.
    pub(super) fn end_now(&mut self, reason: EndReason) {
        self.send(Outbound::HangUp);
        self.end(reason);
    }

    pub(super) fn end(&mut self, reason: EndReason) {
        self.drop_draft();
        self.give_up_aside();
        self.supply_words();
        if let Some(live) = self.live.take() {
            let pii_heard = self.heard_text(&live);
            let interrupted =
                live.stage != Stage::Spoken || *pii_heard != *live.content.script.text().trim();
            self.abandon(&live);
            if live.playback.started {
                self.emit(Event::AgentStopped { generation: live.id, pii_heard, interrupted });
            }
        }
        self.phase = Phase::Ended;
        self.says.clear();
        if let Some(WaitingTurn { text, .. }) = self.owed.take() {
            self.write_user(&text);
        }
        if !self.user.is_empty() {
            // Nobody answers it any more, but it was said.
            let text = self.end_turn().1;
            self.write_user(&text);
        }
        self.timers.clear_all();
        self.emit(Event::Ended { reason });
        self.commands.push_back(super::Command::End);
    }
}
