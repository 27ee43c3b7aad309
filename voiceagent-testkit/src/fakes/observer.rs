use std::sync::{Arc, Mutex, PoisonError};

use voiceagent_core::{CallTime, Event, observer::Observer};

/// An observer that keeps every event. A clone keeps and shows the same.
#[derive(Clone, Debug, Default)]
pub struct RecordingObserver(Arc<Mutex<Vec<(CallTime, Event)>>>);

impl RecordingObserver {
    /// Every event so far, with its moment in the call.
    #[must_use]
    pub fn timed(&self) -> Vec<(CallTime, Event)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every event so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.timed().into_iter().map(|(_, event)| event).collect()
    }
}

impl Observer for RecordingObserver {
    fn on_event(&mut self, at: CallTime, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((at, event.clone()));
    }
}

#[cfg(test)]
mod tests {
    use voiceagent_core::TurnId;

    use super::*;

    #[test]
    fn events_are_kept_in_order_with_their_time() {
        let seen = RecordingObserver::default();
        let mut observer = seen.clone();
        let events = [1, 2]
            .map(|turn| Event::UserStarted { turn: TurnId::new(turn), since: CallTime::ZERO });
        observer.on_event(CallTime::from_millis(5), &events[0]);
        observer.on_event(CallTime::from_millis(9), &events[1]);
        assert_eq!(seen.events(), events);
        assert_eq!(seen.timed()[1].0, CallTime::from_millis(9));
    }
}
