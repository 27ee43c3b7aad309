//! The agent's voice: text to audio, audio to the caller.

use bytes::Bytes;

use super::{
    Command, Event, InterruptionReason, Leg, Saying, Session, Timer,
    generation::{Generation, Leave, Stage, VoiceState},
    retry::VOICE_BREATHER,
    script::Script,
};
use crate::{CallTime, ErrorKind, GenerationId, MarkId, stt::WordTiming, transport::Outbound};

impl Session {
    /// Takes words of the live generation, and hands complete pieces to the voice.
    pub(super) fn write(&mut self, words: &str) {
        let Some(live) = &mut self.live else { return };
        let whole_numbers = self.config.spoken_form.is_some();
        let mut piece = live.content.segmenter.push(words, whole_numbers);
        while let Some(text) = piece {
            self.note_first_sentence();
            self.speak(&text);
            let Some(live) = &mut self.live else { return };
            piece = live.content.segmenter.push("", whole_numbers);
        }
    }

    pub(super) fn flush_text(&mut self) {
        let Some(live) = &mut self.live else { return };
        if let Some(rest) = live.content.segmenter.flush() {
            self.note_first_sentence();
            self.speak(&rest);
        }
    }

    pub(super) fn speak(&mut self, text: &str) {
        let Some(live) = &mut self.live else { return };
        let generation = live.id;
        // The far end of a text leg has a voice of its own, and says what was heard in its words.
        let form = self.config.spoken_form.as_ref().filter(|_| !self.output.is_text());
        let said = live.push_text(text, form);
        if self.output.is_text() {
            self.output.push_text(generation, &said.into());
        } else {
            self.feed_voice();
        }
    }

    /// Hands the voice what it may have by now. Texts wait for the turn to be over, where drafts
    /// are kept from the voice, and for words on the side.
    pub(super) fn feed_voice(&mut self) {
        self.speak_aside();
        if self.output.is_text() {
            return;
        }
        let renamed = self.last_generation.next();
        let Some(live) = self.live.as_mut().filter(|live| {
            let may_speak = live.committed || self.config.speculation.synthesis;
            let takes_more = live.synthesis.state != VoiceState::Closing;
            may_speak && takes_more && !live.synthesis.rests && live.hears_no_aside()
        }) else {
            return;
        };
        let texts = live.content.script.texts_after(live.synthesis.handed);
        live.synthesis.handed += texts.len();
        if !texts.is_empty() && live.synthesis.state == VoiceState::Closed {
            self.last_generation = renamed;
            live.synthesis.voice = renamed;
            live.synthesis.state = VoiceState::Fresh;
        }
        let generation = live.synthesis.voice;
        if !texts.is_empty() && live.synthesis.state == VoiceState::Fresh {
            live.synthesis.first_text_at.get_or_insert(self.now);
            live.synthesis.state = VoiceState::Open;
            self.timers.set(Timer::Synthesis, self.now + self.config.synthesis.first_audio_timeout);
        } else if live.owes_audio() {
            let stall = self.now + self.config.synthesis.stall_timeout;
            self.timers.set_if_clear(Timer::Synthesis, stall);
        }
        let is_written = live.stage == Stage::Written;
        for text in texts {
            self.commands.push_back(Command::Synthesize { generation, text });
        }
        if is_written {
            self.finish_voice();
        } else {
            self.speak_aside();
        }
    }

    /// Tells the voice that it has all of the text.
    fn finish_voice(&mut self) {
        let Some(live) = &mut self.live else { return };
        let generation = live.id;
        if live.synthesis.state == VoiceState::Open {
            live.synthesis.state = VoiceState::Closing;
            let voice = live.synthesis.voice;
            self.timers.set(Timer::Synthesis, self.now + self.config.synthesis.stall_timeout);
            self.commands.push_back(Command::FinishSynthesis { generation: voice });
        } else {
            // There is nothing to say, or all of it has been said.
            live.stage = Stage::Spoken;
            live.content.script.on_complete();
            self.output.complete(generation);
        }
    }

    /// Tells of the first text that the model wrote. An apology is not its own.
    fn note_first_sentence(&mut self) {
        let Some(live) = &mut self.live else { return };
        let by_model = live.stage == Stage::Writing && live.rounds.begun && !live.failed;
        if by_model && !live.content.sentence_told {
            live.content.sentence_told = true;
            let (generation, after) = (live.id, self.now - live.rounds.asked_at);
            self.emit(Event::FirstSentence { generation, after });
        }
    }

    /// There is no more text for the live generation.
    pub(super) fn finish_writing(&mut self) {
        self.flush_text();
        let Some(live) = &mut self.live else { return };
        let generation = live.id;
        live.stage = Stage::Written;
        if self.output.is_text() {
            live.stage = Stage::Spoken;
            self.output.complete(generation);
        } else {
            self.feed_voice();
        }
    }

    pub(super) fn on_audio(&mut self, voice: GenerationId, payload: Bytes) {
        if self.on_aside_audio(voice, &payload) {
            return;
        }
        let now = self.now;
        let live = self.live.as_mut().filter(|live| live.synthesis.voice == voice);
        let by_itself = self.config.realtime.is_some();
        // Of a voice that was given up, has finished or was not asked, no audio is wanted.
        let is_wanted = |live: &&mut Generation| {
            let owes = matches!(live.synthesis.state, VoiceState::Open | VoiceState::Closing);
            live.stage != Stage::Spoken && (by_itself || owes)
        };
        let Some(live) = live.filter(is_wanted) else { return };
        if live.content.script.is_endless() {
            self.on_endless_voice(voice);
            return;
        }
        let generation = live.id;
        let silence =
            self.config.format.and_then(|format| live.synthesis.onset.push(format, &payload));
        let samples = self.output.push_audio(payload);
        live.content.script.push_audio(samples);
        if !live.synthesis.begun && samples > 0 {
            live.synthesis.begun = true;
            let after = now - live.synthesis.first_text_at.unwrap_or(now);
            self.emit(Event::FirstAudio { generation, after });
        }
        if let Some(silence) = silence {
            self.emit(Event::FirstAudible { generation, silence });
        }
        self.watch_voice();
    }

    /// What waits to be heard is bounded by what there is to say.
    fn on_endless_voice(&mut self, voice: GenerationId) {
        if self.is_realtime() {
            self.on_speech_failed(voice, ErrorKind::Protocol);
        } else {
            self.on_synthesis_failed(ErrorKind::Protocol);
        }
    }

    /// The voice has made progress: as long as it owes more, that is waited for.
    fn watch_voice(&mut self) {
        let owes = self.live.as_ref().is_some_and(Generation::owes_audio);
        let stall = self.now + self.config.synthesis.stall_timeout;
        self.timers.set_or_clear(Timer::Synthesis, owes.then_some(stall));
    }

    pub(super) fn on_synthesis_finished(&mut self, voice: GenerationId) {
        if self.on_aside_spoken(voice) {
            return;
        }
        let is_closing = |live: &&mut Generation| live.synthesis.state == VoiceState::Closing;
        let Some(live) = self.spoken_mut(voice).filter(is_closing) else { return };
        if live.content.script.is_mute() {
            // A voice that claims to have spoken and made no sound has failed.
            self.on_synthesis_failed(ErrorKind::Protocol);
            return;
        }
        live.synthesis.state = VoiceState::Closed;
        live.content.script.on_voice_end(live.synthesis.handed);
        self.timers.clear(Timer::Synthesis);
        self.feed_voice();
    }

    /// The audio so far holds the next texts completely.
    pub(super) fn on_spoken(&mut self, voice: GenerationId, texts: u32) {
        if let Some(script) = self.script_of(voice) {
            script.on_spoken(texts);
            self.note_told(voice);
        }
    }

    /// The audio so far ends here, and another voice goes on: behind so many bytes of the text, and
    /// with how many that were said before.
    pub(super) fn on_continued(&mut self, voice: GenerationId, texts: u32, bytes: (u32, u32)) {
        if let Some(script) = self.script_of(voice) {
            script.on_continued(texts, bytes.0, bytes.1);
            self.note_told(voice);
        }
    }

    /// When the next words are spoken.
    pub(super) fn on_words(&mut self, voice: GenerationId, words: &[WordTiming]) {
        if let Some(script) = self.script_of(voice) {
            script.on_words(words);
            self.note_told(voice);
        }
    }

    /// Something came of the voice other than audio. Words on the side have a watch of their own.
    fn note_told(&mut self, voice: GenerationId) {
        let of = |live: &mut Generation| live.synthesis.state;
        let state = self.spoken_mut(voice).map(of);
        if matches!(state, Some(VoiceState::Open | VoiceState::Closing)) {
            self.watch_voice();
        }
    }

    /// The live generation, if the voice knows it by this name.
    pub(super) fn spoken_mut(&mut self, voice: GenerationId) -> Option<&mut Generation> {
        self.live.as_mut().filter(|live| live.synthesis.voice == voice)
    }

    /// What the voice is speaking under this name, unless it was given up.
    fn script_of(&mut self, voice: GenerationId) -> Option<&mut Script> {
        if self.spoken_aside(voice).is_some() {
            return self.spoken_aside(voice);
        }
        let live = self.spoken_mut(voice).filter(|live| !live.synthesis.lost)?;
        Some(&mut live.content.script)
    }

    /// The voice failed: if nothing was spoken the text is handed over again, at once and after a
    /// rest, else the rest of the speech is given up.
    pub(super) fn on_synthesis_failed(&mut self, kind: ErrorKind) {
        if self.on_aside_failed(kind) {
            return;
        }
        self.emit(Event::Failed { leg: Leg::Tts, kind });
        self.timers.clear(Timer::Synthesis);
        let Some(live) = &mut self.live else { return };
        let owes = matches!(live.synthesis.state, VoiceState::Open | VoiceState::Closing);
        if !owes || live.stage == Stage::Spoken {
            return;
        }
        let is_silent = live.content.script.samples() == 0;
        live.synthesis.failures += 1;
        match live.synthesis.failures {
            1 if is_silent => self.speak_anew(),
            // Whoever was waited for in vain is not waited for again.
            2 if is_silent && live.committed && kind != ErrorKind::Timeout => self.rest_voice(),
            _ if live.committed => self.give_up_voice(),
            _ => self.drop_draft(),
        }
    }

    /// Hands all of the text to the voice once more.
    fn speak_anew(&mut self) {
        let renamed = self.next_id();
        let Some(live) = &mut self.live else { return };
        let generation = std::mem::replace(&mut live.synthesis.voice, renamed);
        live.content.script.restart();
        live.synthesis.handed = 0;
        live.synthesis.state = VoiceState::Fresh;
        self.timers.clear(Timer::Synthesis);
        self.commands.push_back(Command::CancelVoice { generation });
        self.feed_voice();
    }

    /// Takes back the words of an answer of which nothing has left.
    pub(super) fn unwrite(&mut self) {
        let renamed = self.next_id();
        let Some(live) = &mut self.live else { return };
        let generation = live.synthesis.voice;
        let was_asked = matches!(live.synthesis.state, VoiceState::Open | VoiceState::Closing);
        live.unwrite(renamed);
        live.playback.base = self.output.begin();
        self.timers.clear(Timer::Synthesis);
        self.timers.clear(Timer::VoiceRetry);
        if was_asked {
            self.commands.push_back(Command::CancelVoice { generation });
        }
    }

    /// Hands all of the text to the voice once more when it has rested.
    fn rest_voice(&mut self) {
        let Some(live) = &mut self.live else { return };
        live.synthesis.rests = true;
        self.timers.set(Timer::VoiceRetry, self.now + VOICE_BREATHER);
        self.speak_anew();
    }

    pub(super) fn on_voice_rested(&mut self) {
        if let Some(live) = &mut self.live {
            live.synthesis.rests = false;
            self.feed_voice();
        }
    }

    /// Says what there is of the live generation, and no more.
    fn give_up_voice(&mut self) {
        let Some(live) = &mut self.live else { return };
        live.failed = true;
        let (generation, voice) = (live.id, live.synthesis.voice);
        let is_silent = live.content.script.samples() == 0;
        if !is_silent {
            live.stage = Stage::Spoken;
            live.synthesis.state = VoiceState::Closed;
            live.synthesis.lost = true;
            live.content.script.on_break_off();
        }
        self.failures += 1;
        if self.failures >= self.config.model.max_failures {
            // Without a voice there is no apology either, unless there is a clip of one.
            self.leave_after_speech(Leave::Failed);
        }
        if is_silent {
            self.say_without_voice();
            self.interrupt(InterruptionReason::Failed, None);
            return;
        }
        self.timers.clear(Timer::Model);
        self.timers.clear(Timer::Retry);
        self.commands.push_back(Command::CancelModel { generation });
        self.commands.push_back(Command::CancelVoice { generation: voice });
        self.output.fade_out();
        self.output.complete(generation);
    }

    /// Lets the caller hear what can be said though the voice is down. If that fails, too, nothing
    /// can be.
    fn say_without_voice(&mut self) {
        let Some(text) = self.config.voice_apology.clone() else { return };
        let is_it = |live: &Generation| live.content.script.text().trim() == text.trim();
        if !self.live.as_ref().is_some_and(is_it) {
            self.says.push_front(Saying { text, interruptible: true, ticket: None });
        }
    }

    /// Sends what may leave, and ends a generation that was heard.
    pub(super) fn settle_output(&mut self) {
        let Some(live) = &self.live else {
            self.timers.clear(Timer::Playout);
            return;
        };
        let floor = self.user_holds_floor_until();
        let waits = self.waits_for_silence();
        let held = !live.committed || waits || self.pausing.is_silent();
        self.output.hold(held);
        let mut sent = false;
        while let Some(outbound) = self.output.poll(self.now) {
            let audible = matches!(outbound, Outbound::Audio(_) | Outbound::Text { .. });
            self.send(outbound);
            if audible {
                self.note_started();
                sent = true;
            }
        }
        if sent && !self.config.marks {
            self.note_heard();
        }
        match &self.live {
            Some(live) if live.stage == Stage::Spoken && live.committed => {
                if self.output.is_drained(self.now) {
                    self.timers.clear(Timer::Playout);
                    self.finish_generation();
                    return;
                }
            }
            Some(_) | None => {}
        }
        match self.output.next_wake(self.now).or(floor.filter(|_| waits)) {
            Some(at) => self.timers.set(Timer::Playout, at),
            None => self.timers.clear(Timer::Playout),
        }
    }

    /// Whether the answer is kept back because the user is speaking.
    pub(super) fn waits_for_silence(&self) -> bool {
        self.user_holds_floor_until().is_some()
            && self.live.as_ref().is_some_and(Generation::may_be_stopped)
            && !self.output.is_audible(self.now)
    }

    /// Until when an agent who is silent goes on to be, because the user is speaking. A user of
    /// whom nothing is understood for long is noise.
    pub(super) fn user_holds_floor_until(&self) -> Option<CallTime> {
        if self.is_duplex() || self.monologue.has_floor() {
            return None;
        }
        let watchdog = self.endpointing.watchdog();
        // Nobody is kept waiting for an answer by a noise for longer than for the answer itself.
        let is_noise = self.user.is_empty() && self.config.stt_interim;
        let patience = match &self.config.owed_reply {
            Some(owed_reply) if is_noise => watchdog.min(owed_reply.after),
            Some(_) | None => watchdog,
        };
        let until = match self.user.speaking_since {
            Some(since) => since.max(self.user.last_change.unwrap_or(since)) + patience,
            None if !self.user.is_empty() => self.user.last_change.unwrap_or(self.now) + patience,
            // The words of a voice that has stopped are on their way.
            None if self.user.begun && self.is_realtime() => self.user.last_speech? + patience,
            None if self.user.begun && !self.config.stt_interim => {
                self.user.last_speech? + self.config.endpointing.transcript_timeout
            }
            None => return None,
        };
        (until > self.now).then_some(until)
    }

    fn note_started(&mut self) {
        self.note_aside_started();
        let sent = self.output.sent();
        let begins = |live: &&mut Generation| !live.playback.started && live.position(sent) > 0;
        let Some(live) = self.live.as_mut().filter(begins) else { return };
        live.playback.started = true;
        live.playback.started_at = self.now;
        self.monologue.on_agent(self.now);
        self.endpointing.pace.on_agent();
        let generation = live.id;
        let turn = live.reply_to.as_ref().map(|reply| reply.turn);
        self.emit(Event::AgentStarted { generation, turn });
    }

    /// The far end has played everything up to a mark, or has cleared it.
    pub(super) fn on_mark(&mut self, mark: MarkId) {
        if self.output.on_mark(self.now, mark) {
            self.note_heard();
        } else if self.output.is_cleared_by(mark) {
            self.note_silent();
        }
    }

    /// Tells what is newly known to be heard of the live generation.
    fn note_heard(&mut self) {
        let Some(live) = self.live.as_mut().filter(|live| live.playback.started) else { return };
        let is_first = live.playback.heard_since.is_none();
        let by_mark = || self.output.heard_since(self.now, live).max(live.playback.started_at);
        let known = live.playback.heard_since.unwrap_or_else(|| {
            if self.config.marks { by_mark() } else { live.playback.started_at }
        });
        live.playback.heard_since = Some(known);
        let heard = self.output.heard(self.now, live);
        if heard <= live.playback.told && !is_first {
            return;
        }
        live.playback.told = heard.max(live.playback.told);
        let pii_text = live.content.script.text()[..live.playback.told].trim().into();
        let generation = live.id;
        self.emit(Event::AgentHeard { generation, since: known, pii_text });
    }

    /// The caller has heard all of the live generation.
    fn finish_generation(&mut self) {
        self.close_aside(false);
        let Some(live) = self.live.take() else { return };
        self.drop_suspicion();
        let heard = if live.synthesis.lost {
            self.output.heard(self.now, &live)
        } else {
            live.content.script.text().len()
        };
        let entries = live.content.fold(heard, live.synthesis.lost);
        self.keep_said(&live, &entries, heard, live.synthesis.lost);
        self.history.extend(entries);
        if live.playback.started {
            let pii_heard = live.content.script.text()[..heard].trim().into();
            let interrupted = live.synthesis.lost;
            self.emit(Event::AgentStopped { generation: live.id, pii_heard, interrupted });
        }
        if live.reply_to.is_some() && live.playback.started && !live.failed {
            self.failures = 0;
        }
        if let Some(ticket) = live.ticket.filter(|_| !live.synthesis.lost) {
            self.redeem(ticket);
        }
        if let Some(leave) = live.after {
            self.leave_after_speech(leave);
        }
    }
}
