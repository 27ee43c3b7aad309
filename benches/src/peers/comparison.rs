use std::fmt::Write as _;

use serde::Serialize;

use crate::e2e_latency::{
    measure::History,
    pass::Pass,
    report::{barge_ins, responses, turns},
    script::UTTERANCES,
    statistics::Summary,
};

/// Some agents, measured by the same calls. The first is the one that the others are compared with.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) calls_at_once: u32,
    pub(super) agents: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

/// One figure of all agents; `None` where one has no such figure.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

/// The names of figures, and how each is read out of a pass.
type Read = fn(&Pass) -> Option<f64>;
const ROWS: [(&str, Read); 14] = [
    ("answers missing", |pass| Some(expected_answers(pass) - answers(pass))),
    ("response p50, ms", |pass| Summary::of(responses(pass)).map(|it| it.p50)),
    ("response p95, ms", |pass| Summary::of(responses(pass)).map(|it| it.p95)),
    ("response with a tool p50, ms", |pass| {
        Summary::of(turns(pass, |turn| turn.tool.then_some(turn.response))).map(|it| it.p50)
    }),
    ("barge-in to clear p50, ms", |pass| median(barge_ins(pass, |it| Some(it.to_clear)))),
    ("barge-in to silence p50, ms", |pass| median(barge_ins(pass, |it| Some(it.to_silence)))),
    ("barge-ins", |pass| Some(histories(pass).count() as f64)),
    ("histories untrue", |pass| {
        Some(histories(pass).filter(|history| !history.is_true()).count() as f64)
    }),
    ("played, not recalled p50, ms", |pass| {
        median(histories(pass).map(|history| history.forgotten().max(0.0) + 0.0))
    }),
    ("recalled, not played p50, ms", |pass| {
        median(histories(pass).map(|history| (-history.forgotten()).max(0.0) + 0.0))
    }),
    ("set-up p50, ms", |pass| median(pass.calls.iter().filter_map(|call| call.setup))),
    ("CPU s per call-minute", |pass| {
        (!pass.calls.is_empty()).then(|| pass.cost.cpu_per_call_minute())
    }),
    ("memory idle, MiB", |pass| Some(pass.cost.idle_kib as f64 / 1_024.0)),
    ("memory per call, MiB", |pass| {
        let more = pass.cost.peak_kib.saturating_sub(pass.cost.idle_kib) as f64;
        Some(more / 1_024.0 / f64::from(pass.plan.at_once))
    }),
];

impl Comparison {
    pub(super) fn of(passes: &[Pass]) -> Self {
        Self {
            calls_at_once: passes.first().map_or(0, |pass| pass.plan.at_once),
            agents: passes.iter().map(|pass| pass.name).collect(),
            rows: ROWS
                .iter()
                .map(|(name, read)| Row { name, values: passes.iter().map(read).collect() })
                .collect(),
        }
    }

    /// The figures for people: each with what it is of the first agent's.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        self.write(&mut table).expect("a String takes everything");
        table
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "{:<32}", format!("{} at once", self.calls_at_once))?;
        for agent in &self.agents {
            write!(out, "{agent:>24}")?;
        }
        writeln!(out)?;
        for row in &self.rows {
            write!(out, "{:<32}", row.name)?;
            for number in 0..row.values.len() {
                write!(out, "{:>24}", row.cell(number))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

impl Row {
    /// How often an agent's figure holds the first one's; `None` where that says nothing.
    pub(super) fn ratio(&self, agent: usize) -> Option<f64> {
        let first = self.values.first().copied().flatten().filter(|first| *first > 0.0)?;
        self.values.get(agent).copied().flatten().map(|value| value / first)
    }

    fn cell(&self, agent: usize) -> String {
        let Some(value) = self.values.get(agent).copied().flatten() else {
            return "-".to_owned();
        };
        let digits = if value.fract() == 0.0 { 0 } else { 2 };
        match self.ratio(agent).filter(|_| agent > 0) {
            Some(ratio) => format!("{value:.digits$} ({ratio:.1} x)"),
            None => format!("{value:.digits$}"),
        }
    }
}

fn expected_answers(pass: &Pass) -> f64 {
    f64::from(pass.plan.at_once * pass.plan.repeat) * UTTERANCES.len() as f64
}

fn answers(pass: &Pass) -> f64 {
    pass.calls.iter().map(|call| call.turns.len()).sum::<usize>() as f64
}

fn histories(pass: &Pass) -> impl Iterator<Item = &History> {
    let barge_ins = pass.calls.iter().flat_map(|call| &call.barge_ins);
    barge_ins.filter_map(|barge_in| barge_in.history.as_ref())
}

fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    Summary::of(values).map(|it| it.p50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_shows_how_often_it_holds_the_first() {
        let row = Row { name: "x", values: vec![Some(0.5), Some(2.25), None] };
        assert_eq!([row.cell(0), row.cell(1), row.cell(2)], ["0.50", "2.25 (4.5 x)", "-"]);
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        let row = Row { name: "x", values: vec![Some(0.0), Some(2.0)] };
        assert_eq!(row.cell(1), "2");
    }
}
