//! What a frame of audio costs on its way through the framework: allocations and instructions.
//!
//! `docs/latency.md` says which ways are counted, and what stands at their ends.

mod codec;
mod process;
mod rig;
mod way;

use std::{error::Error, fmt::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats};
use tokio::runtime::Builder;

use self::way::Way;
use crate::callgrind;

/// Counts what a frame costs on its way.
#[derive(Debug, Parser)]
struct Args {
    /// Counts instructions as well, with valgrind; takes some minutes.
    #[arg(long)]
    instructions: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the bench starts itself for.
#[derive(Debug, Subcommand)]
enum Part {
    /// Answers calls, and says what it has allocated.
    #[command(hide = true)]
    Serve { speech: String, model: String },
    /// Sends so many frames along a way.
    #[command(hide = true)]
    Go { way: String, frames: u32 },
}

/// What was counted on one way.
#[derive(Clone, Debug)]
struct Count {
    way: String,
    frames: u32,
    allocations: usize,
    bytes: usize,
    instructions: Option<f64>,
    /// Whether the framework promises that there are no allocations.
    promised: bool,
}

impl Count {
    /// What happened between two looks at the allocator.
    fn between(way: impl ToString, frames: u32, before: Stats, after: Stats) -> Self {
        let made = after - before;
        Self {
            way: way.to_string(),
            frames,
            allocations: made.allocations + made.reallocations,
            bytes: made.bytes_allocated,
            instructions: None,
            promised: true,
        }
    }
}

fn now() -> Stats {
    INSTRUMENTED_SYSTEM.stats()
}

/// Counts on all ways and prints a table. Fails when a way allocates that must not.
///
/// # Errors
///
/// When a call cannot be played, or valgrind does not run the bench.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    match args.part {
        Some(Part::Serve { speech, model }) => {
            runtime.block_on(process::serve(&speech, &model))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Part::Go { way, frames }) => {
            Way::named(&way).ok_or("there is no such way")?.go(frames)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
    }
    let with_instructions = args.instructions && callgrind::is_installed();
    if args.instructions && !with_instructions {
        eprintln!("SKIPPED: instructions, for valgrind is not installed");
    }
    let mut counts = Vec::new();
    for way in Way::all() {
        eprintln!("{way}");
        let mut count = way.go(way.longest())?;
        if with_instructions {
            count.instructions = Some(instructions(way)?);
        }
        counts.push(count);
    }
    eprintln!("the whole process");
    counts.extend(runtime.block_on(process::count())?);
    println!("{}", table(&counts));
    let kept = |count: &Count| count.frames > 0 && count.allocations == 0;
    let broken = counts.iter().any(|count| count.promised && !kept(count));
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn instructions(way: Way) -> std::io::Result<f64> {
    let arguments = |frames: u32| vec!["go".to_owned(), way.to_string(), frames.to_string()];
    callgrind::of_each((way.longest() / 5, way.longest()), arguments)
}

fn table(counts: &[Count]) -> String {
    let mut table = format!(
        "{:<52} {:>8} {:>12} {:>12} {:>12} {:>13}\n",
        "way", "frames", "allocations", "per frame", "bytes/frame", "instructions"
    );
    for count in counts {
        let frames = f64::from(count.frames.max(1));
        let instructions = count.instructions.map_or("-".to_owned(), |it| format!("{it:.0}"));
        writeln!(
            table,
            "{:<52} {:>8} {:>12} {:>12.3} {:>12.1} {:>13}{}",
            count.way,
            count.frames,
            count.allocations,
            count.allocations as f64 / frames,
            count.bytes as f64 / frames,
            instructions,
            if count.promised { "" } else { "  (told, not promised)" }
        )
        .expect("a String takes everything");
    }
    table
}
