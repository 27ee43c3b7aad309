//! Times and events with which the tests of the observers tell a call.

use std::time::Duration;

use crate::{CallTime, Event, TurnId};

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn at(millis: u64) -> CallTime {
    CallTime::from_millis(millis)
}

pub(super) fn user(turn: u64, since: u64) -> Event {
    Event::UserStarted { turn: TurnId::new(turn), since: at(since) }
}

pub(super) fn user_stopped(turn: u64, since: u64) -> Event {
    Event::UserStopped { turn: TurnId::new(turn), since: at(since) }
}

pub(super) fn user_turn(turn: u64) -> Event {
    Event::UserTurn {
        turn: TurnId::new(turn),
        pii_text: "yes".into(),
        end_of_turn_delay: ms(300),
        transcription_delay: None,
    }
}
