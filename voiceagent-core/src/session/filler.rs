//! What is said on the side while tools run: fillers, and what tools want said.

use std::sync::Arc;

use super::{
    Command, Event, InterruptionReason, Saying, Session, Timer,
    generation::{Stage, Ticket, VoiceState},
    script::Script,
};
use crate::{CallTime, ErrorKind, GenerationId, transport::Outbound};

/// Words on the side. They belong to a generation and not to what its model writes, and have a
/// voice, a name in events and an end of their own.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) id: GenerationId,
    pub(super) text: Arc<str>,
    pub(super) is_filler: bool,
    pub(super) interruptible: bool,
    pub(super) ticket: Option<Ticket>,
    /// How much of the generation comes before it; `None` while its words are still being spoken.
    at: Option<u64>,
    /// The place of the outbound audio or text at which it begins.
    pub(super) start: u64,
    /// In samples or, on a text leg, in bytes.
    length: u64,
    script: Script,
    /// All of it that the voice has spoken was handed over.
    is_spoken: bool,
    /// The voice failed before it had spoken everything.
    is_lost: bool,
    pub(super) started: bool,
    /// Where in the generation it belongs.
    pub(super) item: usize,
}

impl Aside {
    /// How much of the generation comes before it, and how long it is.
    pub(super) fn gap(&self) -> Option<(u64, u64)> {
        Some((self.at?, self.length))
    }

    /// Whether its voice is not free yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.at.is_none()
    }

    /// Whether all of it has been handed over.
    pub(super) fn is_spoken(&self) -> bool {
        self.is_spoken
    }

    /// What lies before a place of the outbound audio or text.
    fn heard(&self, place: u64, is_text: bool) -> Arc<str> {
        let position = place.saturating_sub(self.start);
        let heard = if self.at.is_none() {
            ""
        } else if is_text {
            let end = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
            self.text.get(..end).unwrap_or("")
        } else {
            self.script.heard(position)
        };
        heard.trim().into()
    }
}

impl Session {
    /// Looks after a round of tools: says what is to be said meanwhile, and runs what may run now.
    pub(super) fn settle_tools(&mut self) {
        self.release_held_calls();
        self.tell_results();
        self.end_aside_if_heard();
        self.settle_waiting_turn();
        self.watch_tools();
        let in_gap = self.live.as_ref().is_some_and(|live| {
            live.committed && live.stage == Stage::Tools && live.aside.is_none()
        });
        if in_gap && self.is_realtime() {
            // Nobody has a voice for words on the side: who waits for them is told so.
            self.says.retain(|say| say.ticket.is_none());
        } else if in_gap
            && !self.is_suspended()
            && let Some(say) = self.says.pop_front()
        {
            self.begin_aside(say, false);
        }
        if self.filler_due().is_some_and(|at| at <= self.now) {
            self.begin_filler();
        }
        let silence = self.words_may_come_until();
        let holds = self.live.as_ref().is_some_and(|live| !live.rounds.held_calls.is_empty());
        self.timers.set_or_clear(Timer::Filler, self.filler_due());
        self.timers.set_or_clear(Timer::HeldCalls, silence.filter(|_| holds));
        let waits = self.has_late_results();
        let told_at = self.late_results_wait_until().filter(|_| waits);
        self.timers.set_or_clear(Timer::LateResults, told_at);
    }

    /// When the user has waited in silence for so long that a filler is said.
    fn filler_due(&self) -> Option<CallTime> {
        let live =
            self.live.as_ref().filter(|live| live.committed && live.stage == Stage::Tools)?;
        let voice_is_late =
            live.synthesis.state == VoiceState::Open && live.content.script.samples() == 0;
        if live.aside.is_some()
            || self.is_realtime()
            || self.pausing.is_silent()
            || voice_is_late
            || live.rounds.fillers >= self.fillers().len()
            || self.user.speaking_since.is_some()
            || self.user_holds_floor_until().is_some()
        {
            return None;
        }
        let silent = live.rounds.waiting_since.max(self.output.silent_from(self.now));
        let silent = silent.max(self.user.last_speech.unwrap_or_default());
        Some(silent + self.config.tool_use.filler_after)
    }

    /// What may be said while the tools of the live generation run.
    fn fillers(&self) -> Arc<[Arc<str>]> {
        let Some(live) = &self.live else { return Arc::from([]) };
        let mut own = live.open_calls().filter_map(|call| live.request.spec(&call.name));
        let own = own.find(|spec| !spec.fillers.is_empty()).map(|spec| spec.fillers.clone());
        own.unwrap_or_else(|| self.config.tool_use.fillers.clone())
    }

    fn begin_filler(&mut self) {
        let fillers = self.fillers();
        let next = self.fillers_said.checked_rem(fillers.len());
        let (Some(next), Some(live)) = (next, &mut self.live) else { return };
        live.rounds.fillers += 1;
        self.fillers_said += 1;
        let text = fillers[next].clone();
        self.begin_aside(Saying { text, interruptible: true, ticket: None }, true);
    }

    fn begin_aside(&mut self, say: Saying, is_filler: bool) {
        let id = self.next_id();
        let sample_rate = self.config.format.map_or(0, |format| format.sample_rate);
        let Some(live) = &mut self.live else { return };
        live.aside = Some(Aside {
            id,
            text: say.text,
            is_filler,
            interruptible: say.interruptible,
            ticket: say.ticket,
            at: None,
            start: 0,
            length: 0,
            script: Script::new(sample_rate),
            is_spoken: false,
            is_lost: false,
            started: false,
            item: live.place_for_aside(),
        });
        self.speak_aside();
    }

    /// Hands the words on the side to the voice, once it has spoken what came before.
    pub(super) fn speak_aside(&mut self) {
        let Some(live) = &mut self.live else { return };
        let (voice, position) = (live.synthesis.voice, live.content.script.samples());
        let text_position = live.content.script.text().len() as u64;
        let owes_texts = live.synthesis.handed < live.content.script.texts();
        let place =
            live.playback.place(if self.output.is_text() { text_position } else { position });
        let Some(aside) = live.aside.as_mut().filter(|aside| aside.at.is_none()) else { return };
        let (generation, text) = (aside.id, aside.text.clone());
        aside.start = place;
        if self.output.is_text() {
            aside.at = Some(text_position);
            aside.length = text.len() as u64;
            aside.is_spoken = true;
            self.output.push_message(generation, &text);
            return;
        }
        match live.synthesis.state {
            VoiceState::Open => {
                live.synthesis.state = VoiceState::Closing;
                self.timers.set(Timer::Synthesis, self.now + self.config.synthesis.stall_timeout);
                self.commands.push_back(Command::FinishSynthesis { generation: voice });
            }
            VoiceState::Closing => {}
            VoiceState::Fresh if owes_texts => {}
            VoiceState::Closed | VoiceState::Fresh => {
                aside.at = Some(position);
                aside.script.push_text_as(&text, self.config.spoken_form.as_ref());
                let text = aside.script.texts_after(0).concat().into();
                let patience = self.config.synthesis.first_audio_timeout;
                self.timers.set(Timer::Synthesis, self.now + patience);
                self.commands.push_back(Command::Synthesize { generation, text });
                self.commands.push_back(Command::FinishSynthesis { generation });
            }
        }
    }

    /// The words on the side that the voice is speaking, if it knows them by this name.
    pub(super) fn spoken_aside(&mut self, voice: GenerationId) -> Option<&mut Script> {
        let aside = self.live.as_mut()?.aside.as_mut()?;
        (aside.id == voice && aside.at.is_some() && !aside.is_spoken).then_some(&mut aside.script)
    }

    /// Takes audio of the words on the side. Returns whether it was theirs.
    pub(super) fn on_aside_audio(&mut self, voice: GenerationId, payload: &bytes::Bytes) -> bool {
        let Some(script) = self.spoken_aside(voice) else { return false };
        if script.is_endless() {
            return self.on_aside_failed(ErrorKind::Protocol);
        }
        let samples = self.output.push_audio(payload.clone());
        self.lengthen_aside(samples);
        self.timers.set(Timer::Synthesis, self.now + self.config.synthesis.stall_timeout);
        true
    }

    fn lengthen_aside(&mut self, samples: u64) {
        if let Some(aside) = self.live.as_mut().and_then(|live| live.aside.as_mut()) {
            aside.script.push_audio(samples);
            aside.length += samples;
        }
    }

    /// The voice has spoken the words on the side. Returns whether it was them.
    pub(super) fn on_aside_spoken(&mut self, voice: GenerationId) -> bool {
        let Some(script) = self.spoken_aside(voice) else { return false };
        if script.samples() == 0 {
            self.on_aside_failed(ErrorKind::Protocol);
            return true;
        }
        self.finish_aside();
        true
    }

    fn finish_aside(&mut self) {
        // Nothing may follow for long, and an incomplete frame would wait for it.
        let samples = self.output.fill_frame();
        self.lengthen_aside(samples);
        self.timers.clear(Timer::Synthesis);
        if let Some(aside) = self.live.as_mut().and_then(|live| live.aside.as_mut()) {
            if !aside.is_lost {
                aside.script.on_complete();
            }
            aside.is_spoken = true;
        }
        self.feed_voice();
    }

    /// The voice failed at the words on the side, which are not worth a second attempt. Returns
    /// whether it was them that it spoke.
    pub(super) fn on_aside_failed(&mut self, kind: ErrorKind) -> bool {
        let aside = self.live.as_mut().and_then(|live| live.aside.as_mut());
        let Some(aside) = aside.filter(|aside| aside.at.is_some() && !aside.is_spoken) else {
            return false;
        };
        aside.is_lost = true;
        aside.script.on_break_off();
        let (generation, is_silent) = (aside.id, aside.length == 0);
        self.commands.push_back(Command::CancelVoice { generation });
        self.emit(Event::Failed { leg: super::Leg::Tts, kind });
        if is_silent {
            self.forget_aside();
        } else {
            self.finish_aside();
        }
        true
    }

    /// Takes back a filler of which nothing was heard: what it covers is there.
    pub(super) fn drop_unspoken_filler(&mut self) {
        let Some(aside) = self.live.as_ref().and_then(|live| live.aside.as_ref()) else { return };
        if !aside.is_filler || aside.started || self.output.is_text() {
            return;
        }
        if aside.at.is_some() {
            self.commands.push_back(Command::CancelVoice { generation: aside.id });
        }
        self.output.take_back(aside.length);
        self.forget_aside();
    }

    fn forget_aside(&mut self) {
        let Some(live) = &mut self.live else { return };
        if live.aside.as_ref().is_some_and(|aside| aside.at.is_some()) {
            self.timers.clear(Timer::Synthesis);
        }
        live.rounds.waiting_since = self.now;
        live.close_aside(0, Arc::from(""), false);
        self.feed_voice();
    }

    fn end_aside_if_heard(&mut self) {
        let Some(aside) = self.live.as_ref().and_then(|live| live.aside.as_ref()) else { return };
        let end = aside.start + aside.length;
        let is_sent = aside.is_spoken && self.output.sent() >= end;
        let is_heard = self.output.playhead(self.now) >= end || !self.output.is_audible(self.now);
        if is_sent && is_heard {
            self.close_aside(false);
        }
    }

    /// Something was sent: the words on the side may have begun.
    pub(super) fn note_aside_started(&mut self) {
        let sent = self.output.sent();
        let aside = self.live.as_mut().and_then(|live| live.aside.as_mut());
        let begins =
            |aside: &&mut Aside| !aside.started && aside.at.is_some() && sent > aside.start;
        if let Some(aside) = aside.filter(begins) {
            aside.started = true;
            let generation = aside.id;
            self.emit(Event::AgentStarted { generation, turn: None });
        }
    }

    /// Ends the words on the side: they were heard, or are cut. Says what was heard of them.
    pub(super) fn close_aside(&mut self, interrupted: bool) {
        let now = self.now;
        let Some(live) = &mut self.live else { return };
        let Some(aside) = &live.aside else { return };
        let interrupted = interrupted || aside.is_lost;
        let place = if interrupted { self.output.playhead(now) } else { self.output.sent() };
        let heard = aside.heard(place, self.output.is_text());
        let sent = self.output.sent().saturating_sub(aside.start).min(aside.length);
        let (generation, started, ticket) = (aside.id, aside.started, aside.ticket);
        live.close_aside(sent, heard.clone(), interrupted);
        live.rounds.waiting_since = now;
        if started {
            self.emit(Event::AgentStopped { generation, pii_heard: heard, interrupted });
        }
        if let Some(ticket) = ticket.filter(|_| !interrupted) {
            self.redeem(ticket);
        }
    }

    /// What is said on the side goes with the generation that is being given up.
    pub(super) fn give_up_aside(&mut self) {
        let Some(aside) = self.live.as_ref().and_then(|live| live.aside.as_ref()) else { return };
        if aside.at.is_some() && !aside.is_spoken {
            self.commands.push_back(Command::CancelVoice { generation: aside.id });
        }
        self.close_aside(true);
    }

    /// The user stops the words on the side, if nothing else is being said and nothing waits behind
    /// them: the tools that they cover go on, and so does the answer. Returns their name if that
    /// was so.
    pub(super) fn cut_aside(
        &mut self,
        reason: InterruptionReason,
        since: Option<CallTime>,
        is_paused: bool,
    ) -> Option<GenerationId> {
        let by_user = matches!(reason, InterruptionReason::BargeIn | InterruptionReason::Dtmf);
        let live = self.live.as_ref().filter(|live| live.committed && by_user)?;
        let answers = matches!(live.synthesis.state, VoiceState::Open | VoiceState::Closing);
        let aside = live.aside.as_ref().filter(|aside| aside.started && !answers)?;
        let generation = aside.id;
        let written = live.content.script.text().len() as u64;
        let is_alone = aside.at == Some(written)
            && self.output.playhead(self.now) >= live.playback.place(written);
        // A far end drops all that it has not played, or shown; no voice says it again.
        let is_behind = self.output.playhead(self.now) < aside.start;
        let is_followed = aside.at.is_some_and(|at| live.content.script.samples() > at);
        if is_behind || is_followed || self.output.is_text() && !is_alone {
            return None;
        }
        if !aside.is_spoken {
            self.timers.clear(Timer::Synthesis);
        }
        if !is_paused {
            self.send(Outbound::Clear);
        }
        let after = since.map_or_else(Default::default, |since| self.now - since);
        self.emit(Event::Interrupted { generation, reason, after });
        self.give_up_aside();
        self.output.cut(self.now);
        self.feed_voice();
        Some(generation)
    }
}
