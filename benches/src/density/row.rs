use serde::Serialize;

use crate::e2e_latency::{
    pass::Pass,
    report::{overheads, responses},
    statistics::Summary,
};

/// One pass. Times are in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) variant: &'static str,
    pub(super) calls: u32,
    failed: usize,
    response: Option<Summary>,
    pub(super) overhead: Option<Summary>,
    pub(super) unevenness: Option<Summary>,
    gaps: usize,
    pub(super) cpu_seconds_per_call_minute: f64,
    pub(super) memory_per_call_kib: u64,
    /// How much of one core phones and vendors took: beyond what they have, figures are theirs.
    generator_load: f64,
}

impl Row {
    pub(super) fn of(pass: &Pass, generator_load: f64) -> Self {
        let unevenness = pass.calls.iter().flat_map(|call| call.unevenness.iter().copied());
        Self {
            variant: pass.name,
            calls: pass.plan.at_once,
            failed: pass.failed,
            response: Summary::of(responses(pass)),
            overhead: Summary::of(overheads(pass, false, |parts| Some(parts.total()))),
            unevenness: Summary::of(unevenness),
            gaps: pass.calls.iter().map(|call| call.gaps).sum(),
            cpu_seconds_per_call_minute: pass.cost.cpu_per_call_minute(),
            memory_per_call_kib: pass.cost.peak_kib.saturating_sub(pass.cost.idle_kib)
                / u64::from(pass.plan.at_once.max(1)),
            generator_load,
        }
    }

    /// How much of a core so many calls take.
    pub(super) fn core(&self) -> f64 {
        f64::from(self.calls) * self.cpu_seconds_per_call_minute / 60.0
    }

    /// A line of the table.
    pub(super) fn line(&self) -> String {
        let milliseconds = |summary: Option<Summary>, read: fn(Summary) -> f64| {
            summary.map_or("-".to_owned(), |summary| format!("{:.1}", read(summary)))
        };
        format!(
            "{:>5} {:<12} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>5} {:>9.3} {:>6.0} % {:>8} {:>7.0} %\n",
            self.calls,
            self.variant,
            self.failed,
            milliseconds(self.response, |it| it.p50),
            milliseconds(self.response, |it| it.p99),
            milliseconds(self.overhead, |it| it.p50),
            milliseconds(self.overhead, |it| it.p99),
            milliseconds(self.unevenness, |it| it.p99),
            self.gaps,
            self.cpu_seconds_per_call_minute,
            100.0 * self.core(),
            self.memory_per_call_kib,
            100.0 * self.generator_load,
        )
    }
}

/// What stands above the lines.
pub(super) fn heading() -> String {
    format!(
        "{:>5} {:<12} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>5} {:>9} {:>8} {:>8} {:>9}\n",
        "calls",
        "",
        "failed",
        "response",
        "p99",
        "overhead",
        "p99",
        "uneven",
        "gaps",
        "CPU s/min",
        "core",
        "KiB/call",
        "others"
    )
}
