//! What the vendors saw and did, on one clock.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// What a vendor saw or did.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A call's first tagged audio reached the recognizer.
    CallHeard,
    /// The detector, fed with the same bytes as the agent's, heard speech since then.
    SpeechStarted { since: Instant },
    /// It heard no more speech since then.
    SpeechStopped { since: Instant },
    /// The recognizer sends a final.
    FinalSent,
    /// The recognizer sends its end of the turn.
    EndpointSent,
    /// The model is asked. `recalled` is what the agent said last, as the history has it.
    ModelAsked { recalled: Option<String>, after_tool: bool },
    /// A token leaves. `text` is all that has left of this answer.
    TokenSent { text: String },
    /// The synthesizer is to speak. `first` is the first piece of the text that it was given.
    FlushReceived { first: String },
    /// The first audio of a flush leaves.
    AudioSent,
    /// The agent let go of the line to a recognizer or a voice.
    LineEnded,
}

/// Something that happened at a vendor.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) call: u32,
    pub(crate) at: Instant,
    pub(crate) what: What,
}

/// The notes of all vendors.
#[derive(Debug, Default)]
pub(crate) struct Log {
    notes: Mutex<Vec<Note>>,
}

impl Log {
    pub(crate) fn note(&self, call: u32, what: What) {
        let at = Instant::now();
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(Note { call, at, what });
    }

    /// Lets go of the notes about a call.
    pub(crate) fn forget(&self, call: u32) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.retain(|note| note.call != call);
    }

    /// The notes about a call, in order.
    pub(crate) fn of(&self, call: u32) -> Vec<Note> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.iter().filter(|note| note.call == call).cloned().collect()
    }
}
