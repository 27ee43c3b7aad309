use std::time::Duration;

/// Chance that is the same each time: SplitMix64 (Steele, Lea and Flood, 2014) from a seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice for one `purpose` of the world with this seed. Another purpose throws other numbers, so
    /// that one part of the world does not depend on how often another one asks.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut dice = Self(seed ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        dice.throw();
        dice
    }

    pub(super) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.throw() % (high - low + 1)
    }

    /// Whether something happens that happens in so many of a hundred cases.
    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.throw() % 100 < share
    }

    pub(super) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub(super) fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        let index = self.throw() as usize % things.len();
        &things[index]
    }

    /// A share from 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number that is normal in its distribution, nearly: 0 on average, with a deviation of 1.
    pub(super) fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }

    /// A time like those of vendors and of people: half are shorter than `median` (but no shorter
    /// than half of it), few are much longer, none is longer than four times as long.
    pub(super) fn latency(&mut self, median: Duration) -> Duration {
        let share = self.share();
        median.mul_f64(0.5 + share + 2.5 * share.powi(12))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_another_purpose_does_not() {
        let throws = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            [(); 8].map(|()| dice.throw())
        };
        assert_eq!(throws(7, 1), throws(7, 1));
        assert_ne!(throws(7, 1), throws(7, 2));
        assert_ne!(throws(7, 1), throws(8, 1));
    }

    #[test]
    fn half_of_all_latencies_are_below_the_median_and_none_is_beyond_four_times() {
        let mut dice = Dice::new(1, 1);
        let median = Duration::from_millis(100);
        let mut times: Vec<Duration> = (0..1_001).map(|_| dice.latency(median)).collect();
        times.sort();
        assert!((90..110).contains(&times[500].as_millis()), "{:?}", times[500]);
        assert!(times[0] >= median / 2 && times[1_000] <= median * 4);
        assert!(times[990] > median * 2, "there is a tail");
    }
}
