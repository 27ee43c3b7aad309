use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::PhoneNumber;

/// Numbers that are remembered. One takes some 200 bytes, so that a flood from many numbers costs
/// a megabyte; then those that called longest ago are forgotten.
const NUMBERS: usize = 4_096;

/// How often a number may call.
#[derive(Debug)]
pub(super) struct Callers {
    calls: usize,
    within: Duration,
    seen: Mutex<BTreeMap<PhoneNumber, VecDeque<Instant>>>,
}

impl Callers {
    pub(super) const fn new(calls: usize, within: Duration) -> Self {
        Self { calls, within, seen: Mutex::new(BTreeMap::new()) }
    }

    /// Whether this number has called too often. Calls that are refused do not count. Who hides
    /// the number is not told from others who do, and is let in.
    pub(super) fn refuse(&self, number: Option<&str>) -> bool {
        // Plivo and Vonage write numbers without their plus.
        let number = number.and_then(|number| {
            number.parse::<PhoneNumber>().or_else(|_| format!("+{number}").parse()).ok()
        });
        let Some(number) = number else { return false };
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= NUMBERS && !seen.contains_key(&number) {
            let last = |calls: &VecDeque<Instant>| calls.back().copied();
            let oldest = seen.iter().min_by_key(|(_, calls)| last(calls));
            if let Some(oldest) = oldest.map(|(number, _)| number.clone()) {
                seen.remove(&oldest);
            }
        }
        let calls = seen.entry(number).or_default();
        while calls.front().is_some_and(|call| now - *call >= self.within) {
            calls.pop_front();
        }
        if calls.len() >= self.calls {
            return true;
        }
        calls.push_back(now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_number_may_call_so_often_within_a_time_however_it_is_written() {
        let callers = Callers::new(2, Duration::from_secs(60));
        assert!(!callers.refuse(Some("+14155550100")));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(!callers.refuse(Some("14155550100")));
        assert!(callers.refuse(Some("+1 415 555 0100")));
        assert!(!callers.refuse(Some("+14155550101")));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(!callers.refuse(Some("+14155550100")), "the first call is forgotten");
        assert!(callers.refuse(Some("+14155550100")));
        for _hidden in 0..9 {
            assert!(!callers.refuse(Some("anonymous")) && !callers.refuse(None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let callers = Callers::new(1, Duration::from_secs(60));
        for number in 0..NUMBERS + 10 {
            assert!(!callers.refuse(Some(&format!("+1415{number:07}"))));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(callers.seen.lock().unwrap().len(), NUMBERS);
    }
}
