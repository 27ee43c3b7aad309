//! A detector that hears somebody whom nobody understands, and one that is gone.

use super::{Command, Event, Session, Timer};

impl Session {
    /// Lets the detector begin anew. If the user does speak, it hears so right away; if it hears
    /// the same again and still nothing is understood, that is noise.
    pub(super) fn doubt_detector(&mut self) {
        self.user.doubt(self.now);
        self.reset_detector();
    }

    /// Lets the detector begin anew: from now on nobody speaks, whatever it has heard.
    pub(super) fn reset_detector(&mut self) {
        self.monologue.on_silence();
        self.commands.push_back(Command::ResetDetector);
        self.emit(Event::UserStopped { turn: self.user.id, since: self.now });
        self.dismiss();
    }

    /// Goes on without edges of speech, as with no detector from the beginning.
    pub(super) fn on_detector_lost(&mut self) {
        self.config.vad = false;
        // Nobody tells any more how long the voice lasts: from now on words decide.
        self.timers.clear(Timer::Backchannel);
        self.timers.clear(Timer::BargeIn);
        self.endpointing.configure(&self.config);
        self.on_speech_stopped(self.now);
    }
}
