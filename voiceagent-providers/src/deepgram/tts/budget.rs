use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The vendor ignores a flush beyond 20 in 60 s, and would never speak its text.
const LIMIT: usize = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// What a flush is for. The later in the order, the more of the budget it may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// A text behind the first: worth it while there is plenty.
    Later,
    /// The first text of a generation, for early audio.
    First,
    /// The end of a generation: without it the rest is never spoken.
    Last,
}

/// Counts flushes.
#[derive(Debug, Default)]
pub(super) struct FlushBudget {
    used: VecDeque<Instant>,
}

impl FlushBudget {
    /// Takes a flush from the budget, or says when to ask again.
    pub(super) fn take(&mut self, purpose: Purpose, now: Instant) -> Result<(), Instant> {
        while self.used.front().is_some_and(|at| *at + WINDOW <= now) {
            self.used.pop_front();
        }
        // A conversation has up to 8 answers a minute, each with a beginning and an end. While the
        // first text is spoken the others come in, so that most of them can wait for the end.
        let limit = match purpose {
            Purpose::Later => LIMIT - 16,
            Purpose::First => LIMIT - 2,
            Purpose::Last => LIMIT,
        };
        if self.used.len() >= limit {
            return Err(self.used[self.used.len() - limit] + WINDOW);
        }
        self.used.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn never_more_than_twenty_flushes_in_any_minute() {
        let mut budget = FlushBudget::default();
        let start = Instant::now();
        let mut taken = Vec::new();
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            if budget.take(Purpose::Last, now).is_ok() {
                taken.push(now);
            }
        }
        assert!(taken.len() >= 90, "the budget is used: {}", taken.len());
        for window in taken.windows(LIMIT + 1) {
            assert!(window[LIMIT] - window[0] >= WINDOW);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn some_of_the_budget_is_kept_for_beginnings_and_ends() {
        let mut budget = FlushBudget::default();
        let now = Instant::now();
        let take = |budget: &mut FlushBudget, purpose| {
            std::iter::from_fn(|| budget.take(purpose, now).ok()).count()
        };
        assert_eq!(take(&mut budget, Purpose::Later), 4);
        assert_eq!(take(&mut budget, Purpose::First), 14);
        assert_eq!(take(&mut budget, Purpose::Last), 2);
        assert_eq!(budget.take(Purpose::Last, now), Err(now + WINDOW));
    }
}
