//! How sure it is what came of calls.

/// The 97.5th percentile of the normal distribution: an interval with 95 % between its ends.
const Z: f64 = 1.959_963_984_540_054;

/// A share, and between which bounds it lies with a confidence of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a figure and its bounds")]
pub struct Interval {
    /// What was seen.
    pub seen: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Interval {
    /// The share of `some` of `all`, by Wilson's score interval, which holds for few calls and for
    /// shares near none and all too (E. B. Wilson, 1927); `None` of no calls.
    #[must_use]
    pub fn share(some: i64, all: i64) -> Option<Self> {
        if all <= 0 {
            return None;
        }
        let (count, seen) = (all as f64, some as f64 / all as f64);
        let weight = 1.0 + Z * Z / count;
        let middle = (seen + Z * Z / (2.0 * count)) / weight;
        let spread = (seen * (1.0 - seen) / count + Z * Z / (4.0 * count * count)).sqrt();
        let reach = Z * spread / weight;
        Some(Self { seen, low: (middle - reach).max(0.0), high: (middle + reach).min(1.0) })
    }

    /// By how much this share is higher than another, by Newcombe's hybrid score interval
    /// (R. G. Newcombe, 1998, method 10).
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        let seen = self.seen - other.seen;
        let down = (self.seen - self.low).hypot(other.high - other.seen);
        let up = (self.high - self.seen).hypot(other.seen - other.low);
        Self { seen, low: seen - down, high: seen + up }
    }

    /// Whether it lies on one side of nothing: the difference is no accident.
    #[must_use]
    pub fn is_clear(self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        prelude::Rng as _,
        test_runner::{RngAlgorithm, TestRng},
    };

    use super::*;

    #[test]
    fn intervals_are_those_of_the_literature() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (some, all, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let share = Interval::share(some, all).unwrap();
            assert!(
                (share.low - low).abs() < 5e-5 && (share.high - high).abs() < 5e-5,
                "{share:?}"
            );
        }
        // Newcombe 1998 on differences, table II (a): 56/70 - 48/80.
        let share = |some, all| Interval::share(some, all).unwrap();
        let more = share(56, 70).over(share(48, 80));
        assert!((more.low - 0.0524).abs() < 5e-5 && (more.high - 0.3339).abs() < 5e-5, "{more:?}");
        assert!(more.is_clear() && !share(5, 10).over(share(4, 10)).is_clear());
        assert_eq!(Interval::share(0, 0), None);
    }

    /// How many of `all` calls end in a booking, of which a share of `chance` does.
    fn booked(rng: &mut TestRng, all: i64, chance: f64) -> i64 {
        (0..all).filter(|_| (rng.next_u32() as f64) < chance * f64::from(u32::MAX)).count() as i64
    }

    /// Of 1,000 experiments: those whose interval holds the true difference, and those that are
    /// clear.
    fn experiments(chances: (f64, f64), calls: i64) -> (usize, usize) {
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut told: Vec<Interval> = Vec::new();
        for _ in 0..1_000 {
            let one = booked(&mut rng, calls, chances.0);
            let other = booked(&mut rng, calls, chances.1);
            let share = |some| Interval::share(some, calls).unwrap();
            told.push(share(one).over(share(other)));
        }
        let truth = chances.0 - chances.1;
        let holds = told.iter().filter(|one| (one.low..=one.high).contains(&truth)).count();
        (holds, told.iter().filter(|one| one.is_clear()).count())
    }

    #[test]
    fn a_known_effect_is_found_and_none_is_rarely_seen_where_there_is_none() {
        let (holds, clear) = experiments((0.30, 0.20), 500);
        assert!((930..=970).contains(&holds), "{holds} of 1,000 hold the truth");
        assert!(clear > 930, "{clear} of 1,000 see ten points at 500 calls each");
        let (holds, clear) = experiments((0.25, 0.25), 500);
        assert!((930..=975).contains(&holds), "{holds}");
        assert!(clear < 70, "{clear} of 1,000 see what is not there");
    }
}
