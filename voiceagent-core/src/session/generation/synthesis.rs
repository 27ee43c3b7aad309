use crate::{CallTime, GenerationId, session::onset::Onset};

/// What the voice was given of a generation, and how it does with it.
#[derive(Debug)]
pub(in crate::session) struct Synthesis {
    /// What the voice knows the generation as. Another name after a failure, so that what the
    /// voice still says under the old one is not taken for the new.
    pub(in crate::session) voice: GenerationId,
    pub(in crate::session) state: VoiceState,
    /// Texts of the script that the voice has been handed.
    pub(in crate::session) handed: usize,
    pub(in crate::session) first_text_at: Option<CallTime>,
    /// Some audio has come.
    pub(in crate::session) begun: bool,
    /// Where the audio begins to sound.
    pub(in crate::session) onset: Onset,
    /// How often the voice failed at this.
    pub(in crate::session) failures: u8,
    /// It failed, and is given nothing for a while.
    pub(in crate::session) rests: bool,
    /// It failed before it had spoken everything.
    pub(in crate::session) lost: bool,
}

/// What the voice has been told under the name that it knows a generation by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::session) enum VoiceState {
    /// Nothing.
    Fresh,
    /// Texts; more may follow.
    Open,
    /// That there is no more text. It owes the rest of the audio.
    Closing,
    /// It has said everything, and takes no more under this name.
    Closed,
}

impl Synthesis {
    pub(super) fn new(voice: GenerationId) -> Self {
        Self {
            voice,
            state: VoiceState::Fresh,
            handed: 0,
            first_text_at: None,
            begun: false,
            onset: Onset::default(),
            failures: 0,
            rests: false,
            lost: false,
        }
    }

    /// The voice is given something else in place of what it was given, under another name.
    pub(super) fn begin_anew(&mut self, voice: GenerationId) {
        *self = Self { failures: self.failures, lost: self.lost, ..Self::new(voice) };
    }
}
