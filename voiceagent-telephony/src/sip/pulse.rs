use std::time::Duration;

use rsipstack::{dialog::invite_dialog::InviteDialog, sip::Method};
use tokio::time::timeout;
use voiceagent_core::CallTime;

use super::{digest::Credentials, quiet::quiet, within};

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(30);

/// How long an answer is waited for (64 times T1; RFC 3261, section 17.1.2.2).
const ANSWER: Duration = Duration::from_secs(32);

/// How many questions in a row may have found no way to the other side, which may be a moment's
/// trouble of ours: the last of them ends the call.
const UNSENT: u32 = 2;

/// Asks a side whose media tells nothing, since it is on hold or only listens, whether it is still
/// there. A phone that is gone would hold its call for ever else, where no session timer watches it.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    asked: Option<CallTime>,
    is_waiting: bool,
    unsent: u32,
}

impl Pulse {
    /// Whether it is to be asked now. It counts as asked then.
    pub(super) fn is_due(&mut self, now: CallTime) -> bool {
        let is_due = !self.is_waiting && self.asked.is_none_or(|asked| now >= asked + PAUSE);
        if is_due {
            self.asked = Some(now);
            self.is_waiting = true;
        }
        is_due
    }

    /// Takes the status of its answer; whether it is there. Whoever refuses the question is, unless it
    /// does not know the call (481), or says nothing (408; RFC 3261, section 12.2.1.2).
    pub(super) const fn answered(&mut self, status: Option<u16>) -> bool {
        self.is_waiting = false;
        self.unsent = if status.is_none() { self.unsent + 1 } else { 0 };
        !matches!(status, Some(408 | 481)) && self.unsent < UNSENT
    }
}

/// Asks; the status of the answer, which is 408 where none comes, or `None` where the question could
/// not be sent.
pub(super) async fn ask(dialog: InviteDialog, credentials: Option<Credentials>) -> Option<u16> {
    let asking = within::ask(&dialog, credentials.as_ref(), Method::Options, vec![], None);
    let Ok(answer) = timeout(ANSWER, quiet(asking)).await else { return Some(408) };
    answer.map(|answer| u16::from(answer.status_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> CallTime {
        CallTime::from_millis(seconds * 1_000)
    }

    #[test]
    fn one_question_at_a_time_is_asked_and_the_next_half_a_minute_later() {
        let mut pulse = Pulse::default();
        assert!(pulse.is_due(at(10)));
        assert!(!pulse.is_due(at(50)), "the first one is not answered");
        assert!(pulse.answered(Some(200)));
        assert!(pulse.is_due(at(50)));
        assert!(pulse.answered(Some(405)), "whoever refuses is there");
        assert!(!pulse.is_due(at(79)));
        assert!(pulse.is_due(at(80)));
    }

    #[test]
    fn who_says_nothing_or_knows_no_such_call_is_gone_and_a_lost_way_is_tried_twice() {
        for status in [408, 481] {
            assert!(!Pulse::default().answered(Some(status)));
        }
        let mut pulse = Pulse::default();
        assert!(pulse.answered(None));
        assert!(pulse.answered(Some(200)));
        assert!(pulse.answered(None));
        assert!(!pulse.answered(None));
    }
}
