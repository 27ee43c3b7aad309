use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What two judges say of the same things: how often each pair of answers was given.
///
/// ```
/// use dealership::eval::Confusion;
///
/// let mut confusion = Confusion::default();
/// for (truth, judged) in [("yes", "yes"), ("yes", "no"), ("no", "no"), ("no", "no")] {
///     confusion.add(truth, judged);
/// }
/// assert_eq!(confusion.accuracy(), Some(0.75));
/// assert_eq!(confusion.precision("yes"), Some(1.0));
/// assert_eq!(confusion.recall("yes"), Some(0.5));
/// assert_eq!(confusion.kappa(), Some(0.5));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Confusion(BTreeMap<(String, String), u64>);

impl Confusion {
    /// Counts something of which one judge, or the truth, says the first and another the second.
    pub fn add(&mut self, truth: &str, judged: &str) {
        *self.0.entry((truth.to_owned(), judged.to_owned())).or_default() += 1;
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How often this was said where that is true.
    #[must_use]
    pub fn count(&self, truth: &str, judged: &str) -> u64 {
        self.0.get(&(truth.to_owned(), judged.to_owned())).copied().unwrap_or_default()
    }

    /// The share in which both say the same; `None` if there is nothing.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let same = self.sum(|truth, judged| truth == judged);
        share(same, self.total())
    }

    /// The share of what was judged to be so that is so.
    #[must_use]
    pub fn precision(&self, label: &str) -> Option<f64> {
        share(self.count(label, label), self.sum(|_, judged| judged == label))
    }

    /// The share of what is so that was judged to be so.
    #[must_use]
    pub fn recall(&self, label: &str) -> Option<f64> {
        share(self.count(label, label), self.sum(|truth, _| truth == label))
    }

    /// Cohen's kappa: how far two judges agree beyond what chance makes of how often each gives each
    /// answer. 1 is complete agreement, 0 that of chance; `None` where chance alone makes them agree.
    #[must_use]
    pub fn kappa(&self) -> Option<f64> {
        let agreed = self.accuracy()?;
        let total = self.total() as f64;
        let by_chance: f64 = self
            .labels()
            .iter()
            .map(|label| {
                let first = self.sum(|truth, _| truth == *label) as f64;
                let second = self.sum(|_, judged| judged == *label) as f64;
                first * second / (total * total)
            })
            .sum();
        (by_chance < 1.0).then(|| (agreed - by_chance) / (1.0 - by_chance))
    }

    fn labels(&self) -> BTreeSet<&str> {
        self.0.keys().flat_map(|(truth, judged)| [truth.as_str(), judged.as_str()]).collect()
    }

    fn sum(&self, is_meant: impl Fn(&str, &str) -> bool) -> u64 {
        let meant = self.0.iter().filter(|((truth, judged), _)| is_meant(truth, judged));
        meant.map(|(_, count)| count).sum()
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A table: a row for what is true, a column for what was said, and behind each row its precision and
/// recall.
impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels();
        let told = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.2}"));
        write!(f, "{:20}", "true \\ judged")?;
        for label in &labels {
            write!(f, " {label:>14}")?;
        }
        writeln!(f, " {:>9} {:>6}", "precision", "recall")?;
        for truth in &labels {
            write!(f, "{truth:20}")?;
            for judged in &labels {
                write!(f, " {:>14}", self.count(truth, judged))?;
            }
            let (precision, recall) = (self.precision(truth), self.recall(truth));
            writeln!(f, " {:>9} {:>6}", told(precision), told(recall))?;
        }
        let (accuracy, kappa) = (told(self.accuracy()), told(self.kappa()));
        writeln!(f, "{} in all, accuracy {accuracy}, kappa {kappa}", self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(pairs: &[(&str, &str, u64)]) -> Confusion {
        let mut confusion = Confusion::default();
        for (truth, judged, count) in pairs {
            (0..*count).for_each(|_| confusion.add(truth, judged));
        }
        confusion
    }

    #[test]
    fn kappa_is_agreement_beyond_chance() {
        // 20 yes and 15 no of both, 5 and 10 apart: 0.7 agreed, 0.5 by chance.
        let known =
            counted(&[("yes", "yes", 20), ("yes", "no", 5), ("no", "yes", 10), ("no", "no", 15)]);
        assert!((known.kappa().unwrap() - 0.4).abs() < 1e-9);
        assert_eq!(known.accuracy(), Some(0.7));
        let same = counted(&[("yes", "yes", 3), ("no", "no", 2)]);
        assert_eq!(same.kappa(), Some(1.0));
        let opposite = counted(&[("yes", "no", 5), ("no", "yes", 5)]);
        assert_eq!(opposite.kappa(), Some(-1.0));
        assert_eq!(counted(&[("yes", "yes", 4)]).kappa(), None, "nobody ever said anything else");
        assert_eq!(Confusion::default().kappa(), None);
    }

    #[test]
    fn precision_and_recall_are_told_for_each_answer() {
        let one = counted(&[("yes", "yes", 6), ("yes", "unknown", 2), ("no", "yes", 3)]);
        assert_eq!((one.precision("yes"), one.recall("yes")), (Some(6.0 / 9.0), Some(0.75)));
        assert_eq!((one.precision("no"), one.recall("no")), (None, Some(0.0)));
        let text = one.to_string();
        assert!(text.contains("11 in all, accuracy 0.55"), "{text}");
    }
}
