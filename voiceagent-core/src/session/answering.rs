//! The answer: the flow's plan, the model's words.

use std::{sync::Arc, time::Duration};

use super::{
    Command, Event, Leg, Saying, Session, Timer,
    generation::{Generation, Leave, ReplyTo, Stage},
    history::Standing,
    retry::{MODEL_BREATHER, is_hopeless, is_overload},
    spoken_numbers::is_same,
};
use crate::{
    ErrorKind, GenerationId, ToolCallId, TurnId,
    flow::{Generate, Plan},
    llm::ToolChoice,
    realtime::Prompt,
};

impl Session {
    /// Starts an answer to a turn. A draft is answered in advance.
    pub(super) fn begin_reply(&mut self, turn: TurnId, text: Arc<str>, committed: bool) {
        if committed {
            self.bring_late_results();
        }
        let mut generation = self.new_generation(Some(ReplyTo { turn, text: text.clone() }));
        generation.committed = committed;
        generation.request.instructions = self.config.instructions.clone();
        generation.request.tools = self.config.tools.clone();
        let id = generation.id;
        if !committed {
            self.emit(Event::DraftStarted { generation: id, turn });
        }
        if self.config.flow {
            generation.stage = Stage::Planning;
            generation.rounds.asked_at = self.now;
            let history = self.history.messages();
            self.commands.push_back(Command::Plan { generation: id, turn, text, history });
            self.timers.set(Timer::Model, self.now + self.config.model.first_token_timeout);
        }
        self.live = Some(generation);
        if !self.config.flow {
            self.ask_model();
        }
    }

    /// Starts to say something that no model has to write.
    pub(super) fn begin_say(&mut self, say: Saying) {
        let mut generation = self.new_generation(None);
        generation.committed = true;
        generation.interruptible &= say.interruptible;
        generation.ticket = say.ticket;
        generation.request.prompt = Prompt::Say(say.text.clone());
        self.live = Some(generation);
        if self.is_realtime() {
            self.ask_to_speak();
            return;
        }
        self.write(&say.text);
        self.finish_writing();
    }

    pub(super) fn new_generation(&mut self, reply_to: Option<ReplyTo>) -> Generation {
        let id = self.next_id();
        let sample_rate = self.config.format.map_or(0, |format| format.sample_rate);
        let mut generation = Generation::new(id, reply_to, sample_rate);
        generation.playback.base = self.output.begin();
        if self.is_realtime() {
            // It may call tools in whatever it says.
            generation.request.tools = self.config.tools.clone();
            generation.content.script.flow_evenly(true);
        }
        generation.interruptible = self.leaving.is_none();
        generation.request.context = self.history.version();
        generation
    }

    /// A name that was never used in this call.
    pub(super) fn next_id(&mut self) -> GenerationId {
        self.last_generation = self.last_generation.next();
        self.last_generation
    }

    /// Whether a draft is an answer to this turn, as it was asked for now: the words are the same,
    /// and so is the conversation. Tools and instructions cannot change in a call.
    pub(super) fn is_draft_for(&self, draft: &Generation, text: &str) -> bool {
        let same_words = draft.reply_to.as_ref().is_some_and(|reply| {
            // Who edits words has seen the draft's, and must see these.
            if draft.request.edit().is_some() {
                *reply.text == *text
            } else {
                is_same(&reply.text, text)
            }
        });
        same_words && draft.request.context == self.history.version() && !self.has_late_results()
    }

    /// The turn that the draft answers is over, with these words.
    pub(super) fn commit_draft(&mut self, text: Arc<str>) {
        let Some(live) = &mut self.live else { return };
        live.committed = true;
        live.rounds.waiting_since = self.now;
        if let Some(reply) = &mut live.reply_to {
            reply.text = text;
        }
        let (plan, edit) = (live.request.plan.clone(), live.request.edit().cloned());
        if let Some(edit) = edit {
            self.history.edit_user(&edit);
        }
        if let Some(plan) = plan {
            self.commit_plan(plan);
        }
        self.feed_voice();
    }

    /// Throws a draft away. Nobody heard it, and nothing it did can be noticed.
    pub(super) fn drop_draft(&mut self) {
        if let Some(draft) = self.live.take_if(|live| !live.committed) {
            self.emit(Event::DraftDropped { generation: draft.id });
            self.abandon(&draft);
        }
    }

    pub(super) fn on_planned(&mut self, generation: GenerationId, plan: Option<Plan>) {
        let now = self.now;
        let plan = plan.filter(|plan| self.is_allowed(plan));
        let Some(live) = self.live_mut(generation).filter(|live| live.stage == Stage::Planning)
        else {
            return;
        };
        live.stage = Stage::Writing;
        live.request.plan.clone_from(&plan);
        if let Some(Plan::Generate(answer)) = &plan {
            live.request.instructions = answer.instructions.clone();
            live.request.tools = answer.tools.clone();
        }
        let (committed, edit, after) =
            (live.committed, live.request.edit().cloned(), now - live.rounds.asked_at);
        self.timers.clear(Timer::Model);
        if plan.is_some() {
            self.emit(Event::Planned { generation, after });
        }
        if let Some(edit) = edit.filter(|_| committed) {
            self.history.edit_user(&edit);
        }
        match plan.clone() {
            Some(Plan::Generate(_)) => self.ask_model(),
            Some(Plan::HangUp { farewell }) => self.say_and_leave(farewell, Leave::HangUp),
            Some(Plan::Say(text)) => {
                self.write(&text);
                self.finish_writing();
            }
            Some(Plan::Stay) => self.finish_writing(),
            Some(Plan::Transfer { to, announcement }) => {
                self.say_and_leave(announcement, Leave::Transfer(to));
            }
            None => {
                self.emit(Event::Failed { leg: Leg::Flow, kind: ErrorKind::Rejected });
                self.apologise();
            }
        }
        if committed && let Some(plan) = plan {
            self.commit_plan(plan);
        }
    }

    /// Whether a plan keeps to what is configured.
    fn is_allowed(&self, plan: &Plan) -> bool {
        match plan {
            Plan::Transfer { to, .. } => self.config.may_transfer_to(to),
            Plan::Generate(_) | Plan::HangUp { .. } | Plan::Say(_) | Plan::Stay => true,
        }
    }

    fn commit_plan(&mut self, plan: Plan) {
        self.patience.on_plan(&plan);
        let reply = self.live.as_ref().and_then(|live| live.reply_to.as_ref());
        if let Some(ReplyTo { turn, text }) = reply {
            let (turn, text) = (*turn, text.clone());
            if let Plan::Generate(Generate { wait: Some(period), .. }) = &plan {
                self.idle.wait_for(*period);
            }
            self.commands.push_back(Command::CommitPlan { turn, text, plan });
        }
    }

    fn say_and_leave(&mut self, words: Option<Arc<str>>, leave: Leave) {
        if let Some(live) = &mut self.live {
            live.after = Some(leave);
            live.interruptible = false;
        }
        self.write(&words.unwrap_or_default());
        self.finish_writing();
    }

    /// Asks the model for the next round of the live answer.
    pub(super) fn ask_model(&mut self) {
        if self.live.as_ref().is_some_and(|live| live.committed) {
            self.bring_late_results();
        }
        if self.is_realtime() {
            self.ask_to_speak();
            return;
        }
        let Some(live) = &mut self.live else { return };
        live.begin_round(self.now);
        let tool_choice = if live.rounds.count >= self.config.tool_use.max_rounds {
            ToolChoice::None
        } else {
            ToolChoice::Auto
        };
        let draft_text = live.draft_text().cloned();
        let command = Command::Generate {
            generation: live.id,
            instructions: live.request.instructions.clone(),
            messages: self.history.messages_with(draft_text.as_ref(), &live.content.entries()),
            tools: live.request.tools.clone(),
            tool_choice,
        };
        self.commands.push_back(command);
        self.timers.set(Timer::Model, self.now + self.config.model.first_token_timeout);
    }

    pub(super) fn on_llm_text(&mut self, generation: GenerationId, text: &str) {
        let is_word = text.contains(char::is_alphanumeric);
        if !self.note_said(generation, is_word) {
            return;
        }
        let words = self.live.as_mut().map(|live| live.content.speakable.push(text));
        self.write(&words.unwrap_or_default());
    }

    /// The model says no more for now: what might have become a tool call in its words is none.
    pub(super) fn release_words(&mut self) {
        let rest = self.live.as_mut().map(|live| live.content.speakable.flush());
        self.write(&rest.unwrap_or_default());
    }

    pub(super) fn on_llm_finished(&mut self, generation: GenerationId) {
        let now = self.now;
        if self.live_mut(generation).is_none_or(|live| live.stage != Stage::Writing) {
            return;
        }
        self.release_words();
        let Some(live) = &mut self.live else { return };
        let called = live.rounds.has_called();
        let speechless = live.content.is_speechless();
        if called {
            live.stage = Stage::Tools;
            live.rounds.count += 1;
            live.rounds.waiting_since = now;
            live.rounds.fillers = 0;
        }
        self.timers.clear(Timer::Model);
        if called {
            self.advance_tools();
        } else if speechless && self.leaving.is_none() {
            // Cut off by a limit or a filter, or simply empty: the caller waits for words.
            self.on_llm_failed(generation, ErrorKind::Protocol, None);
        } else {
            self.finish_writing();
        }
    }

    pub(super) fn on_llm_failed(
        &mut self,
        generation: GenerationId,
        kind: ErrorKind,
        retry_after: Option<Duration>,
    ) {
        // Nobody is kept waiting for longer than for an answer.
        let patience = self.config.model.first_token_timeout;
        let is_hopeless = is_hopeless(kind) || retry_after.is_some_and(|wait| wait > patience);
        let retries = self.config.model.retries;
        let Some(live) = self.live_mut(generation).filter(|live| live.stage == Stage::Writing)
        else {
            return;
        };
        if live.rounds.has_called() {
            // What it called runs already; the next round can still answer.
            self.emit(Event::Failed { leg: Leg::Llm, kind });
            self.on_llm_finished(generation);
            return;
        }
        let is_unsaid = live.rounds.begun && live.committed && live.is_unsaid();
        let may_retry = (!live.rounds.begun || is_unsaid) && live.rounds.retries < retries;
        let has_spoken = live.content.has_answered();
        live.rounds.retries += u32::from(may_retry);
        let committed = live.committed;
        self.timers.clear(Timer::Model);
        self.emit(Event::Failed { leg: Leg::Llm, kind });
        if may_retry && !is_hopeless {
            if is_unsaid {
                self.unwrite();
            }
            if is_overload(kind) {
                let wait = retry_after.unwrap_or_default().max(MODEL_BREATHER);
                self.timers.set(Timer::Retry, self.now + wait);
            } else {
                self.ask_model();
            }
        } else if !committed {
            self.drop_draft();
        } else if has_spoken {
            self.note_failure();
            self.finish_writing();
        } else {
            self.apologise();
        }
    }

    pub(super) fn on_model_timeout(&mut self) {
        if self.is_realtime() {
            self.on_speech_timeout();
            return;
        }
        let Some(live) = &self.live else { return };
        let generation = live.id;
        if live.stage == Stage::Planning {
            self.commands.push_back(Command::CancelModel { generation });
            self.on_planned(generation, None);
            return;
        }
        let begun = live.rounds.begun;
        self.commands.push_back(Command::CancelModel { generation });
        let kind = if begun { ErrorKind::Stalled } else { ErrorKind::Timeout };
        self.on_llm_failed(generation, kind, None);
    }

    /// Says that the agent cannot answer. A draft is dropped instead: its turn may fare better.
    fn apologise(&mut self) {
        if self.live.as_ref().is_some_and(|live| !live.committed) {
            self.drop_draft();
            return;
        }
        self.note_failure();
        self.flush_text();
        let Some(live) = &self.live else { return };
        let apology = live.content.apart(&self.config.apology);
        self.write(&apology);
        self.finish_writing();
    }

    /// Gives the call up, once this was heard, if too many answers in a row have failed.
    pub(super) fn note_failure(&mut self) {
        self.failures += 1;
        let Some(live) = &mut self.live else { return };
        live.failed = true;
        if self.failures >= self.config.model.max_failures {
            live.after = Some(Leave::Failed);
            live.interruptible = false;
        }
    }

    /// Notes that the model of the live answer said something. Returns whether it is live.
    pub(super) fn note_progress(&mut self, generation: GenerationId) -> bool {
        self.note_said(generation, true)
    }

    /// The same, of what may be no word: white space without end is no answer.
    fn note_said(&mut self, generation: GenerationId, is_word: bool) -> bool {
        let (now, deadlines) = (self.now, self.config.model);
        let Some(live) = self.live_mut(generation).filter(|live| live.stage == Stage::Writing)
        else {
            return false;
        };
        if !live.rounds.begun {
            live.rounds.begun = true;
            let (after, reasoned) = (now - live.rounds.asked_at, live.rounds.reasoned);
            self.emit(Event::FirstToken { generation, after, reasoned });
        }
        let Some(live) = &mut self.live else { return false };
        let mut until = now + deadlines.stall_timeout;
        if is_word {
            live.rounds.said_at = now;
        } else {
            until = until.min(live.rounds.said_at + deadlines.reasoning_timeout);
        }
        self.timers.set(Timer::Model, until);
        true
    }

    /// The model works and has nothing to say. It is not stalled, but may not reason for ever.
    pub(super) fn on_llm_progress(&mut self, generation: GenerationId) {
        let (now, deadlines) = (self.now, self.config.model);
        let Some(live) = self.live_mut(generation).filter(|live| live.stage == Stage::Writing)
        else {
            return;
        };
        if !live.rounds.begun {
            live.rounds.reasoned.get_or_insert(now - live.rounds.asked_at);
        }
        let longest = live.rounds.said_at + deadlines.reasoning_timeout;
        self.timers.set(Timer::Model, longest.min(now + deadlines.stall_timeout));
    }

    /// Lets go of a generation that is no longer live. Its tools go on, unless they may be
    /// stopped.
    pub(super) fn abandon(&mut self, generation: &Generation) {
        self.timers.clear(Timer::Model);
        self.timers.clear(Timer::Retry);
        self.timers.clear(Timer::Synthesis);
        self.timers.clear(Timer::VoiceRetry);
        self.interrupt_voice(generation);
        self.commands.push_back(Command::Cancel { generation: generation.id });
        if generation.synthesis.voice != generation.id {
            self.commands
                .push_back(Command::CancelVoice { generation: generation.synthesis.voice });
        }
        self.let_model_forget(generation);
        let heard =
            if generation.playback.started { self.output.heard(self.now, generation) } else { 0 };
        if generation.committed {
            let entries = generation.content.fold(heard, true);
            self.keep_said(generation, &entries, heard, true);
            self.keep_cut(generation, &entries, heard);
            self.history.extend(entries);
        }
        let stopped: Vec<ToolCallId> = generation
            .open_calls()
            .filter(|call| generation.request.spec(&call.name).is_some_and(|spec| spec.cancellable))
            .map(|call| call.id.clone())
            .collect();
        for id in stopped {
            self.note_tool_end(generation.id, &id);
            self.history.set_standing(generation.id, &id, Standing::Cancelled);
        }
        self.output.clear(self.now);
    }
}
