//! Percentiles.

use serde::Serialize;

/// What is told of many values.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) min: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// `None` without values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            // The smallest value that at least this share of all values do not exceed.
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied()
        };
        Some(Self {
            count: sorted.len(),
            min: *sorted.first()?,
            p50: at(0.5)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
            max: *sorted.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let summary = Summary::of((1..=100).rev().map(f64::from)).unwrap();
        let high = (summary.p95, summary.p99, summary.max);
        assert_eq!((summary.p50, high), (50.0, (95.0, 99.0, 100.0)));
        let few = Summary::of([3.0, 1.0]).unwrap();
        assert_eq!((few.count, few.min, few.p50, few.p95), (2, 1.0, 1.0, 3.0));
        assert!(Summary::of([]).is_none());
    }
}
