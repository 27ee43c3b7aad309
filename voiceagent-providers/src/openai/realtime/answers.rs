use std::{collections::VecDeque, sync::Arc, time::Duration};

use voiceagent_core::{GenerationId, realtime::Prompt};

use super::messages::{Metadata, NewResponse, Say};
use crate::wire::{json, realtime::OwnNames};

/// The event with which a model that answers by itself is asked to go on.
const GO_ON: &str = "go-on";

/// Which answers are asked for, and which one is made. The vendor makes one at a time, and refuses
/// to be asked for another meanwhile.
#[derive(Debug)]
pub(super) struct Answers {
    instructions: Arc<str>,
    /// The vendor begins answers by itself.
    own: bool,
    names: OwnNames,
    waiting: VecDeque<Ask>,
    active: Option<Active>,
    /// The vendor makes one that it has not told of.
    blocked: bool,
}

/// What is to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    /// What follows from the results of calls.
    GoOn,
    /// What the session wants said.
    Say(GenerationId, Prompt),
}

#[derive(Debug)]
enum Active {
    Asked(Ask, Fate),
    Begun(Answer),
}

/// An answer that the vendor makes.
#[derive(Debug)]
pub(super) struct Answer {
    id: String,
    pub(super) generation: GenerationId,
    /// Something of it was told.
    pub(super) told: bool,
    pub(super) fate: Fate,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    /// Nothing more of it is wanted.
    pub(super) cancelled: bool,
    /// Where it is to be cut when the vendor is done with it.
    pub(super) cut: Option<Duration>,
}

impl Active {
    const fn generation(&self) -> Option<GenerationId> {
        match self {
            Self::Asked(Ask::GoOn, _) => None,
            Self::Asked(Ask::Say(generation, _), _) => Some(*generation),
            Self::Begun(answer) => Some(answer.generation),
        }
    }

    const fn fate(&mut self) -> &mut Fate {
        match self {
            Self::Asked(_, fate) | Self::Begun(Answer { fate, .. }) => fate,
        }
    }
}

impl Answers {
    pub(super) fn new(instructions: Arc<str>, own: bool) -> Self {
        let (names, waiting) = (OwnNames::default(), VecDeque::new());
        Self { instructions, own, names, waiting, active: None, blocked: false }
    }

    /// Whether the vendor begins answers by itself.
    pub(super) const fn are_own(&self) -> bool {
        self.own
    }

    /// Whether an answer is being made, or waits to be asked for.
    pub(super) fn are_owed(&self) -> bool {
        self.active.is_some() || !self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, ask: Ask) {
        self.waiting.push_back(ask);
    }

    /// Asks for the next one, if none is being made.
    pub(super) fn advance(&mut self, messages: &mut Vec<String>) {
        if self.active.is_some() || self.blocked {
            return;
        }
        let Some(ask) = self.waiting.pop_front() else { return };
        messages.push(self.request(&ask));
        self.active = Some(Active::Asked(ask, Fate::default()));
    }

    /// The vendor has begun an answer, with the metadata of a request if it was asked for.
    pub(super) fn begin(
        &mut self,
        id: &str,
        metadata: Option<GenerationId>,
        messages: &mut Vec<String>,
    ) {
        let (generation, fate) = match self.active.take() {
            Some(Active::Asked(Ask::Say(generation, _), fate))
                // Servers that do not send the metadata back begin none by themselves.
                if metadata.map_or(!self.own, |it| it == generation) =>
            {
                (generation, fate)
            }
            Some(Active::Asked(Ask::GoOn, fate)) => (self.names.give(), fate),
            overtaken => {
                if let Some(Active::Asked(ask, fate)) = overtaken
                    && !fate.cancelled
                {
                    self.waiting.push_front(ask);
                }
                (self.names.give(), Fate::default())
            }
        };
        if fate.cancelled {
            messages.push(cancel(id));
        }
        let id = id.to_owned();
        self.active = Some(Active::Begun(Answer { id, generation, told: false, fate }));
    }

    /// The answer that is being made, if it is this one.
    pub(super) fn get(&mut self, id: &str) -> Option<&mut Answer> {
        match &mut self.active {
            Some(Active::Begun(answer)) if answer.id == id => Some(answer),
            _ => None,
        }
    }

    /// The vendor is done with an answer.
    pub(super) fn end(&mut self, id: &str) -> Option<Answer> {
        self.blocked = false;
        self.get(id)?;
        match self.active.take() {
            Some(Active::Begun(answer)) => Some(answer),
            Some(Active::Asked(..)) | None => None,
        }
    }

    /// Nothing more of a generation is wanted.
    pub(super) fn cancel(&mut self, generation: GenerationId, messages: &mut Vec<String>) {
        self.waiting.retain(|ask| !matches!(ask, Ask::Say(waits, _) if *waits == generation));
        let Some(active) = self.active_of(generation) else { return };
        if !std::mem::replace(&mut active.fate().cancelled, true)
            && let Active::Begun(answer) = active
        {
            messages.push(cancel(&answer.id));
        }
    }

    /// Notes where a generation is to be cut. Returns whether the vendor is still at it.
    pub(super) fn cut(&mut self, generation: GenerationId, heard: Duration) -> bool {
        let Some(active) = self.active_of(generation) else { return false };
        let cut = &mut active.fate().cut;
        *cut = Some(cut.unwrap_or(heard).min(heard));
        true
    }

    /// The vendor did not take what was asked for with this event. Returns whose answer that was,
    /// and what was to become of it.
    pub(super) fn refuse(&mut self, event: &str) -> Option<(Ask, Fate)> {
        let is_refused =
            |it: &mut Active| matches!(it, Active::Asked(ask, _) if event_id(ask) == event);
        match self.active.take_if(is_refused)? {
            Active::Asked(ask, fate) => Some((ask, fate)),
            Active::Begun(_) => None,
        }
    }

    /// What was refused is asked for again when the vendor is done with what it makes.
    pub(super) fn wait(&mut self, ask: Ask) {
        self.blocked = true;
        self.waiting.push_front(ask);
    }

    fn active_of(&mut self, generation: GenerationId) -> Option<&mut Active> {
        self.active.as_mut().filter(|active| active.generation() == Some(generation))
    }

    fn request(&self, ask: &Ask) -> String {
        let event_id = event_id(ask);
        let Ask::Say(generation, prompt) = ask else {
            return json::write(&Say::CreateResponse { event_id: &event_id, response: None });
        };
        // Instructions of an answer take the place of the session's.
        let told = |more: String| Some(format!("{}\n\n{more}", self.instructions));
        let (instructions, tool_choice) = match prompt {
            Prompt::Follow(instructions) => (told(instructions.to_string()), None),
            Prompt::Say(text) => {
                let more =
                    format!("Now say exactly this, word for word, and nothing else:\n{text}");
                (told(more), Some("none"))
            }
            Prompt::Answer | _ => (None, None),
        };
        let metadata = Metadata { generation: generation.number().to_string().into() };
        let response = Some(NewResponse { instructions, tool_choice, metadata });
        json::write(&Say::CreateResponse { event_id: &event_id, response })
    }
}

fn cancel(id: &str) -> String {
    json::write(&Say::Cancel { response_id: id })
}

fn event_id(ask: &Ask) -> String {
    match ask {
        Ask::GoOn => GO_ON.to_owned(),
        Ask::Say(generation, _) => format!("generation-{}", generation.number()),
    }
}
