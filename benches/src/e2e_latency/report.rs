//! What a run found, as a table and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    measure::{BargeIn, Figures, History, Overhead, Turn},
    pass::Pass,
    script,
    statistics::Summary,
};

/// All figures of a run. Times are in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    passes: Vec<PassReport>,
    /// Of a process that only reads and writes as often as an agent with one call.
    floor_cpu_seconds_per_minute: f64,
}

#[derive(Debug, Serialize)]
struct PassReport {
    name: &'static str,
    calls_at_once: u32,
    calls: usize,
    failed_calls: usize,
    /// In the order of the table.
    figures: Vec<Figure>,
    /// How much the median answer stays below endpointing and all vendors one after another.
    hidden_ms: Option<f64>,
    history: HistoryReport,
    cpu_seconds_per_call_minute: f64,
    idle_rss_kib: u64,
    rss_per_call_kib: u64,
}

#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    values: Summary,
}

/// How true the history was after barge-ins.
#[derive(Debug, Serialize)]
struct HistoryReport {
    barge_ins: usize,
    /// How often something was recalled that was not played.
    untrue: usize,
    /// How much speech was played that is not recalled.
    forgotten_ms: Option<Summary>,
}

impl Report {
    pub(crate) fn of(passes: &[Pass], floor_cpu_seconds_per_minute: f64) -> Self {
        Self { passes: passes.iter().map(PassReport::of).collect(), floor_cpu_seconds_per_minute }
    }

    /// The figures for people.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for pass in &self.passes {
            pass.write(&mut table).expect("a String takes everything");
        }
        let floor = self.floor_cpu_seconds_per_minute;
        writeln!(
            table,
            "CPU {floor:.3} s per minute for a process that only reads and writes as often"
        )
        .expect("a String takes everything");
        table
    }
}

/// The names of figures, and how each is read out of a pass.
type Read = fn(&Pass) -> Vec<f64>;
const FIGURES: [(&str, Read); 13] = [
    ("response", |pass| turns(pass, |turn| (!turn.tool).then_some(turn.response))),
    ("response with a tool", |pass| turns(pass, |turn| turn.tool.then_some(turn.response))),
    ("overhead", |pass| overheads(pass, false, |parts| Some(parts.total()))),
    ("  decided -> model asked", |pass| overheads(pass, false, |parts| Some(parts.decide))),
    ("  text complete -> flushed", |pass| overheads(pass, false, |parts| Some(parts.speak))),
    ("  audio made -> at the phone", |pass| overheads(pass, false, |parts| Some(parts.play))),
    ("overhead with a tool", |pass| overheads(pass, true, |parts| Some(parts.total()))),
    ("  tool called -> asked again", |pass| overheads(pass, true, |parts| parts.tool)),
    ("barge-in -> clear", |pass| barge_ins(pass, |it| Some(it.to_clear))),
    ("barge-in -> silence", |pass| barge_ins(pass, |it| Some(it.to_silence))),
    ("decided -> clear (detector)", |pass| barge_ins(pass, |it| it.decided_to_clear)),
    ("decided -> clear (journal)", |pass| barge_ins(pass, |it| it.journal_to_clear)),
    ("set-up", |pass| pass.calls.iter().filter_map(|call| call.setup).collect()),
];

impl PassReport {
    fn of(pass: &Pass) -> Self {
        let figures = FIGURES.iter().filter_map(|(name, read)| {
            Summary::of(read(pass)).map(|values| Figure { name, values })
        });
        let calls = u64::from(pass.plan.at_once).max(1);
        Self {
            name: pass.name,
            calls_at_once: pass.plan.at_once,
            calls: pass.calls.len(),
            failed_calls: pass.failed,
            figures: figures.collect(),
            hidden_ms: Summary::of(responses(pass))
                .map(|it| script::one_by_one().as_secs_f64() * 1_000.0 - it.p50),
            history: HistoryReport::of(&pass.calls),
            cpu_seconds_per_call_minute: pass.cost.cpu_per_call_minute(),
            idle_rss_kib: pass.cost.idle_kib,
            rss_per_call_kib: pass.cost.peak_kib.saturating_sub(pass.cost.idle_kib) / calls,
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "{} ({} at once, {} in all, {} failed)",
            self.name, self.calls_at_once, self.calls, self.failed_calls
        )?;
        writeln!(
            out,
            "  {:<30} {:>5} {:>9} {:>9} {:>9} {:>9}",
            "ms", "n", "min", "p50", "p95", "max"
        )?;
        for Figure { name, values: it } in &self.figures {
            writeln!(
                out,
                "  {name:<30} {:>5} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
                it.count, it.min, it.p50, it.p95, it.max
            )?;
        }
        if let Some(hidden) = self.hidden_ms {
            let sum = script::one_by_one().as_millis();
            writeln!(
                out,
                "  endpointing and vendors add up to {sum} ms: {hidden:.0} ms of it hidden"
            )?;
        }
        let HistoryReport { barge_ins, untrue, forgotten_ms } = &self.history;
        let forgotten = forgotten_ms.map_or(0.0, |it| it.p50);
        writeln!(
            out,
            "  history after {barge_ins} barge-ins: {untrue} untrue, {forgotten:.0} ms of speech \
             (p50) played and not recalled"
        )?;
        writeln!(
            out,
            "  CPU {:.3} s per call-minute; memory {:.1} MiB idle, {} KiB more per call\n",
            self.cpu_seconds_per_call_minute,
            self.idle_rss_kib as f64 / 1_024.0,
            self.rss_per_call_kib
        )
    }
}

impl HistoryReport {
    fn of(calls: &[Figures]) -> Self {
        let histories: Vec<&History> = calls
            .iter()
            .flat_map(|call| &call.barge_ins)
            .filter_map(|barge_in| barge_in.history.as_ref())
            .collect();
        let untrue: Vec<_> = histories.iter().filter(|history| !history.is_true()).collect();
        for History { recalled, played } in &untrue {
            eprintln!("recalled {recalled:?}, played {played:?}");
        }
        Self {
            barge_ins: histories.len(),
            untrue: untrue.len(),
            forgotten_ms: Summary::of(histories.iter().map(|history| history.forgotten())),
        }
    }
}

/// The responses of a pass's turns, those with a tool left out.
pub(crate) fn responses(pass: &Pass) -> Vec<f64> {
    turns(pass, |turn| (!turn.tool).then_some(turn.response))
}

pub(crate) fn turns(pass: &Pass, read: impl Fn(&Turn) -> Option<f64>) -> Vec<f64> {
    pass.calls.iter().flat_map(|call| &call.turns).filter_map(read).collect()
}

/// The parts of the overhead, over the turns with or without a tool.
pub(crate) fn overheads(
    pass: &Pass,
    tool: bool,
    read: impl Fn(&Overhead) -> Option<f64>,
) -> Vec<f64> {
    turns(pass, |turn| turn.overhead.as_ref().filter(|_| turn.tool == tool).and_then(&read))
}

pub(crate) fn barge_ins(pass: &Pass, read: impl Fn(&BargeIn) -> Option<f64>) -> Vec<f64> {
    pass.calls.iter().flat_map(|call| &call.barge_ins).filter_map(read).collect()
}
