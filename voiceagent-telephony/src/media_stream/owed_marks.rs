use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;
use voiceagent_core::MarkId;

use super::dialect::Cleared;

/// Marks that may be under way: one for each 20 ms frame of five seconds. A session that gets none
/// back sends no more long before.
const MARKS: usize = 256;

/// For a carrier to say that it has dropped the audio. Without a word for so long, it has not
/// heard the request or does not answer it, and whoever waits for the marks must go on.
const TOLD: Duration = Duration::from_secs(1);

/// The marks that a carrier owes an answer, where a clear may lose some.
///
/// Whoever sent a mark gets it back once, as from carriers that return the marks of dropped audio
/// by themselves.
#[derive(Debug)]
pub(super) struct OwedMarks {
    rule: Cleared,
    /// In front of audio that is to be played.
    sent: VecDeque<MarkId>,
    /// In front of audio that is dropped.
    dropped: VecDeque<MarkId>,
    dropped_at: Option<Instant>,
}

impl OwedMarks {
    pub(super) fn new(rule: Cleared) -> Self {
        // Where marks are never lost, none is noted.
        let room = if rule == Cleared::ReturnsMarks { 0 } else { MARKS };
        let list = || VecDeque::with_capacity(room);
        Self { rule, sent: list(), dropped: list(), dropped_at: None }
    }

    /// Notes a mark that is on its way to the carrier.
    pub(super) fn sent(&mut self, mark: MarkId) {
        if self.rule == Cleared::ReturnsMarks {
            return;
        }
        if self.sent.len() >= MARKS {
            self.sent.pop_front();
        }
        self.sent.push_back(mark);
    }

    /// Whether a mark that the carrier returns is to be told. One that a clear has answered
    /// already is not.
    pub(super) fn returned(&mut self, mark: MarkId) -> bool {
        if self.rule == Cleared::ReturnsMarks {
            return true;
        }
        let lists = [&mut self.sent, &mut self.dropped];
        lists.into_iter().any(|list| {
            let place = list.iter().position(|owed| *owed == mark);
            place.and_then(|place| list.remove(place)).is_some()
        })
    }

    /// Notes that the carrier has been asked to drop its audio.
    pub(super) fn clear(&mut self) {
        self.dropped.append(&mut self.sent);
        self.dropped_at = Some(Instant::now());
    }

    /// Whether marks that follow a clear directly are answered here, and not sent at all.
    pub(super) fn answers_cleared(&self) -> bool {
        self.rule != Cleared::ReturnsMarks
    }

    /// The carrier has dropped its audio.
    pub(super) fn told(&mut self) {
        self.dropped_at = None;
    }

    /// A mark that is answered by now although the carrier did not.
    pub(super) fn due(&mut self) -> Option<MarkId> {
        let waits = self.dropped_at.is_some_and(|at| at.elapsed() < TOLD);
        if self.rule == Cleared::IsTold && waits {
            return None;
        }
        self.dropped.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(owed: &mut OwedMarks) -> Vec<u64> {
        std::iter::from_fn(|| owed.due()).map(|mark| mark.to_string().parse().unwrap()).collect()
    }

    fn after_a_clear(rule: Cleared) -> OwedMarks {
        let mut owed = OwedMarks::new(rule);
        for number in 1..=3 {
            owed.sent(MarkId::new(number));
        }
        assert!(owed.returned(MarkId::new(1)));
        assert!(due(&mut owed).is_empty());
        owed.clear();
        owed.sent(MarkId::new(4));
        owed
    }

    #[tokio::test(start_paused = true)]
    async fn cp4_marks_that_a_clear_loses_are_answered_once() {
        let mut owed = after_a_clear(Cleared::IsNotTold);
        assert_eq!(due(&mut owed), [2, 3]);
        // This one does return them, which was not documented.
        assert!(!owed.returned(MarkId::new(2)));
        assert!(owed.returned(MarkId::new(4)));
        assert!(!owed.returned(MarkId::new(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_answered_when_the_carrier_says_that_it_is_silent_or_never_says_it() {
        let mut owed = after_a_clear(Cleared::IsTold);
        assert!(due(&mut owed).is_empty());
        owed.told();
        assert_eq!(due(&mut owed), [2, 3]);
        let mut owed = after_a_clear(Cleared::IsTold);
        tokio::time::advance(TOLD).await;
        assert_eq!(due(&mut owed), [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_carrier_that_returns_all_marks_is_believed() {
        let mut owed = after_a_clear(Cleared::ReturnsMarks);
        assert!(due(&mut owed).is_empty());
        assert!(owed.returned(MarkId::new(2)));
    }
}
