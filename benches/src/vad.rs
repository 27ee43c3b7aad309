//! Voice activity detectors on annotated speech: how well they tell it from the rest, how soon,
//! and what they cost.
//!
//! `docs/vad.md` defines each figure.

mod areas;
mod condition;
mod cost;
mod delay;
mod dice;
mod gates;
mod layout;
mod listen;
mod plot;
mod report;
mod score;
mod sound;

use std::{
    error::Error,
    fs,
    io::{IsTerminal as _, stderr},
    path::PathBuf,
    sync::Arc,
};

use clap::Parser;
use voiceagent_core::{
    audio::AudioFrame,
    vad::{Earshot, Energy, Telephone, VadFactory},
};
use voiceagent_providers::{rnnoise::RnNoise, silero::Silero};

use self::{
    cost::Cost,
    layout::Layout,
    listen::{Edge, Heard, edges_when_shifted, edges_with_rest},
    report::{ConditionReport, DetectorReport, Outcome, Report, Rest, SetReport},
    score::{Moments, f1_of_edges},
};

pub(crate) use {
    condition::Condition,
    cost::thread_time,
    delay::Delays,
    listen::listen,
    sound::{LEVEL, MILLI, RATE, Sound, recordings, stream, twice},
};

/// Lags that are tried for each detector, in milliseconds.
const LAGS: [usize; 10] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90];

/// Measures voice activity detectors.
#[derive(Debug, Parser)]
struct Args {
    /// Silero's model, `silero_vad_16k_op15.onnx`. Without them Silero is left out.
    #[arg(long)]
    silero: Option<PathBuf>,
    /// The folder `testset` of a checkout of `https://github.com/TEN-framework/ten-vad`, whose
    /// licence does not allow to pass it on.
    #[arg(long)]
    ten_vad: Option<PathBuf>,
    /// Tells instead what other settings of the gate make of Telephone and Earshot.
    #[arg(long)]
    gates: bool,
    /// Tells instead the areas under the curve on the telephone when recordings follow each other
    /// like this.
    #[arg(long)]
    layout: Option<Layout>,
    /// Draws noise and pauses so many times, and tells mean and standard deviation.
    #[arg(long, default_value_t = 1, requires = "layout", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

struct Detector {
    name: &'static str,
    vad: Arc<dyn VadFactory>,
}

impl Detector {
    /// Whether it is one of the two between which the default was chosen.
    fn is_in_question(&self) -> bool {
        matches!(self.name, "telephone" | "silero")
    }
}

/// Measures all detectors, prints what came out and writes it to a folder.
///
/// # Errors
///
/// When recordings or weights cannot be read, or the report cannot be written.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    fs::create_dir_all(&args.out)?;
    let detectors = detectors(&args)?;
    let own = recordings()?;
    let mut sets = vec![("Committed recordings", "vad-roc", own.clone())];
    match &args.ten_vad {
        Some(folder) => sets.push(("TEN VAD testset", "vad-roc-ten", sound::ten_vad(folder)?)),
        None => eprintln!("SKIPPED: the testset of TEN VAD (no --ten-vad)"),
    }
    if args.gates {
        for (name, _, recordings) in sets {
            println!("{name}\n\n{}", gates::table(&detectors[..2], &recordings, &own)?);
        }
        return Ok(());
    }
    if let Some(layout) = args.layout {
        let detectors: Vec<_> = detectors.into_iter().filter(|it| it.is_in_question()).collect();
        for (name, _, recordings) in sets {
            let table = areas::table(&detectors, &recordings, &own, (layout, args.seeds))?;
            println!("{name}\n\n{table}");
        }
        return Ok(());
    }
    let mut report = Report { detectors: costs(&detectors, &own)?, sets: Vec::new() };
    for (name, plot, recordings) in sets {
        let set = measure(name, &detectors, &recordings, &own)?;
        fs::write(args.out.join(format!("{plot}.svg")), plot::draw(&set, &report.detectors))?;
        report.sets.push(set);
    }
    println!("{}", report.markdown());
    fs::write(args.out.join("vad.json"), serde_json::to_string(&report)? + "\n")?;
    eprintln!("written to {}", args.out.display());
    Ok(())
}

fn detectors(args: &Args) -> Result<Vec<Detector>, Box<dyn Error>> {
    let mut detectors = vec![
        Detector { name: "telephone", vad: Arc::new(Telephone::default()) },
        Detector { name: "earshot", vad: Arc::new(Earshot::default()) },
    ];
    match &args.silero {
        Some(path) => {
            detectors.push(Detector { name: "silero", vad: Arc::new(Silero::load(path)?) });
        }
        None => eprintln!("SKIPPED: Silero (no --silero)"),
    }
    detectors.push(Detector { name: "rnnoise", vad: Arc::new(RnNoise::default()) });
    detectors.push(Detector { name: "energy", vad: Arc::new(Energy::default()) });
    Ok(detectors)
}

fn costs(
    detectors: &[Detector],
    recordings: &[Sound],
) -> Result<Vec<DetectorReport>, Box<dyn Error>> {
    let near = stream(recordings);
    let frames = Condition { noise: None, phone: true }.frames(&near, recordings);
    let cost = |it: &Detector| {
        progress(&format!("cost of {}", it.name));
        let detector = it.vad.detector();
        let cost = Cost::of(&it.vad, &near, &frames);
        if let Err(error) = &cost {
            eprintln!("SKIPPED: the cost of {} ({error})", it.name);
        }
        DetectorReport {
            name: it.name,
            window_ms: detector.window() as f64 * 1_000.0 / f64::from(detector.sample_rate()),
            cost_ms_per_second: cost.ok(),
        }
    };
    Ok(detectors.iter().map(cost).collect())
}

/// All conditions, for all detectors.
fn measure(
    name: &'static str,
    detectors: &[Detector],
    recordings: &[Sound],
    babble: &[Sound],
) -> Result<SetReport, Box<dyn Error>> {
    let near = stream(recordings);
    let both = twice(&near);
    let mut lags = Vec::new();
    let mut conditions = Vec::new();
    for condition in Condition::all() {
        let frames = condition.frames(&near, babble);
        let mut results = Vec::new();
        for (number, detector) in detectors.iter().enumerate() {
            progress(&format!("{name}: {}: {}", condition.name(), detector.name));
            let heard = listen(&detector.vad, &frames)?;
            // The first condition is the clean one; it sets the lags of all.
            if lags.len() == number {
                lags.push(best_lag(&heard, &both));
            }
            let rest = match condition.noise {
                None => Some(rest(&heard, &both, &*detector.vad, &frames)?),
                Some(_) => None,
            };
            results.push(outcome(&heard, &both, lags[number], rest));
        }
        conditions.push(ConditionReport { name: condition.name(), results });
    }
    let speech_seconds = both.speech.iter().map(|it| it.end - it.start).sum::<usize>() as f64;
    Ok(SetReport {
        name,
        seconds: both.duration() as f64 / 1_000.0,
        speech_seconds: speech_seconds / 1_000.0,
        lags,
        conditions,
    })
}

fn best_lag(heard: &Heard, sound: &Sound) -> usize {
    let area = |lag| Moments::of(heard, &sound.speech, sound.duration(), lag).quality().auc;
    let areas = LAGS.map(|lag| (lag, area(lag)));
    areas.into_iter().max_by(|one, other| one.1.total_cmp(&other.1)).map_or(0, |best| best.0)
}

fn outcome(heard: &Heard, sound: &Sound, lag: usize, rest: Option<Rest>) -> Outcome {
    let (speech, duration) = (&sound.speech, sound.duration());
    Outcome {
        quality: Moments::of(heard, speech, duration, lag).quality(),
        gate_f1: f1_of_edges(&heard.edges, speech, duration),
        delays: Delays::of(&heard.edges, speech, duration),
        edges: heard.edges.len(),
        rest,
    }
}

fn rest(
    heard: &Heard,
    sound: &Sound,
    vad: &dyn VadFactory,
    frames: &[AudioFrame],
) -> Result<Rest, Box<dyn Error>> {
    let rested = edges_with_rest(vad, frames)?;
    let shifted = edges_when_shifted(vad, frames)?;
    Ok(Rest {
        changed: changed(&heard.edges, &rested, heard.window),
        changed_by_shift: changed(&heard.edges, &shifted, heard.window),
        edges: rested.len(),
        gate_f1: f1_of_edges(&rested, &sound.speech, sound.duration()),
    })
}

/// Edges of one list that have no like in the other, within a window.
fn changed(all: &[Edge], rested: &[Edge], window: f64) -> usize {
    let like = |one: &Edge, other: &Edge| {
        one.starts == other.starts && one.since.abs_diff(other.since) as f64 <= window + 1.0
    };
    let missing = |some: &[Edge], others: &[Edge]| {
        some.iter().filter(|edge| !others.iter().any(|other| like(edge, other))).count()
    };
    missing(all, rested).max(missing(rested, all))
}

fn progress(what: &str) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
    } else {
        eprintln!("{what}");
    }
}
