//! The owner of the call ends the user's turn.

use super::{Command, Session};

impl Session {
    /// The user has finished, whatever the detector hears: what was said is waited for, and
    /// nothing that is said from now on belongs to the turn.
    pub(super) fn on_commit_turn(&mut self) {
        if self.user.commit_by.is_some() {
            return;
        }
        if self.user.speaking_since.take().is_some() {
            self.user.last_speech = Some(self.now);
            self.reset_detector();
        }
        let is_known = self.config.vad && !self.user.is_empty() && self.user.is_settled();
        if self.config.format.is_none() || is_known {
            self.user.commit(self.now);
            return;
        }
        self.user.commit(self.now + self.config.endpointing.transcript_timeout);
        self.commands.push_back(if self.config.stt_finalize {
            Command::FinalizeTranscript
        } else {
            Command::FlushTranscript
        });
    }

    /// Before a turn is closed: what the recognizer still says of one that was ended by the owner
    /// of the call is not taken.
    pub(super) fn refuse_more(&mut self) {
        if self.user.commit_by.is_some() {
            self.user.close(self.now + self.config.endpointing.transcript_timeout);
        }
    }
}
