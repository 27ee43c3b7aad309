use serde::Serialize;

use crate::e2e_latency::statistics::Summary;

/// One target, and what was measured.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    #[serde(flatten)]
    what: What,
    is_met: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// Of so many, how many.
    Count { of: usize, done: usize },
    /// Milliseconds. Without a figure nothing was measured, and the target is missed.
    Time { below: f64, figure: Option<Summary> },
    /// Mebibytes; missed without a figure too.
    Memory { below: f64, most: Option<f64> },
}

impl Row {
    /// A time of which 99 in 100 are to be shorter than so many milliseconds.
    pub(super) fn time(
        name: impl Into<String>,
        below: f64,
        millis: impl IntoIterator<Item = f64>,
    ) -> Self {
        let figure = Summary::of(millis);
        let is_met = figure.is_some_and(|figure| figure.p99 < below);
        Self { name: name.into(), what: What::Time { below, figure }, is_met }
    }

    /// Something that is to be so of all.
    pub(super) fn all(name: impl Into<String>, of: usize, done: usize) -> Self {
        Self { name: name.into(), what: What::Count { of, done }, is_met: of == done }
    }

    /// The most memory that something may have, in mebibytes.
    pub(super) fn memory(name: impl Into<String>, below: f64, most: Option<f64>) -> Self {
        let is_met = most.is_some_and(|most| most < below);
        Self { name: name.into(), what: What::Memory { below, most }, is_met }
    }

    /// Whether it is as it should be; on a machine that is busy, whether there is a figure at all:
    /// a script by the clock goes astray where all of it is late.
    pub(super) fn holds(&self, busy: bool) -> bool {
        self.is_met
            || busy
                && match self.what {
                    What::Count { done, .. } => done > 0,
                    What::Time { figure, .. } => figure.is_some(),
                    What::Memory { .. } => false,
                }
    }

    /// A line of the table.
    pub(super) fn line(&self) -> String {
        let verdict = if self.is_met { "green" } else { "RED" };
        let [target, count, median, most] = match &self.what {
            What::Count { of, done } => {
                [format!("all {of}"), of.to_string(), String::new(), done.to_string()]
            }
            What::Memory { below, most } => [
                format!("< {below} MiB"),
                String::new(),
                String::new(),
                most.map_or_else(|| "-".to_owned(), |most| format!("{most:.0}")),
            ],
            What::Time { below, figure: None } => {
                [format!("< {below} ms"), "0".to_owned(), "-".to_owned(), "-".to_owned()]
            }
            What::Time { below, figure: Some(figure) } => [
                format!("< {below} ms"),
                figure.count.to_string(),
                format!("{:.3}", figure.p50),
                format!("{:.3}", figure.p99),
            ],
        };
        format!("{:<34} {target:>10} {count:>6} {median:>10} {most:>10} {verdict:>6}\n", self.name)
    }
}

/// What stands above the lines.
pub(super) fn heading() -> String {
    format!("{:<34} {:>10} {:>6} {:>10} {:>10}\n", "", "target", "n", "p50", "p99")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_green_when_99_in_100_are_within_its_target() {
        let mostly = (0..100).map(|nth| if nth == 0 { 50.0 } else { 1.0 });
        assert!(Row::time("a", 2.0, mostly.clone()).holds(false));
        assert!(!Row::time("a", 2.0, mostly.chain([50.0])).holds(false));
        assert!(!Row::time("a", 1.0, [1.0]).holds(false), "a target is a bound");
        assert!(Row::time("a", 1.0, [1.0]).holds(true), "nobody can tell on a busy machine");
        assert!(Row::time("a", 1.0, [0.5]).line().ends_with("green\n"));
    }

    #[test]
    fn what_was_not_measured_is_red() {
        assert!(Row::time("a", 2.0, []).line().ends_with("RED\n"));
        assert!(!Row::time("a", 2.0, []).holds(true));
        assert!(!Row::memory("a", 2.0, None).holds(true));
        assert!(!Row::memory("a", 2.0, Some(2.0)).holds(true), "a busy machine takes no more");
        assert!(Row::memory("a", 2.0, Some(1.0)).line().ends_with("green\n"));
        assert!(!Row::all("a", 3, 0).holds(true) && !Row::all("a", 3, 2).holds(false));
        assert!(Row::all("a", 3, 2).holds(true) && Row::all("a", 3, 3).holds(false));
    }
}
