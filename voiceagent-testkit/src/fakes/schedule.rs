use std::{collections::VecDeque, time::Duration};

use tokio::time::{Instant, sleep_until};

/// Things that a fake does later, soonest first; equal moments keep the order of their adding.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    things: VecDeque<(Instant, T)>,
}

impl<T> Schedule<T> {
    pub(crate) const fn new() -> Self {
        Self { things: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, at: Instant, thing: T) {
        let place = self.things.partition_point(|(other, _)| *other <= at);
        self.things.insert(place, (at, thing));
    }

    pub(crate) fn after(&mut self, delay: Duration, thing: T) {
        self.add(Instant::now() + delay, thing);
    }

    /// Waits for the next thing; forever when there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn due(&mut self) -> T {
        let Some((at, _)) = self.things.front() else { return std::future::pending().await };
        sleep_until(*at).await;
        self.things.pop_front().expect("nothing else takes things").1
    }

    /// Takes out what `wanted` picks, in order, without waiting for it.
    pub(crate) fn take(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let (taken, kept) = self.things.drain(..).partition(|(_, thing)| wanted(thing));
        self.things = kept;
        let taken: VecDeque<(Instant, T)> = taken;
        taken.into_iter().map(|(_, thing)| thing).collect()
    }

    /// Takes out what `wanted` picks of that which happens after `limit`.
    pub(crate) fn take_after(&mut self, limit: Instant, mut wanted: impl FnMut(&T) -> bool) {
        self.things.retain(|(at, thing)| *at <= limit || !wanted(thing));
    }

    /// When the last thing happens.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.things.back().map(|(at, _)| *at)
    }
}
