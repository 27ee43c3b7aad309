//! What both sides hear is recorded, if that was asked for.

use super::Driver;
use crate::{
    CallTime, Error, Event, Result,
    recorder::{Recorder, warn_of},
    session::Leg,
};

impl Driver {
    /// Begins to record. A call that cannot be recorded goes on.
    pub(super) fn begin_recording(&mut self) {
        let Some((folder, kind)) = &self.recipe.recordings else { return };
        let lead = self.recipe.config.playout.lead;
        match Recorder::create(folder, *kind, &self.info, lead) {
            Ok(recorder) => self.recorder = recorder,
            Err(error) => self.tell_of_lost_recording(&error),
        }
    }

    pub(super) fn record(&mut self, note: impl FnOnce(&mut Recorder, CallTime) -> Result<()>) {
        let now = self.now();
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = note(recorder, now)
        {
            self.recorder = None;
            self.tell_of_lost_recording(&error);
        }
    }

    /// Writes what is left. The owner and the observers have been told of the end by now.
    pub(super) async fn end_recording(&mut self, at: CallTime) {
        if let Some(recorder) = self.recorder.take()
            && let Err(error) = recorder.close(at).await
        {
            warn_of(&error);
        }
    }

    fn tell_of_lost_recording(&mut self, error: &Error) {
        warn_of(error);
        self.emit(Event::Failed { leg: Leg::Recorder, kind: error.kind() });
    }
}
