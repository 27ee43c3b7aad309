use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// Waiting times between tries: exponential, with full jitter, and bounded in number.
///
/// Full jitter spreads the tries of many calls that lost the same vendor at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
    tried: u32,
    jitter: u64,
}

impl Backoff {
    /// At most `tries` waits; the n-th is at most `base * 2^n` and never more than `cap`.
    ///
    /// The same `seed` gives the same waits.
    pub(crate) const fn new(base: Duration, cap: Duration, tries: u32, seed: u64) -> Self {
        Self { base, cap, tries, tried: 0, jitter: seed }
    }

    /// A seed that differs from process to process and from call to call.
    pub(crate) fn random_seed() -> u64 {
        RandomState::new().build_hasher().finish()
    }

    /// How long to wait before the next try; `None` when there were enough.
    pub(crate) fn next_wait(&mut self) -> Option<Duration> {
        if self.tried >= self.tries {
            return None;
        }
        let ceiling = self.base.saturating_mul(1 << self.tried.min(16)).min(self.cap);
        self.tried += 1;
        let ceiling = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
        Some(Duration::from_micros(self.random() % ceiling.saturating_add(1)))
    }

    /// Begins anew, because the other side has proved to be well.
    pub(crate) const fn reset(&mut self) {
        self.tried = 0;
    }

    /// One step of splitmix64 (Steele, Lea and Flood, 2014).
    const fn random(&mut self) -> u64 {
        self.jitter = self.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(1);

    fn waits(seed: u64) -> Vec<Duration> {
        let mut backoff = Backoff::new(BASE, CAP, 8, seed);
        std::iter::from_fn(|| backoff.next_wait()).collect()
    }

    #[test]
    fn waits_are_bounded_in_number_and_in_length() {
        for seed in 0..100 {
            let waits = waits(seed);
            assert_eq!(waits.len(), 8);
            for (tried, wait) in waits.into_iter().enumerate() {
                assert!(wait <= (BASE * (1 << tried)).min(CAP));
            }
        }
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let first: Vec<_> = (0..200).map(|seed| waits(seed)[0]).collect();
        assert!(first.iter().any(|wait| *wait < BASE / 10));
        assert!(first.iter().any(|wait| *wait > BASE * 9 / 10));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[test]
    fn a_reset_begins_anew() {
        let mut backoff = Backoff::new(BASE, CAP, 1, 1);
        assert!(backoff.next_wait().is_some());
        assert!(backoff.next_wait().is_none());
        backoff.reset();
        assert!(backoff.next_wait().is_some());
    }
}
