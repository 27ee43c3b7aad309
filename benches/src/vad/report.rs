//! What is told of a run.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::{cost::Cost, delay::Delays, score::Quality};

/// All figures. Times are in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) detectors: Vec<DetectorReport>,
    pub(super) sets: Vec<SetReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct DetectorReport {
    pub(super) name: &'static str,
    pub(super) window_ms: f64,
    pub(super) cost_ms_per_second: Option<Cost>,
}

/// All conditions of a set of recordings.
#[derive(Debug, Serialize)]
pub(super) struct SetReport {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    pub(super) speech_seconds: f64,
    /// By how many milliseconds the scores of each detector are read later than the labels.
    pub(super) lags: Vec<usize>,
    pub(super) conditions: Vec<ConditionReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct ConditionReport {
    pub(super) name: String,
    /// In the order of the detectors.
    pub(super) results: Vec<Outcome>,
}

/// One detector under one condition.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) quality: Quality,
    /// F1 of what the gate makes of it, with its default thresholds.
    pub(super) gate_f1: f64,
    pub(super) delays: Delays,
    pub(super) edges: usize,
    /// What rest on a still line changes; `None` under noise, where no line is still.
    pub(super) rest: Option<Rest>,
}

/// How many edges have no like within a window.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Rest {
    /// When the detector rests on a still line.
    pub(super) changed: usize,
    /// When it does not rest, and the stream begins 7 ms later, so that windows lie elsewhere.
    pub(super) changed_by_shift: usize,
    /// How many edges there are with rest.
    pub(super) edges: usize,
    /// F1 of the gate with rest.
    pub(super) gate_f1: f64,
}

impl Report {
    /// The figures for people, as Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("a String takes everything");
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "| detector | window | detector alone | from mu-law to edges |\n|---|---|---|---|"
        )?;
        for detector in &self.detectors {
            write!(out, "| {} | {:.0} ms | ", detector.name, detector.window_ms)?;
            match detector.cost_ms_per_second {
                Some(Cost { detector, from_phone }) => {
                    writeln!(out, "{detector:.2} ms/s | {from_phone:.2} ms/s |")?;
                }
                None => writeln!(out, "not measured | not measured |")?,
            }
        }
        for set in &self.sets {
            writeln!(
                out,
                "\n{}: {:.0} s, {:.0} s of them speech.\n",
                set.name, set.seconds, set.speech_seconds
            )?;
            self.areas(out, set)?;
            writeln!(out)?;
            self.edges(out, set)?;
            writeln!(out)?;
            self.rest(out, set)?;
        }
        Ok(())
    }

    /// A row for each condition, a column for each detector.
    fn areas(&self, out: &mut String, set: &SetReport) -> fmt::Result {
        write!(out, "| ROC-AUC |")?;
        for (detector, lag) in self.detectors.iter().zip(&set.lags) {
            write!(out, " {} ({lag} ms) |", detector.name)?;
        }
        writeln!(out, "\n|---|{}", "---|".repeat(self.detectors.len()))?;
        for condition in &set.conditions {
            write!(out, "| {} |", condition.name)?;
            let areas = condition.results.iter().map(|it| it.quality.auc);
            let best = areas.clone().fold(0.0, f64::max);
            for area in areas {
                let mark = if best - area < 0.000_5 { "**" } else { "" };
                write!(out, " {mark}{area:.3}{mark} |")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn rest(&self, out: &mut String, set: &SetReport) -> fmt::Result {
        writeln!(
            out,
            "| condition | detector | edges | with rest | changed by rest | by a shift of 7 ms \
             | F1 gate | with rest |\n|---|---|---|---|---|---|---|---|"
        )?;
        for condition in &set.conditions {
            for (detector, it) in self.detectors.iter().zip(&condition.results) {
                let Some(Rest { changed, changed_by_shift, edges, gate_f1 }) = it.rest else {
                    continue;
                };
                writeln!(
                    out,
                    "| {} | {} | {} | {edges} | {changed} | {changed_by_shift} | {:.3} | \
                     {gate_f1:.3} |",
                    condition.name, detector.name, it.edges, it.gate_f1
                )?;
            }
        }
        Ok(())
    }

    fn edges(&self, out: &mut String, set: &SetReport) -> fmt::Result {
        writeln!(
            out,
            "| condition | detector | F1 gate | F1 best (at) | onset p50 / p90 | offset p50 / p90 \
             | missed | false starts / min |\n|---|---|---|---|---|---|---|---|"
        )?;
        for condition in &set.conditions {
            for (detector, it) in self.detectors.iter().zip(&condition.results) {
                let Delays { onset, offset, missed, utterances, false_starts_per_minute } =
                    &it.delays;
                writeln!(
                    out,
                    "| {} | {} | {:.3} | {:.3} ({:.2}) | {} / {} | {} / {} | {missed} of \
                     {utterances} | {false_starts_per_minute:.1} |",
                    condition.name,
                    detector.name,
                    it.gate_f1,
                    it.quality.best_f1,
                    it.quality.best_threshold,
                    onset.p50,
                    onset.p90,
                    offset.p50,
                    offset.p90,
                )?;
            }
        }
        Ok(())
    }
}
