//! Models that speak when they like: what they begin is played one after another.

use std::collections::VecDeque;

use super::super::{
    Command, Event, Input, InterruptionReason, Saying, Session, Timer,
    generation::{Generation, ReplyTo, Stage},
};
use crate::{
    CallTime, GenerationId,
    realtime::{FIRST_OWN, Prompt},
};

/// What a model may say ahead of what is being heard: some minutes, in small pieces. More is lost.
const MOST_WAITING: usize = 4_096;

/// What a model has said while something older is still being heard.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    inputs: VecDeque<(GenerationId, Input)>,
    /// The last thing that the model began by itself and that was, or is, being heard.
    last: Option<GenerationId>,
    /// The youngest that it stopped before it was heard.
    stopped: Option<GenerationId>,
    /// The greeting is to be asked for once more.
    greeting: bool,
}

impl Waiting {
    /// Whether the model stopped this, or something younger, before it was heard. What waits already
    /// may be gone on with.
    fn has_stopped(&self, name: GenerationId) -> bool {
        self.stopped >= Some(name) && self.inputs.iter().all(|(waits, _)| *waits != name)
    }

    /// Lets an input wait, unless something younger waits already: names only grow.
    fn push(&mut self, name: GenerationId, input: Input) {
        let is_late = self.inputs.back().is_some_and(|(youngest, _)| name < *youngest);
        if !is_late && self.inputs.len() < MOST_WAITING {
            self.inputs.push_back((name, input));
        }
    }

    /// Drops everything; returns the names of what nobody will hear.
    pub(super) fn drop_all(&mut self) -> Vec<GenerationId> {
        let mut names: Vec<_> = self.inputs.drain(..).map(|(name, _)| name).collect();
        names.dedup();
        self.last = names.last().copied().or(self.last);
        names
    }
}

impl Session {
    /// Whether a duplex model began this by itself.
    pub(super) fn waiting_knows(&self, generation: GenerationId) -> bool {
        self.realtime.waiting.last == Some(generation)
    }

    /// Begins what the model begins, or lets it wait until what is being heard is over. Gives the
    /// input back when its turn has come.
    pub(super) fn admit(&mut self, input: Input) -> Option<Input> {
        let Some(name) = name(&input) else { return Some(input) };
        if name < FIRST_OWN || self.realtime.waiting.last.is_some_and(|last| name <= last) {
            return Some(input);
        }
        if self.realtime.waiting.has_stopped(name) {
            return None;
        }
        self.put_back_say();
        if self.live.is_some() || !self.realtime.waiting.inputs.is_empty() {
            self.realtime.waiting.push(name, input);
            return None;
        }
        self.begin_own(name);
        Some(input)
    }

    /// Puts back what the model was asked to say and has not begun, now that it says something else
    /// first: it has one voice. A greeting that may be interrupted was.
    fn put_back_say(&mut self) {
        let is_unbegun = |live: &mut Generation| {
            let is_asked = !matches!(live.request.prompt, Prompt::Answer);
            let is_own = is_asked && live.reply_to.is_none();
            is_own && live.stage == Stage::Writing && !live.rounds.begun && live.rounds.count == 0
        };
        if self.is_closing() {
            return;
        }
        let Some(live) = self.live.take_if(is_unbegun) else { return };
        let (interruptible, ticket) = (live.interruptible, live.ticket);
        self.timers.clear(Timer::Model);
        self.timers.clear(Timer::Retry);
        self.commands.push_back(Command::CancelVoice { generation: live.synthesis.voice });
        self.forget_all(live.synthesis.voice);
        match live.request.prompt {
            Prompt::Say(text) => self.says.push_front(Saying { text, interruptible, ticket }),
            Prompt::Follow(_) | Prompt::Answer => self.realtime.waiting.greeting = !interruptible,
        }
    }

    /// Begins what has waited. Returns whether there was anything.
    pub(in super::super) fn begin_waiting(&mut self) -> bool {
        let Some((name, _)) = self.realtime.waiting.inputs.front() else {
            let waits = std::mem::take(&mut self.realtime.waiting.greeting);
            let greets = waits && !self.is_closing();
            if greets {
                self.greet_by_model();
            }
            return greets;
        };
        let name = *name;
        self.begin_own(name);
        while let Some((of, _)) = self.realtime.waiting.inputs.front()
            && *of == name
            && let Some((_, input)) = self.realtime.waiting.inputs.pop_front()
        {
            if let Some(input) = self.on_realtime_input(input) {
                self.on_input(input);
            }
        }
        true
    }

    /// The model speaks by itself: what the user has said is a turn, and this answers it.
    fn begin_own(&mut self, name: GenerationId) {
        self.realtime.waiting.last = Some(name);
        if self.is_closing() {
            // Nothing new is begun in a call that is being left.
            self.commands.push_back(Command::CancelVoice { generation: name });
            self.forget_all(name);
            return;
        }
        let asked_at = self.user.last_speech.unwrap_or(self.now);
        let turn = self.close_spoken_turn();
        let reply = turn.map(|(turn, text)| ReplyTo { turn, text });
        let mut generation = self.new_generation(reply);
        generation.committed = true;
        generation.synthesis.voice = name;
        generation.begin_round(asked_at);
        generation.synthesis.first_text_at = Some(asked_at);
        self.live = Some(generation);
        self.timers.set(Timer::Model, self.now + self.config.model.stall_timeout);
    }

    /// The user speaks. A model that says so has fallen silent, and so does the line.
    pub(super) fn on_floor_taken(&mut self, since: CallTime) {
        let since = since.min(self.now);
        self.user.begin(since);
        self.user.speaking_since = Some(since);
        self.emit(Event::UserStarted { turn: self.user.id, since });
        let tells = self.config.realtime.as_ref().is_some_and(|model| model.server_vad);
        if tells && self.can_be_stopped() {
            self.interrupt(InterruptionReason::BargeIn, Some(since));
        } else if tells && self.live.as_ref().is_some_and(|live| live.rounds.begun) {
            self.break_off_speech();
        }
    }

    /// The model stopped by itself, and with it what is being heard: it may be ahead of that.
    pub(super) fn on_model_interrupted(&mut self, generation: GenerationId) {
        let is_live = self.spoken_mut(generation).is_some();
        let mut waiting = self.realtime.waiting.inputs.iter();
        let is_ahead = waiting.any(|(name, _)| *name == generation);
        if !is_live && !is_ahead {
            return;
        }
        if self.can_be_stopped() {
            self.interrupt(InterruptionReason::BargeIn, None);
            return;
        }
        if is_live {
            self.break_off_speech();
        }
        if is_ahead {
            let waiting = &mut self.realtime.waiting;
            waiting.inputs.retain(|(name, _)| *name != generation);
            waiting.stopped = waiting.stopped.max(Some(generation));
            self.forget_all(generation);
        }
    }
}

/// What the model begins with this input, or goes on with.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other input comes from the model's mouth")]
fn name(input: &Input) -> Option<GenerationId> {
    match input {
        Input::LlmFailed { generation, .. }
        | Input::LlmFinished { generation, .. }
        | Input::LlmText { generation, .. }
        | Input::LlmToolCall { generation, .. }
        | Input::Synthesized { generation, .. } => Some(*generation),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded() {
        let mut waiting = Waiting::default();
        for _ in 0..=MOST_WAITING {
            waiting.push(FIRST_OWN, Input::Opened);
        }
        assert_eq!(waiting.inputs.len(), MOST_WAITING);
    }
}
