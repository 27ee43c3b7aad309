//! Many values of one setting over many calls.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::Serialize;
use voiceagent_core::{Error, Result, journal::Recording};

use crate::{
    Args, Window, clock,
    comparison::many,
    plot,
    setting::{self, Setting},
    story::Story,
    unwritable,
    verdict::{Baseline, Verdict},
    what_if::not_judged,
};

/// After so many calls it is said how far the sweep is.
const TOLD_EVERY: usize = 20;

/// What a sweep found.
#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) setting: String,
    /// Settings that differ from the recorded ones at each point.
    pub(crate) fixed: Vec<String>,
    pub(crate) journals: usize,
    pub(crate) unreadable: usize,
    pub(crate) turns: usize,
    pub(crate) not_comparable: usize,
    pub(crate) cut_window_ms: f64,
    pub(crate) points: Vec<Point>,
}

/// What one value would have done. Times are milliseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Point {
    pub(crate) value: String,
    /// Whether all calls were recorded with this value.
    pub(crate) recorded: bool,
    /// Decisions that did not cut the caller off.
    pub(crate) right: usize,
    /// Decisions that did.
    pub(crate) cuts: usize,
    /// The share of decisions that cut the caller off, from 0 to 1.
    pub(crate) cut_rate: Option<f64>,
    pub(crate) median_delay_ms: Option<f64>,
    pub(crate) median_response_ms: Option<f64>,
    pub(crate) interruptions: usize,
    /// Decisions after the agent was heard in the call.
    pub(crate) unseen: usize,
    /// Turns of which nothing comes: what was said is no turn with this value.
    pub(crate) dropped: usize,
    /// Turns that nothing ends with this value.
    pub(crate) undecided: usize,
    #[serde(skip)]
    delays: Vec<f64>,
    #[serde(skip)]
    responses: Vec<f64>,
}

/// Sweeps a folder, prints the table or the numbers, and writes the picture.
pub(crate) fn run(
    args: &Args,
    sweep: &str,
    fixed: &[Setting],
    out: &mut dyn Write,
    progress: &mut dyn Write,
) -> Result<()> {
    let values = Setting::parse_many(sweep)?;
    let paths = journals(&args.path)?;
    let mut curve = Curve {
        setting: values[0].path.clone(),
        fixed: fixed.iter().map(|it| format!("{}={}", it.path, it.value)).collect(),
        journals: 0,
        unreadable: 0,
        turns: 0,
        not_comparable: 0,
        cut_window_ms: clock::millis(args.cut_window),
        points: values.iter().map(Point::of).collect(),
    };
    for (number, path) in paths.iter().enumerate() {
        match Recording::open(path) {
            Ok(recording) => curve.add(&recording, &values, fixed, Window(args.cut_window))?,
            Err(error) => {
                curve.unreadable += 1;
                writeln!(progress, "left out: {}", error.message()).map_err(unwritable)?;
            }
        }
        if (number + 1) % TOLD_EVERY == 0 {
            writeln!(progress, "{} of {} journals", number + 1, paths.len()).map_err(unwritable)?;
        }
    }
    if curve.journals == 0 {
        return Err(Error::config(format!("{}: no journal can be read", args.path.display())));
    }
    for path in not_judged(&[&values[..1], fixed].concat()) {
        let note = format!("note: a journal cannot tell what `{path}` would change");
        writeln!(progress, "{note}").map_err(unwritable)?;
    }
    curve.points.iter_mut().for_each(Point::complete);
    let picture = save(&args.out, "sweep.svg", &plot::draw(&curve))?;
    if args.json {
        let json = serde_json::to_string_pretty(&curve).expect("a curve is plain data");
        return writeln!(out, "{json}").map_err(unwritable);
    }
    out.write_all(curve.table().as_bytes()).map_err(unwritable)?;
    writeln!(out, "written: {}", picture.display()).map_err(unwritable)
}

/// The journals of a folder, in the order of their names.
fn journals(folder: &Path) -> Result<Vec<PathBuf>> {
    let refuse = |why: &str| Error::config(format!("{}: {why}", folder.display()));
    let entries = fs::read_dir(folder)
        .map_err(|error| refuse(&format!("is no folder that can be read: {}", error.kind())))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "journal")).collect();
    paths.sort();
    if paths.is_empty() {
        return Err(refuse("holds no file whose name ends in `.journal`"));
    }
    Ok(paths)
}

fn save(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    match fs::create_dir_all(folder).and_then(|()| fs::write(&path, text)) {
        Ok(()) => Ok(path),
        Err(error) => {
            let why = error.kind();
            Err(Error::config(format!("{}: cannot be written: {why}", path.display())))
        }
    }
}

impl Curve {
    fn add(
        &mut self,
        recording: &Recording,
        values: &[Setting],
        fixed: &[Setting],
        window: Window,
    ) -> Result<()> {
        let recorded = values[0].value_in(recording.config())?;
        let baseline = Baseline::of(Story::of(recording), recording.config(), window);
        for (nth, (value, point)) in values.iter().zip(&mut self.points).enumerate() {
            let settings = [fixed, std::slice::from_ref(value)].concat();
            let changed = setting::apply_all(&settings, recording.config()).map_err(|error| {
                let Setting { path, value } = value;
                Error::config(format!("{path}={value}: {}", error.message()))
            })?;
            let verdict = baseline.against(&changed, &settings, false);
            if nth == 0 {
                let comparable = verdict.turns.iter().filter(|turn| turn.comparable).count();
                self.turns += comparable;
                self.not_comparable += verdict.turns.len() - comparable;
            }
            let is_recorded = value.value_in(&changed)? == recorded;
            point.recorded = is_recorded && (point.recorded || self.journals == 0);
            point.add(&verdict);
        }
        self.journals += 1;
        Ok(())
    }

    fn table(&self) -> String {
        let mut lines = vec![format!(
            "{} over {}: {}, {} more cannot be compared",
            self.setting,
            many(self.journals, "journal"),
            many(self.turns, "turn"),
            self.not_comparable
        )];
        lines.push(format!(
            "{:>12}  {:>10}  {:>10}  {:>8}  {:>6}  {:>13}  {:>6}  {:>7}  {:>9}",
            "value",
            "response",
            "decision",
            "cut off",
            "cuts",
            "interruptions",
            "unseen",
            "dropped",
            "undecided"
        ));
        for point in &self.points {
            lines.push(format!(
                "{:>12}  {:>10}  {:>10}  {:>8}  {:>6}  {:>13}  {:>6}  {:>7}  {:>9}{}",
                point.value,
                shown(point.median_response_ms),
                shown(point.median_delay_ms),
                point.cut_rate.map_or_else(|| "-".to_owned(), |it| format!("{:.1} %", it * 100.0)),
                point.cuts,
                point.interruptions,
                point.unseen,
                point.dropped,
                point.undecided,
                if point.recorded { "  as recorded" } else { "" }
            ));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

impl Point {
    fn of(setting: &Setting) -> Self {
        let value = match clock::parse(&setting.value) {
            Ok(duration) => format!("{} ms", clock::millis(duration)),
            Err(_) => setting.value.clone(),
        };
        Self { value, ..Self::default() }
    }

    fn add(&mut self, verdict: &Verdict) {
        for turn in verdict.turns.iter().filter(|turn| turn.comparable) {
            let side = &turn.after;
            self.cuts += side.cuts;
            self.unseen += usize::from(side.unseen);
            self.dropped += usize::from(side.dropped);
            self.undecided += usize::from(side.undecided);
            if side.right {
                self.right += 1;
                self.delays.extend(side.delay_ms);
                self.responses.extend(side.response_ms);
            }
        }
        let overlaps = verdict.interruptions.iter().filter(|overlap| overlap.comparable);
        self.interruptions += overlaps.filter(|overlap| overlap.after_ms.is_some()).count();
    }

    fn complete(&mut self) {
        let decisions = self.right + self.cuts;
        self.cut_rate = (decisions > 0).then(|| self.cuts as f64 / decisions as f64);
        self.median_delay_ms = median(&mut self.delays);
        self.median_response_ms = median(&mut self.responses);
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0} ms"))
}

/// By nearest rank, so that it is always a value that was measured.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().div_ceil(2).checked_sub(1)?).copied()
}
