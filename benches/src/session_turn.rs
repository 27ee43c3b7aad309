//! What a turn costs the session machine alone, without sockets, tasks and clocks: inputs and
//! commands, allocations, instructions, and time.
//!
//! `docs/latency.md` says what a turn of this script is.

mod conversation;

use std::{error::Error, fmt::Write as _, fs, path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, Subcommand};
use serde::Serialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats};

use self::conversation::{Conversation, Kind};
use crate::callgrind;

/// The turns that are counted, after a warm-up of as many.
const TURNS: u32 = 50;

/// Where a conversation is long: the cost of a turn there tells what the history adds.
const LATE: u32 = 500;

/// Counts what a turn costs the session machine.
#[derive(Debug, Parser)]
struct Args {
    /// Counts instructions as well, with valgrind; takes a minute.
    #[arg(long)]
    instructions: bool,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the bench starts itself for.
#[derive(Debug, Subcommand)]
enum Part {
    /// Holds a conversation of so many turns.
    #[command(hide = true)]
    Hold { kind: Kind, turns: u32 },
}

/// The cost of a turn, on average.
#[derive(Debug, Serialize)]
struct Cost {
    turn: String,
    inputs: f64,
    commands: f64,
    allocations: f64,
    bytes: f64,
    microseconds: f64,
    instructions: Option<f64>,
}

/// Counts, prints a table and writes it to a folder as JSON.
///
/// # Errors
///
/// When a conversation stands still, the report cannot be written, or valgrind does not run the
/// bench.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub fn run() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    if let Some(Part::Hold { kind, turns }) = args.part {
        Conversation::new(kind).hold(turns)?;
        return Ok(ExitCode::SUCCESS);
    }
    let with_instructions = args.instructions && callgrind::is_installed();
    if args.instructions && !with_instructions {
        eprintln!("SKIPPED: instructions, for valgrind is not installed");
    }
    let mut costs = Vec::new();
    for kind in Kind::ALL {
        for before in [TURNS, LATE] {
            eprintln!("{kind}, after {before} turns");
            costs.push(cost(kind, before, with_instructions)?);
        }
    }
    println!("{}", table(&costs));
    fs::create_dir_all(&args.out)?;
    let report = args.out.join("session_turn.json");
    fs::write(&report, serde_json::to_string_pretty(&costs)?)?;
    println!("written to {}", report.display());
    Ok(ExitCode::SUCCESS)
}

fn cost(kind: Kind, before: u32, with_instructions: bool) -> Result<Cost, Box<dyn Error>> {
    let mut conversation = Conversation::new(kind);
    conversation.hold(before)?;
    let (seen, allocator, began) = (conversation.seen(), now(), Instant::now());
    conversation.hold(TURNS)?;
    let (time, made, last) = (began.elapsed(), now() - allocator, conversation.seen());
    let instructions = if with_instructions {
        let hold = |turns: u32| {
            let turns = (before + turns).to_string();
            vec!["hold".to_owned(), kind.to_string(), turns]
        };
        Some(callgrind::of_each((0, TURNS), hold)?)
    } else {
        None
    };
    let each = |count: usize| count as f64 / f64::from(TURNS);
    Ok(Cost {
        turn: format!("{kind}, after {before} turns"),
        inputs: each(last.inputs - seen.inputs),
        commands: each(last.commands - seen.commands),
        allocations: each(made.allocations + made.reallocations),
        bytes: each(made.bytes_allocated),
        microseconds: time.as_secs_f64() * 1e6 / f64::from(TURNS),
        instructions,
    })
}

fn now() -> Stats {
    INSTRUMENTED_SYSTEM.stats()
}

fn table(costs: &[Cost]) -> String {
    let mut table = format!(
        "{:<32} {:>8} {:>10} {:>12} {:>10} {:>8} {:>13}\n",
        "each turn", "inputs", "commands", "allocations", "bytes", "us", "instructions"
    );
    for cost in costs {
        let instructions = cost.instructions.map_or("-".to_owned(), |it| format!("{it:.0}"));
        writeln!(
            table,
            "{:<32} {:>8.1} {:>10.1} {:>12.1} {:>10.0} {:>8.0} {:>13}",
            cost.turn,
            cost.inputs,
            cost.commands,
            cost.allocations,
            cost.bytes,
            cost.microseconds,
            instructions
        )
        .expect("a String takes everything");
    }
    table
}
