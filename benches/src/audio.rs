//! Codecs and stages of audio: whether they give what the ITU's test vectors say, whether they keep
//! time over an hour, what a frame allocates and costs, what the resampler leaves of sines, and the
//! noise suppressor of noise.
//!
//! `docs/audio.md` shows the figures.

mod hour;
mod suppression;
mod sweep;
mod vectors;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;

/// Measures codecs and stages of audio.
#[derive(Debug, Parser)]
struct Args {
    /// A checkout of `https://github.com/openitu/STL`, the ITU's software tool library, whose licence
    /// does not allow to pass its test vectors on with this.
    #[arg(long)]
    stl: Option<PathBuf>,
    /// How many minutes of audio each stage gets.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
}

/// Measures everything and prints it. Fails when a promise is not kept.
///
/// # Errors
///
/// When test vectors cannot be read.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let mut is_kept = true;
    match &args.stl {
        Some(folder) => {
            for it in vectors::compare(folder)? {
                println!("{}: {} values, {} wrong", it.name, it.values, it.wrong);
                is_kept &= it.wrong == 0;
            }
        }
        None => eprintln!("SKIPPED: the test vectors of the ITU (no --stl)"),
    }
    println!("\n| resampler | ripple up to 0.85 of the band | aliases and images | delay |");
    println!("|---|---|---|---|");
    for sweep in sweep::all() {
        println!("{sweep}");
        is_kept &= sweep.ripple < 0.2 && sweep.alias < -80.0;
    }
    println!(
        "\n| noise | voice | pauses | onset, missed, false | with it: voice | pauses | onset, missed, false |"
    );
    println!("|---|---|---|---|---|---|---|");
    for effect in suppression::effects()? {
        println!("{effect}");
    }
    println!("\n| stage, {} minutes | drift | allocations | µs for 20 ms |", args.minutes);
    println!("|---|---|---|---|");
    for stage in hour::stages()? {
        let run = stage.run(args.minutes * 3_000)?;
        println!("{run}");
        is_kept &= run.drift.unwrap_or_default() == 0 && run.allocations == 0;
    }
    Ok(if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
