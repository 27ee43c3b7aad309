mod calls;
mod content;
mod playback;
mod request;
mod rounds;
mod synthesis;

use std::sync::Arc;

use super::filler::Aside;
use crate::{CallTime, GenerationId, TurnId, spoken::SpokenForm};

pub(super) use content::Content;
pub(super) use playback::{Gap, Playback};
pub(super) use request::Request;
pub(super) use rounds::Rounds;
pub(super) use synthesis::{Synthesis, VoiceState};

/// One attempt of the agent to speak: a draft until its turn is over, then committed.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) id: GenerationId,
    /// The turn that it answers; `None` when the agent speaks on its own account.
    pub(super) reply_to: Option<ReplyTo>,
    pub(super) committed: bool,
    pub(super) interruptible: bool,
    pub(super) stage: Stage,
    pub(super) request: Request,
    pub(super) rounds: Rounds,
    pub(super) content: Content,
    pub(super) synthesis: Synthesis,
    pub(super) playback: Playback,
    /// What is said on the side, while tools run.
    pub(super) aside: Option<Aside>,
    /// It tells the results of tools that came late, and answers no turn.
    pub(super) tells_late: bool,
    /// It is not what it should have been: cut short, or an apology.
    pub(super) failed: bool,
    pub(super) after: Option<Leave>,
    /// Who waits until this was heard.
    pub(super) ticket: Option<Ticket>,
}

/// The turn that a generation answers.
#[derive(Debug)]
pub(super) struct ReplyTo {
    pub(super) turn: TurnId,
    pub(super) text: Arc<str>,
}

/// How far the text of a generation has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// The flow is asked.
    Planning,
    /// The model is asked, or answers.
    Writing,
    /// Tools run, and the model is asked again when they are done.
    Tools,
    /// All text was handed to the voice.
    Written,
    /// The voice has spoken all of it.
    Spoken,
}

/// Who waits until something was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ticket(pub(super) u64);

/// What follows when the caller has heard a generation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Leave {
    Failed,
    HangUp,
    Limit,
    Transfer(Arc<str>),
}

impl Generation {
    pub(super) fn new(id: GenerationId, reply_to: Option<ReplyTo>, sample_rate: u32) -> Self {
        Self {
            id,
            reply_to,
            committed: false,
            interruptible: true,
            stage: Stage::Writing,
            request: Request::default(),
            rounds: Rounds::default(),
            content: Content::new(sample_rate),
            synthesis: Synthesis::new(id),
            playback: Playback::default(),
            aside: None,
            tells_late: false,
            failed: false,
            after: None,
            ticket: None,
        }
    }

    /// Whether the voice has something to say or to end, as far as can be known.
    pub(super) fn owes_audio(&self) -> bool {
        let script = &self.content.script;
        match self.synthesis.state {
            VoiceState::Open => script.is_mute() || script.is_owed(),
            VoiceState::Closing => true,
            VoiceState::Closed | VoiceState::Fresh => false,
        }
    }

    /// Whether it has begun to be heard and has not finished, or words on its side have.
    pub(super) fn has_floor(&self) -> bool {
        self.committed && (self.playback.started || self.is_on_the_side())
    }

    /// The user's words, as long as they are not in the history, or what stands in their place.
    pub(super) fn draft_text(&self) -> Option<&Arc<str>> {
        let reply = self.reply_to.as_ref().filter(|_| !self.committed)?;
        Some(self.request.edit().unwrap_or(&reply.text))
    }

    /// Begins a round of the model.
    pub(super) fn begin_round(&mut self, now: CallTime) {
        self.stage = Stage::Writing;
        self.rounds.begin(now, &self.content);
    }

    /// Notes a piece of text that is handed to the voice, and returns it: what follows a tool, or
    /// words on the side, is set apart from what came before. The voice is given its spoken form.
    pub(super) fn push_text(&mut self, piece: &str, form: Option<&SpokenForm>) -> &str {
        let aside = self.aside.as_ref().map(|aside| aside.item);
        self.content.push_text(piece, aside, form)
    }

    /// Whether it is nothing but words of which none has left.
    pub(super) fn is_unsaid(&self) -> bool {
        self.content.is_plain() && !self.playback.started && self.aside.is_none()
    }

    /// Forgets its words, of which none has left. `voice` is what the voice will know it as.
    pub(super) fn unwrite(&mut self, voice: GenerationId) {
        self.synthesis.begin_anew(voice);
        self.content.clear();
    }

    /// Whether words on the side have been sent that may still be heard.
    pub(super) fn is_on_the_side(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| aside.started)
    }

    /// Whether the user may stop what is being said.
    pub(super) fn may_be_stopped(&self) -> bool {
        self.interruptible && self.aside.as_ref().is_none_or(|aside| aside.interruptible)
    }

    /// Whether it could be stopped, but for words on its side.
    pub(super) fn is_held_by_aside(&self) -> bool {
        self.interruptible && !self.may_be_stopped()
    }

    /// Whether no words on the side stand between the voice and the next text.
    pub(super) fn hears_no_aside(&self) -> bool {
        self.aside.as_ref().is_none_or(|aside| aside.is_waiting() || aside.is_spoken())
    }

    /// How much of this generation lies before a place of the outbound audio or text.
    pub(super) fn position(&self, place: u64) -> u64 {
        self.playback.position(place, self.aside.as_ref().and_then(Aside::gap))
    }

    /// So much of the outbound audio was taken back: what is still to be heard lies further on.
    pub(super) fn move_on(&mut self, samples: u64) {
        self.playback.base += samples;
        if let Some(aside) = &mut self.aside {
            aside.start += samples;
        }
    }

    /// Where in this generation words on the side belong: behind everything that is said before
    /// them, and before the tools of this round, which may still wait to be run.
    pub(super) fn place_for_aside(&self) -> usize {
        self.content.place_for_aside(self.rounds.first_item)
    }

    /// Notes that the words on the side are over, of which so much was sent.
    pub(super) fn close_aside(&mut self, sent: u64, heard: Arc<str>, interrupted: bool) {
        let Some(aside) = self.aside.take() else { return };
        if let Some((at, _)) = aside.gap()
            && sent > 0
        {
            self.playback.gaps.push(Gap { at, length: sent, text: aside.text.clone() });
        }
        // The model is not shown a filler: it would take to writing them itself.
        if !aside.is_filler && !heard.is_empty() {
            self.content.insert_aside(aside.item, heard, interrupted);
            self.rounds.first_item += usize::from(aside.item < self.rounds.first_item);
        }
    }
}
