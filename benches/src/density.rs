//! How many calls one core carries: the calls of [`e2e_latency`](crate::e2e_latency), more and more of
//! them at once, against an agent that has one core to itself.
//!
//! `docs/benchmarks.md` defines each figure, and says what bounds them.

mod plot;
mod row;

use std::{error::Error, fs, path::PathBuf, process, time::Instant};

use clap::Parser;
use tokio::process::Command;

use self::row::Row;
use crate::e2e_latency::{
    agent::{Program, own_cpu_seconds},
    pass::{Pass, Plan},
};

/// Measures how many calls one core carries.
#[derive(Debug, Parser)]
struct Args {
    /// How many calls at once, one pass after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 25, 50, 100, 200, 300])]
    calls: Vec<u32>,
    /// The core of the agent; phones and vendors get the others.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The agent; built when not given.
    #[arg(long)]
    agent: Option<PathBuf>,
}

/// Plays all passes, prints what came out and writes it to a folder.
///
/// # Errors
///
/// When the agent cannot be built or started, or the report cannot be written.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub async fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    fs::create_dir_all(&args.out)?;
    let program = pinned(Program::agent(args.agent.clone()).await?, args.core).await;
    let mut rows = Vec::new();
    for plan in plans(&args.calls) {
        let variant = variant(&plan);
        eprintln!("{} at once, {variant}", plan.at_once);
        let (own, began) = (own_cpu_seconds()?, Instant::now());
        let pass = Pass::run(variant, plan, &program, &args.out).await?;
        let load = (own_cpu_seconds()? - own) / began.elapsed().as_secs_f64();
        let row = Row::of(&pass, load);
        eprintln!("{}{}", row::heading(), row.line());
        rows.push(row);
    }
    println!("{}{}", row::heading(), rows.iter().map(Row::line).collect::<String>());
    fs::write(args.out.join("density.json"), serde_json::to_string_pretty(&rows)?)?;
    fs::write(args.out.join("density.svg"), plot::draw(&rows))?;
    println!("written to {}", args.out.display());
    Ok(())
}

/// Each number of calls as usual; and at the most calls, once without a detector of the agent's own
/// and once recorded.
fn plans(calls: &[u32]) -> Vec<Plan> {
    let plan = |at_once: &u32| Plan { at_once: *at_once, ..Plan::default() };
    let mut plans: Vec<Plan> = calls.iter().map(plan).collect();
    if let Some(most) = calls.iter().max().map(plan) {
        plans.push(Plan { detector: false, ..most });
        plans.push(Plan { recordings: true, ..most });
    }
    plans
}

fn variant(plan: &Plan) -> &'static str {
    match (plan.detector, plan.recordings) {
        (false, _) => "no detector",
        (true, true) => "recorded",
        (true, false) => "as usual",
    }
}

/// The agent on a core of its own, and this process on the others, where `taskset` can do so.
async fn pinned(program: Program, core: usize) -> Program {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let others: Vec<String> =
        (0..cores).filter(|other| *other != core).map(|core| core.to_string()).collect();
    let this = process::id().to_string();
    let moved = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &others.join(","), &this])
        .stdout(process::Stdio::null())
        .status()
        .await;
    if moved.is_ok_and(|status| status.success()) {
        let agent = program.binary.to_string_lossy().into_owned();
        let arguments = vec!["--cpu-list".to_owned(), core.to_string(), agent];
        return Program { binary: "taskset".into(), arguments };
    }
    eprintln!("!! the agent shares its core with phones and vendors: `taskset` cannot pin it");
    program
}
