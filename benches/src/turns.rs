//! The predictor that reads: fitted to one part of the recorded turns, measured on the other.
//!
//! `docs/turn-prediction.md` defines each figure.

mod data;
mod fit;
mod plot;
mod score;

use std::{error::Error, fmt::Write as _, fs, hint::black_box, path::PathBuf};

use clap::Parser;
use serde::Serialize;
use voiceagent_core::turn::{Cues, Lexical};

use self::{
    data::{Case, Form, cases},
    score::Quality,
};
use crate::vad::thread_time;

/// Where the weights are kept.
const WEIGHTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../voiceagent-core/src/turn/lexical/weights.rs");
/// The least of so many runs counts, as others use the machine.
const RUNS: usize = 7;

/// Measures the predictor that reads.
#[derive(Debug, Parser)]
struct Args {
    /// Fits the weights first, and writes them to the core's source.
    #[arg(long)]
    fit: bool,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Pauses and ends that were not fitted to.
    parts: Vec<(&'static str, Quality)>,
    /// The same figures of what was fitted to.
    fitted: Quality,
    /// What a prediction takes of a core, in microseconds.
    microseconds: f64,
}

/// Fits the predictor if asked to, measures it, prints what came out and writes it to a folder.
///
/// # Errors
///
/// When a file cannot be written.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let cases = cases();
    let (held, used): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.is_held_back);
    let mut lexical = Lexical::new();
    if args.fit {
        let weights = fit::fit(&used);
        lexical = Lexical::with_weights(weights)?;
        fs::write(WEIGHTS, source(&weights))?;
    }
    let part = |fits: fn(&Case) -> bool| {
        Quality::of(&lexical, held.iter().copied().filter(|case| fits(case)))
    };
    let report = Report {
        parts: vec![
            ("all", part(|_| true)),
            ("what the agent said is known", part(|case| !case.agent.is_empty())),
            ("what the agent said is not known", part(|case| case.agent.is_empty())),
            ("as written", part(|case| case.form == Form::Written)),
            ("without capitals and punctuation", part(|case| case.form == Form::Bare)),
        ],
        fitted: Quality::of(&lexical, used.iter().copied()),
        microseconds: cost(&lexical, &cases)?,
    };
    println!("{}", table(&report));
    fs::create_dir_all(&args.out)?;
    fs::write(args.out.join("turns.svg"), plot::draw(&report.parts[0].1))?;
    fs::write(args.out.join("turns.json"), serde_json::to_vec_pretty(&report)?)?;
    Ok(())
}

/// The weights as Rust source.
fn source(weights: &[f32; Cues::COUNT]) -> String {
    let mut source = "//! Made by `cargo run -p voiceagent-benches --bin turns -- --fit`.\n\n\
        use super::Cues;\n\npub(super) const WEIGHTS: [f32; Cues::COUNT] = [\n"
        .to_owned();
    for (weight, name) in weights.iter().zip(Cues::NAMES) {
        // As rustfmt would have it.
        let weight = format!("{weight:.3},");
        writeln!(source, "    {weight:<7} // {name}").expect("a String takes everything");
    }
    source + "];\n"
}

/// Microseconds of a core for a prediction.
fn cost(lexical: &Lexical, cases: &[Case]) -> Result<f64, Box<dyn Error>> {
    let mut least = f64::INFINITY;
    for _ in 0..RUNS {
        let before = thread_time()?;
        for case in cases {
            black_box(lexical.end_of_turn(black_box(&case.text), case.agent, None));
        }
        least = least.min(thread_time()? - before);
    }
    Ok(least * 1_000.0 / cases.len() as f64)
}

fn table(report: &Report) -> String {
    let mut table = "| held back | cases | complete | accuracy | ROC-AUC | Brier score |\n\
        |---|---|---|---|---|---|\n"
        .to_owned();
    for (name, quality) in report.parts.iter().chain([&("(fitted to)", report.fitted.clone())]) {
        table += &format!("| {name} | {quality} |\n");
    }
    table += "\n| predicted | cases | mean | complete |\n|---|---|---|---|\n";
    for bin in &report.parts[0].1.bins {
        table += &format!("| {bin} |\n");
    }
    table + &format!("\n{:.2} microseconds for a prediction\n", report.microseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_that_are_kept_are_those_that_the_turns_give() {
        let cases = cases();
        let used: Vec<&Case> = cases.iter().filter(|case| !case.is_held_back).collect();
        let fitted = source(&fit::fit(&used));
        assert_eq!(fitted, fs::read_to_string(WEIGHTS).unwrap(), "run `turns -- --fit`");
    }

    #[test]
    fn t11_turns_that_were_held_back_are_told_and_the_odds_are_as_stated() {
        let cases = cases();
        let held = cases.iter().filter(|case| case.is_held_back);
        let quality = Quality::of(&Lexical::new(), held);
        assert!(quality.auc > 0.8, "{quality:?}");
        assert!(quality.accuracy > 0.72, "{quality:?}");
        for bin in quality.bins.iter().filter(|bin| bin.cases > 40) {
            assert!((bin.mean - bin.complete).abs() < 0.15, "{bin:?}");
        }
    }
}
