use std::time::Duration;

use tokio::time::Instant;

/// What may be sent at once: the audio that a slow start holds back.
const BURST: Duration = Duration::from_millis(250);

/// How fast a connection may be given audio, counted from its beginning: what a pause did not use
/// may follow it.
#[derive(Debug)]
pub(super) struct Pace {
    percent: Option<u32>,
    since: Instant,
    zero: Duration,
}

impl Pace {
    /// At most `percent` of real time; `None` for as fast as audio comes.
    pub(super) fn new(percent: Option<u32>) -> Self {
        Self { percent, since: Instant::now(), zero: Duration::ZERO }
    }

    /// Another connection begins, with the audio from `zero` on.
    pub(super) fn restart(&mut self, zero: Duration) {
        (self.since, self.zero) = (Instant::now(), zero);
    }

    /// When the audio at this place may be sent.
    pub(super) fn may_send_at(&self, place: Duration) -> Instant {
        let Some(percent) = self.percent else { return self.since };
        let ahead = place.saturating_sub(self.zero).saturating_sub(BURST);
        self.since + ahead * 100 / percent.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn audio_is_held_back_by_the_clock_of_its_connection() {
        let mut pace = Pace::new(Some(125));
        let begin = Instant::now();
        assert_eq!(pace.may_send_at(250 * MS), begin);
        assert_eq!(pace.may_send_at(1_500 * MS), begin + 1_000 * MS);
        pace.restart(10_000 * MS);
        assert_eq!(pace.may_send_at(10_250 * MS), begin);
        assert_eq!(pace.may_send_at(11_500 * MS), begin + 1_000 * MS);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_all_is_due_at_once() {
        assert_eq!(Pace::new(None).may_send_at(60_000 * MS), Instant::now());
    }
}
