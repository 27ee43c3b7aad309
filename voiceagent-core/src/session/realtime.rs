//! Models that hear and speak by themselves: what they say, and what they are told.
//!
//! A turn-managed model is asked to speak where others are asked to write; its audio and its text
//! come side by side. A duplex model speaks when it likes. In both modes the session owns playout,
//! what was heard, tools, silence and the end of the call.

mod duplex;
mod spoken_turns;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;

use super::{
    Command, Event, Input, Leg, Session, Timer,
    generation::{Generation, Leave, Stage},
    history::{Entry, Exchange},
    retry::{MODEL_BREATHER, is_hopeless, is_overload},
};
use crate::{
    ErrorKind, GenerationId, ToolCallId,
    llm::{Message, ToolCall},
    realtime::Prompt,
};

use duplex::Waiting;
use spoken_turns::SpokenTurns;

/// No model is asked, and done, so soon: what ends then is the round before, told once more.
const SOONEST_END: Duration = Duration::from_millis(10);
/// Rounds in which a model that calls tools beyond its limit is told so, until it is given up.
const WARNINGS: u32 = 2;

/// What a session with such a model keeps beside the rest.
#[derive(Debug, Default)]
pub(super) struct Realtime {
    turns: SpokenTurns,
    waiting: Waiting,
    /// Calls whose result the model knows.
    told: BTreeSet<ToolCallId>,
}

impl Session {
    /// Whether a model hears and speaks by itself.
    pub(super) fn is_realtime(&self) -> bool {
        self.config.realtime.is_some()
    }

    /// Whether that model also decides who speaks when.
    pub(super) fn is_duplex(&self) -> bool {
        self.config.realtime.as_ref().is_some_and(|model| model.duplex)
    }

    /// Takes what has another meaning, or any at all, where a model hears and speaks by itself, and
    /// gives back the rest.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all else goes its ordinary way")]
    pub(super) fn on_realtime_input(&mut self, input: Input) -> Option<Input> {
        if !self.is_realtime() {
            return Some(input);
        }
        let input = if self.is_duplex() { self.admit(input)? } else { input };
        match input {
            Input::CommitTurn if !self.is_duplex() => self.commit_by_hand(),
            Input::CommitTurn => {}
            Input::LlmFailed { generation, kind, .. } => self.on_speech_failed(generation, kind),
            Input::LlmFinished { generation, .. } => self.on_speech_finished(generation),
            Input::LlmText { generation, text } => self.on_speech_text(generation, &text),
            Input::LlmToolCall { generation, call } => self.on_speech_call(generation, call),
            Input::LlmUsage { generation, usage } => {
                // Its cost may come when the answer is over; then it keeps the model's name.
                let generation = self.spoken_mut(generation).map_or(generation, |live| live.id);
                self.emit(Event::UsageReported { generation, usage });
            }
            Input::LegLost { leg: Leg::Vad, kind } if !self.is_duplex() => {
                // Nobody knows any more when the user speaks.
                self.emit(Event::Failed { leg: Leg::Vad, kind });
                self.say(self.config.apology.clone(), true);
                self.leave_after_speech(Leave::Failed);
            }
            Input::ModelInterrupted { generation } => self.on_model_interrupted(generation),
            Input::SpeechStarted { since } if self.is_duplex() => self.on_floor_taken(since),
            Input::SpeechStopped { since } => {
                self.note_speech_end(since);
                return Some(Input::SpeechStopped { since });
            }
            Input::Synthesized { generation, payload } => {
                if let Some(id) = self.spoken_mut(generation).map(|live| live.id) {
                    self.note_progress(id);
                }
                return Some(Input::Synthesized { generation, payload });
            }
            Input::Transcript { transcript } => self.on_user_words(None, &transcript),
            Input::UserWords { turn, transcript } => self.on_user_words(turn, &transcript),
            other => return Some(other),
        }
        None
    }

    /// Lets the model greet, if it is told how.
    pub(super) fn greet_by_model(&mut self) {
        let instructions = self.config.realtime.as_ref().and_then(|model| model.greeting.clone());
        let Some(instructions) = instructions else { return };
        let mut generation = self.new_generation(None);
        generation.committed = true;
        generation.interruptible &= self.config.greeting_interruptible;
        generation.request.prompt = Prompt::Follow(instructions);
        self.live = Some(generation);
        self.ask_to_speak();
    }

    /// Asks the model for the next round of the live generation.
    pub(super) fn ask_to_speak(&mut self) {
        self.tell_results();
        let Some(live) = &mut self.live else { return };
        live.begin_round(self.now);
        live.synthesis.first_text_at.get_or_insert(self.now);
        // What follows the results of its tools is an answer to them.
        let prompt =
            if live.rounds.count == 0 { live.request.prompt.clone() } else { Prompt::Answer };
        self.commands.push_back(Command::Speak { generation: live.synthesis.voice, prompt });
        self.timers.set(Timer::Model, self.now + self.config.model.first_token_timeout);
    }

    fn on_speech_text(&mut self, voice: GenerationId, text: &str) {
        let live = self.spoken_mut(voice).filter(|live| !text.is_empty() && !live.content.recites);
        let Some(live) = live else { return };
        let id = live.id;
        live.push_text(text, None);
        self.note_progress(id);
    }

    fn on_speech_call(&mut self, voice: GenerationId, call: ToolCall) {
        let max_rounds = self.config.tool_use.max_rounds;
        let Some(live) = self.spoken_mut(voice).filter(|live| live.stage == Stage::Writing) else {
            return;
        };
        let (id, is_refused) = (live.id, live.rounds.count >= max_rounds);
        if live.has_call(&call.id) || self.history.has_call(&call.id) {
            return;
        }
        self.note_progress(id);
        let (is_duplex, may_play) = (self.is_duplex(), self.may_play());
        let Some(live) = &mut self.live else { return };
        live.rounds.note_call(&call);
        if is_refused {
            let why = json!({ "error": "no more calls in this answer; answer in words" });
            self.tell_result(&call.id, &why.to_string().into());
        } else if is_duplex || may_play {
            self.run_tool(call);
        } else {
            live.rounds.held_calls.push(call);
        }
    }

    fn on_speech_finished(&mut self, voice: GenerationId) {
        let limit = self.config.tool_use.max_rounds + WARNINGS;
        // Whoever speaks when it likes may also have nothing to say.
        let may_be_silent = self.leaving.is_some() || self.waiting_knows(voice);
        let is_duplex = self.is_duplex();
        let now = self.now;
        let Some(live) = self.spoken_mut(voice).filter(|live| live.stage == Stage::Writing) else {
            return;
        };
        if live.rounds.count > 0 && !live.rounds.begun && now < live.rounds.asked_at + SOONEST_END {
            return;
        }
        let called = live.rounds.has_called();
        self.timers.clear(Timer::Model);
        let Some(live) = &mut self.live else { return };
        if called && !is_duplex && live.rounds.count < limit {
            live.stage = Stage::Tools;
            live.rounds.count += 1;
            live.content.script.on_round_end();
            self.advance_tools();
        } else if !called && live.content.script.samples() == 0 && !may_be_silent {
            self.on_speech_failed(voice, ErrorKind::Protocol);
        } else {
            self.finish_speech();
        }
    }

    pub(super) fn on_speech_failed(&mut self, voice: GenerationId, kind: ErrorKind) {
        let retries = self.config.model.retries;
        let is_own = self.waiting_knows(voice);
        let Some(live) = self.spoken_mut(voice).filter(|live| live.stage == Stage::Writing) else {
            return;
        };
        let (called, has_spoken) = (live.rounds.has_called(), live.content.script.samples() > 0);
        let may_retry = live.rounds.retries < retries && !is_hopeless(kind) && !is_own;
        self.timers.clear(Timer::Model);
        self.emit(Event::Failed { leg: Leg::Realtime, kind });
        if called {
            // What it called runs already; the next round can still answer.
            self.on_speech_finished(voice);
        } else if has_spoken || is_own {
            self.note_failure();
            self.break_off_speech();
        } else if may_retry {
            self.speak_again(is_overload(kind));
        } else {
            self.give_up_speech();
        }
    }

    /// Asks for the same once more, under another name: what the model still says under the old one
    /// is not taken for the new.
    fn speak_again(&mut self, after_a_breather: bool) {
        let renamed = self.next_id();
        let Some(live) = &mut self.live else { return };
        live.rounds.retries += 1;
        let generation = std::mem::replace(&mut live.synthesis.voice, renamed);
        self.commands.push_back(Command::CancelVoice { generation });
        // What it still says under the old name nobody hears.
        self.forget_all(generation);
        if after_a_breather {
            self.timers.set(Timer::Retry, self.now + MODEL_BREATHER);
        } else {
            self.ask_to_speak();
        }
    }

    /// An answer that failed becomes an apology; anything else is left unsaid.
    fn give_up_speech(&mut self) {
        let retries = self.config.model.retries;
        let apology = self.config.apology.clone();
        let Some(live) = &mut self.live else { return };
        if live.failed || live.reply_to.is_none() {
            if !live.failed {
                self.note_failure();
            }
            self.finish_speech();
            return;
        }
        self.note_failure();
        let Some(live) = &mut self.live else { return };
        live.request.prompt = Prompt::Say(apology);
        live.rounds.count = 0;
        live.rounds.retries = retries;
        self.speak_again(false);
    }

    /// The model has said nothing for too long.
    pub(super) fn on_speech_timeout(&mut self) {
        let Some(live) = self.live.as_ref().filter(|live| live.stage == Stage::Writing) else {
            return;
        };
        let kind = if live.rounds.begun { ErrorKind::Stalled } else { ErrorKind::Timeout };
        let generation = live.synthesis.voice;
        self.commands.push_back(Command::CancelVoice { generation });
        self.on_speech_failed(generation, kind);
    }

    /// Takes the words that the model was asked for as those that it says, if it has told none by
    /// the end: they may come behind the audio, and whoever gives way tells them no more.
    pub(super) fn supply_words(&mut self) {
        let Some(live) = &mut self.live else { return };
        let Prompt::Say(text) = &live.request.prompt else { return };
        let is_mute = live.content.script.samples() == 0;
        let is_first = live.rounds.count == 0 && live.content.script.text().is_empty();
        if self.config.realtime.is_some() && !is_mute && is_first {
            let text = text.clone();
            live.push_text(&text, None);
            live.content.recites = true;
        }
    }

    /// The model says no more of the live generation.
    pub(super) fn finish_speech(&mut self) {
        self.supply_words();
        let Some(live) = &mut self.live else { return };
        live.stage = Stage::Spoken;
        live.content.script.on_complete();
        let generation = live.id;
        self.timers.clear(Timer::Model);
        self.output.complete(generation);
    }

    /// The model says no more: what it has said is heard to its end. Of text that ran ahead as much
    /// is heard as there is audio for.
    fn break_off_speech(&mut self) {
        self.supply_words();
        let Some(live) = self.live.as_mut().filter(|live| live.stage == Stage::Writing) else {
            return;
        };
        if live.content.script.may_be_whole() {
            return self.finish_speech();
        }
        live.stage = Stage::Spoken;
        live.synthesis.lost = true;
        let generation = live.id;
        self.timers.clear(Timer::Model);
        self.output.complete(generation);
    }

    /// The model cannot be had any more: nobody hears the user, and nobody can say so.
    pub(super) fn on_model_lost(&mut self) {
        self.leaving = Some(Leave::Failed);
        self.end_now(super::EndReason::Failed);
    }

    /// Tells the model what became of the tools that it called.
    pub(super) fn tell_results(&mut self) {
        if !self.is_realtime() {
            return;
        }
        let live = self.live.iter().flat_map(|live| live.exchanges());
        let settled = self.history.exchanges().chain(live).filter(|one| one.is_settled());
        let news: Vec<_> = settled
            .filter(|one| !self.realtime.told.contains(&one.call.id))
            .map(|one| (one.call.id.clone(), one.result()))
            .collect();
        for (id, output) in news {
            self.tell_result(&id, &output);
        }
    }

    /// The conversation for a model that takes it over from one that was lost. A call without a
    /// result is one that will be told its result: it has been made and is not made again, though
    /// the answer that it belongs to goes on.
    pub(crate) fn messages_for_successor(&mut self) -> Arc<[Message]> {
        let mut calls = Vec::new();
        if let Some(live) = &self.live {
            let held = live.rounds.held_calls.iter();
            calls.extend(live.exchanges().cloned());
            calls.extend(held.map(|call| Exchange::new(live.id, call.clone())));
        }
        let all = self.history.exchanges().chain(&calls);
        let open = all.filter(|one| !one.is_settled()).map(|one| one.call.id.clone());
        let open: BTreeSet<_> = open.collect();
        let is_live = !calls.is_empty();
        let entries = is_live.then_some(Entry::Tools(calls));
        let messages = self.history.messages_with(None, entries.as_slice());
        if open.is_empty() {
            return messages;
        }
        let is_told = |message: &&Message| !matches!(message, Message::ToolResult { id, .. } if open.contains(id));
        messages.iter().filter(is_told).cloned().collect()
    }

    /// Tells the model what a tool returned, once.
    fn tell_result(&mut self, id: &ToolCallId, output: &Arc<str>) {
        if self.realtime.told.insert(id.clone()) {
            let (id, output) = (id.clone(), output.clone());
            self.commands.push_back(Command::TellResult { id, output });
        }
    }

    /// Lets the model forget what nobody has heard, and nobody will.
    fn forget_all(&mut self, generation: GenerationId) {
        if self.config.realtime.as_ref().is_some_and(|model| model.truncate) {
            self.commands.push_back(Command::Forget { generation });
        }
    }

    /// Lets the model forget what was not heard of a generation that is over.
    pub(super) fn let_model_forget(&mut self, generation: &Generation) {
        let Some(model) = &self.config.realtime else { return };
        let forgets = model.truncate;
        for call in &generation.rounds.held_calls {
            let why = json!({ "error": "cancelled: the user interrupted before it was made" });
            self.tell_result(&call.id, &why.to_string().into());
        }
        let waiting = self.realtime.waiting.drop_all();
        if !forgets {
            return;
        }
        let samples = if generation.playback.started {
            self.output.heard_samples(self.now, generation)
        } else {
            0
        };
        let heard = self.config.format.map_or(Duration::ZERO, |format| format.duration_of(samples));
        let all =
            generation.stage == Stage::Spoken && samples == generation.content.script.samples();
        let voice = generation.synthesis.voice;
        if heard.is_zero() {
            self.commands.push_back(Command::Forget { generation: voice });
        } else if !all {
            self.commands.push_back(Command::Truncate { generation: voice, heard });
        }
        for generation in waiting {
            self.forget_all(generation);
        }
    }
}
