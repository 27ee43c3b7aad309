use std::collections::VecDeque;

use voiceagent_core::{
    ErrorKind, GenerationId,
    realtime::{Prompt, RealtimeEvent},
};

use super::messages::Say;
use crate::wire::{
    json,
    realtime::{Out, OwnNames},
};

/// What the vendor says, what it was asked to say, and what it is to be asked next.
///
/// The vendor names nothing that it says. An answer begins with its first sentence, and follows a
/// turn of the user or the results of calls: else it is what was asked for.
#[derive(Debug, Default)]
pub(super) struct Floor {
    names: OwnNames,
    /// `None` names what the vendor is only told of: it answers to it by itself.
    waiting: VecDeque<(Option<GenerationId>, Prompt)>,
    asked: Option<Asked>,
    current: Option<Answer>,
    /// The vendor was interrupted, and has not begun anything since.
    hushed: bool,
    /// The user has said something, or a function has returned: an answer is to come.
    expected: bool,
}

/// What the vendor was asked for and has not begun.
#[derive(Debug)]
struct Asked {
    generation: Option<GenerationId>,
    /// Word for word what the agent is to say; else what it is told in the place of the user.
    is_said: bool,
    text: String,
    /// The vendor has repeated it, and was about to answer.
    taken_up: bool,
    /// A turn of the user came first.
    overtaken: bool,
    cancelled: bool,
}

#[derive(Debug)]
struct Answer {
    generation: GenerationId,
    has_text: bool,
    /// Something of it is said: the vendor tells when that is all.
    is_spoken: bool,
    /// All of it has come. It may still sound.
    complete: bool,
    cancelled: bool,
}

impl Floor {
    pub(super) fn push(&mut self, generation: GenerationId, prompt: Prompt) {
        self.waiting.push_back((Some(generation), prompt));
    }

    /// Tells the vendor something in the place of the user.
    pub(super) fn tell(&mut self, text: String) {
        self.waiting.push_back((None, Prompt::Follow(text.into())));
    }

    /// Asks for what is to be said next, if the vendor is at nothing else.
    pub(super) fn advance(&mut self, out: &mut Out) {
        if self.is_busy() {
            return;
        }
        let Some((generation, prompt)) = self.waiting.pop_front() else { return };
        let (is_said, text) = match prompt {
            Prompt::Say(text) => (true, text.to_string()),
            Prompt::Follow(instructions) => (false, instructions.to_string()),
            Prompt::Answer | _ => (false, "(Please go on.)".to_owned()),
        };
        let message = if is_said {
            json::write(&Say::InjectAgentMessage { message: &text, behavior: "queue" })
        } else {
            json::write(&Say::InjectUserMessage { content: &text })
        };
        out.messages.push(message);
        let (taken_up, overtaken, cancelled) = (false, false, false);
        self.asked = Some(Asked { generation, is_said, text, taken_up, overtaken, cancelled });
    }

    /// The vendor has understood the user, or repeats what it was told in the user's place. Returns
    /// whether these are the user's words.
    pub(super) fn is_users(&mut self, text: &str) -> bool {
        let Some(asked) = &mut self.asked else {
            self.expected = true;
            return true;
        };
        let is_echo = !asked.is_said && asked.text.trim() == text.trim();
        asked.taken_up |= is_echo;
        asked.overtaken = !is_echo;
        !is_echo
    }

    /// An answer is to come.
    pub(super) const fn expect(&mut self) {
        self.expected = true;
    }

    /// A sentence comes, and its audio behind it.
    pub(super) fn say(&mut self, text: &str, out: &mut Out) {
        self.hushed = false;
        let answer = self.begin(Some(text), out);
        let space =
            if answer.has_text && !text.starts_with(char::is_whitespace) { " " } else { "" };
        (answer.has_text, answer.is_spoken) = (true, true);
        if !answer.cancelled {
            let (generation, text) = (answer.generation, format!("{space}{text}"));
            out.events.push(RealtimeEvent::AgentTranscript { generation, text });
        }
    }

    /// Audio comes. Returns whose it is, unless nobody wants it.
    pub(super) fn sound(&mut self, out: &mut Out) -> Option<GenerationId> {
        if self.hushed {
            return None;
        }
        let answer = self.begin(None, out);
        answer.is_spoken = true;
        (!answer.cancelled).then_some(answer.generation)
    }

    /// Calls come. Returns whose they are, unless nobody wants them.
    pub(super) fn call(&mut self, out: &mut Out) -> Option<GenerationId> {
        self.hushed = false;
        let answer = self.begin(None, out);
        (!answer.cancelled).then_some(answer.generation)
    }

    /// All calls were told: what says nothing beside them is over with them.
    pub(super) fn end_calls(&mut self, out: &mut Out) {
        if self.current.as_ref().is_some_and(|answer| !answer.is_spoken) {
            self.end(out);
        }
    }

    /// All of what the vendor says has come.
    pub(super) fn end(&mut self, out: &mut Out) {
        if let Some(answer) = self.current.as_mut().filter(|answer| !answer.complete) {
            answer.complete = true;
            if !answer.cancelled {
                out.events.push(RealtimeEvent::Finished { generation: answer.generation });
            }
        }
    }

    /// The user speaks, and the vendor has fallen silent.
    pub(super) fn interrupt(&mut self, out: &mut Out) {
        (self.hushed, self.expected) = (true, false);
        if let Some(answer) = self.current.take().filter(|answer| !answer.cancelled) {
            out.events.push(RealtimeEvent::Interrupted { generation: answer.generation });
        }
        // What waits at the vendor to be said is dropped with the rest, as is the answer to what it
        // was told in the place of the user.
        self.refuse(out);
    }

    /// The vendor does not say what it was asked to, because the user speaks.
    pub(super) fn refuse(&mut self, out: &mut Out) {
        let is_over = |asked: &mut Asked| asked.is_said || asked.taken_up;
        let Some(asked) = self.asked.take_if(is_over) else { return };
        if let Some(generation) = asked.generation.filter(|_| !asked.cancelled) {
            let kind = ErrorKind::Overloaded;
            out.events.push(RealtimeEvent::Failed { generation, kind });
        }
    }

    /// Nothing more of a generation is wanted. The vendor cannot be told.
    pub(super) fn cancel(&mut self, generation: GenerationId) {
        let named = Some(generation);
        self.waiting.retain(|(waits, _)| *waits != named);
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.generation == named) {
            asked.cancelled = true;
        }
        if let Some(answer) = self.current.as_mut().filter(|it| it.generation == generation) {
            answer.cancelled = true;
        }
    }

    /// Whether something is to come.
    pub(super) fn is_owed(&self) -> bool {
        self.is_busy() || !self.waiting.is_empty()
    }

    fn is_busy(&self) -> bool {
        let speaks = self.current.as_ref().is_some_and(|answer| !answer.complete);
        speaks || self.expected || self.asked.is_some()
    }

    /// The answer that goes on, or begins, with this sentence if it is one.
    fn begin(&mut self, text: Option<&str>, out: &mut Out) -> &mut Answer {
        let goes_on = self.current.as_ref().is_some_and(|answer| !answer.complete);
        let is_its_text = |asked: &Asked| {
            asked.is_said && text.is_some_and(|text| asked.text.trim().starts_with(text.trim()))
        };
        let is_asked = |asked: &mut Asked| is_its_text(asked) || (!goes_on && !asked.overtaken);
        let begun = match self.asked.take_if(is_asked) {
            Some(asked) => {
                // It was said behind the vendor's own answer.
                self.end(out);
                let generation = asked.generation.unwrap_or_else(|| self.names.give());
                Some((generation, asked.cancelled))
            }
            None if goes_on => None,
            None => {
                self.expected = false;
                // What was asked for is said next.
                self.asked.iter_mut().for_each(|asked| asked.overtaken = false);
                Some((self.names.give(), false))
            }
        };
        if let Some((generation, cancelled)) = begun {
            let (has_text, is_spoken, complete) = (false, false, false);
            self.current = Some(Answer { generation, has_text, is_spoken, complete, cancelled });
        }
        self.current.as_mut().expect("an answer that goes on is there, and any other has begun")
    }
}
