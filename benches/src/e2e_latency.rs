//! Whole calls over real sockets: how long a caller waits, how much of that is the agent's own
//! doing, and what a call costs.
//!
//! The agent is the example `media_stream_agent` in a process of its own; phones and vendors live
//! in this one. `docs/latency.md` defines each figure.

pub(crate) mod agent;
mod awake;
pub(crate) mod call;
mod floor;
mod journal;
pub(crate) mod log;
pub(crate) mod measure;
pub(crate) mod pass;
mod plot;
pub(crate) mod report;
pub(crate) mod script;
pub(crate) mod statistics;
pub(crate) mod tag;
pub(crate) mod vendors;

use std::{error::Error, fs, path::PathBuf};

use clap::Parser;

use self::{
    agent::Program,
    awake::Awake,
    pass::{Pass, Plan},
};

/// Measures latency and cost of whole calls.
#[derive(Debug, Parser)]
struct Args {
    /// Calls at once in the last pass; 1 leaves it out.
    #[arg(long, default_value_t = 100)]
    calls: u32,
    /// Calls, one after the other, in each pass with one call.
    #[arg(long, default_value_t = 3)]
    repeat: u32,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The agent; built when not given.
    #[arg(long)]
    agent: Option<PathBuf>,
    /// Keeps the cores awake with work of the lowest priority: CPU time then does not hold what
    /// waking a core costs, which is a property of the machine.
    #[arg(long)]
    awake: bool,
    /// Is the process that shows what this machine charges for being woken; started by the bench.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    only_read_and_write: Option<String>,
}

/// Plays all passes, prints what came out and writes it to a folder.
///
/// # Errors
///
/// When the agent cannot be built or started, or the report cannot be written.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub async fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if let Some(address) = &args.only_read_and_write {
        return Ok(floor::only_read_and_write(address)?);
    }
    fs::create_dir_all(&args.out)?;
    let _awake = args.awake.then(Awake::keep).transpose()?;
    let program = Program::agent(args.agent.clone()).await?;
    let one = Plan { repeat: args.repeat, ..Plan::default() };
    let mut plans = vec![
        ("one call, no drafts", one),
        ("one call, drafts", Plan { speculation: true, ..one }),
        ("one call, no drafts, journal", Plan { journals: true, ..one }),
    ];
    if args.calls > 1 {
        let many = Plan { at_once: args.calls, repeat: 1, ..one };
        plans.push(("many calls, no drafts", many));
    }
    let mut passes = Vec::new();
    for (name, plan) in plans {
        eprintln!("{name}: {} at once, {} times", plan.at_once, plan.repeat);
        passes.push(Pass::run(name, plan, &program, &args.out).await?);
    }
    eprintln!("a process that only reads and writes");
    let report = report::Report::of(&passes, floor::measure().await?);
    println!("{}", report.table());
    fs::write(args.out.join("e2e_latency.json"), serde_json::to_string_pretty(&report)?)?;
    fs::write(args.out.join("e2e_latency.svg"), plot::draw(&passes))?;
    println!("written to {}", args.out.display());
    Ok(())
}
