use std::fmt;

use serde::Serialize;
use voiceagent_core::turn::Lexical;

use super::data::Case;

/// Shares of the scale of probabilities.
const BINS: usize = 8;

/// How good predictions were.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Quality {
    /// How many there were, and how many of them of complete turns.
    pub(super) cases: usize,
    pub(super) complete: usize,
    /// Right ones, if half or more is taken for a yes.
    pub(super) accuracy: f64,
    /// How often a complete turn scores higher than a pause.
    pub(super) auc: f64,
    /// The mean of squared errors: 0 is an oracle, 0.25 one half for everything.
    pub(super) brier: f64,
    /// What was predicted, and what came of it.
    pub(super) bins: Vec<Bin>,
}

/// Predictions that are much the same.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bin {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) cases: usize,
    /// Their mean.
    pub(super) mean: f64,
    /// How many of the turns were complete, of all.
    pub(super) complete: f64,
}

impl Quality {
    /// Measures predictions. Pauses count as often as people make them.
    pub(super) fn of<'a>(lexical: &Lexical, cases: impl Iterator<Item = &'a Case>) -> Self {
        let scored: Vec<(f64, &Case)> = cases
            .map(|case| (f64::from(lexical.end_of_turn(&case.text, case.agent, None)), case))
            .collect();
        let mean = |value: &dyn Fn(f64, &Case) -> f64| {
            let all: f64 = scored.iter().map(|(_, case)| case.weight()).sum();
            scored.iter().map(|(guess, case)| case.weight() * value(*guess, case)).sum::<f64>()
                / all
        };
        Self {
            cases: scored.len(),
            complete: scored.iter().filter(|(_, case)| case.is_complete).count(),
            accuracy: mean(&|guess, case| f64::from(u8::from((guess >= 0.5) == case.is_complete))),
            auc: auc(&scored),
            brier: mean(&|guess, case| (guess - case.target()).powi(2)),
            bins: (0..BINS).filter_map(|bin| Bin::of(bin, &scored)).collect(),
        }
    }
}

impl Bin {
    fn of(bin: usize, scored: &[(f64, &Case)]) -> Option<Self> {
        let (from, to) = (bin as f64 / BINS as f64, (bin + 1) as f64 / BINS as f64);
        let inside: Vec<&(f64, &Case)> =
            scored.iter().filter(|(guess, _)| (from..to).contains(guess)).collect();
        let weight: f64 = inside.iter().map(|(_, case)| case.weight()).sum();
        let mean = |value: fn(f64, &Case) -> f64| {
            inside.iter().map(|(guess, case)| case.weight() * value(*guess, case)).sum::<f64>()
                / weight
        };
        (weight > 0.0).then(|| Self {
            from,
            to,
            cases: inside.len(),
            mean: mean(|guess, _| guess),
            complete: mean(|_, case| case.target()),
        })
    }
}

fn auc(scored: &[(f64, &Case)]) -> f64 {
    let (whole, cut): (Vec<_>, Vec<_>) = scored.iter().partition(|(_, case)| case.is_complete);
    let pairs = whole.iter().flat_map(|(one, _)| cut.iter().map(move |(other, _)| (one, other)));
    let won: f64 = pairs
        .map(|(one, other)| match one.total_cmp(other) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    won / (whole.len() * cut.len()).max(1) as f64
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, complete, accuracy, auc, brier, .. } = self;
        write!(f, "{cases} | {complete} | {:.1} % | {auc:.3} | {brier:.3}", accuracy * 100.0)
    }
}

impl fmt::Display for Bin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, cases, mean, complete } = self;
        write!(f, "{from:.3} to {to:.3} | {cases} | {mean:.2} | {complete:.2}")
    }
}
