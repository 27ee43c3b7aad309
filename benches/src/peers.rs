//! The same calls, against this framework and its peers, in one run.
//!
//! The calls, the phone and the scripted vendors are those of [`e2e_latency`](crate::e2e_latency).
//! Only the agent changes. `docs/benchmarks.md` says what is compared, and what is not.

mod comparison;
mod peer;
mod plot;

use std::{error::Error, fs, path::PathBuf};

use clap::Parser;

use self::{comparison::Comparison, peer::PEERS};
use crate::e2e_latency::{
    agent::Program,
    pass::{Pass, Plan},
};

/// Plays the same calls to this framework and to its peers.
#[derive(Debug, Parser)]
struct Args {
    /// Calls, one after the other, to each agent.
    #[arg(long, default_value_t = 3)]
    repeat: u32,
    /// Calls at once, in a second pass; 1 leaves it out.
    #[arg(long, default_value_t = 4)]
    calls: u32,
    /// Where the report goes, and where the peers are installed.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The agent of this framework; built when not given.
    #[arg(long)]
    agent: Option<PathBuf>,
}

/// Installs the peers, plays all passes, prints what came out and writes it to a folder.
///
/// # Errors
///
/// When the agent of this framework cannot be built or started, or the report cannot be written.
#[expect(clippy::print_stdout, reason = "a bench reports on stdout")]
pub async fn run() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    fs::create_dir_all(&args.out)?;
    let mut programs = vec![("voiceagent", Program::agent(args.agent.clone()).await?)];
    let mut skipped = Vec::new();
    for peer in &PEERS {
        eprintln!("{}: installing its packages", peer.name);
        match peer.install(&args.out.join("peers")).await {
            Ok(program) => programs.push((peer.name, program)),
            Err(error) => {
                eprintln!("!! SKIPPED {}: {error}", peer.name);
                skipped.push(peer.name);
            }
        }
    }
    let one = Plan { repeat: args.repeat, speculation: true, ..Plan::default() };
    let mut plans = vec![one];
    if args.calls > 1 {
        plans.push(Plan { at_once: args.calls, repeat: 1, ..one });
    }
    let mut comparisons = Vec::new();
    for plan in plans {
        let mut passes = Vec::new();
        for (name, program) in &programs {
            eprintln!("{name}: {} at once, {} times", plan.at_once, plan.repeat);
            passes.push(Pass::run(name, plan, program, &args.out).await?);
        }
        let comparison = Comparison::of(&passes);
        println!("{}", comparison.table());
        comparisons.push(comparison);
    }
    for name in skipped {
        println!("!! SKIPPED {name}: its packages could not be installed");
    }
    fs::write(args.out.join("peers.json"), serde_json::to_string_pretty(&comparisons)?)?;
    fs::write(args.out.join("peers.svg"), plot::draw(&comparisons))?;
    println!("written to {}", args.out.display());
    Ok(())
}
