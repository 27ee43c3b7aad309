//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use dealership::{
    config::Config,
    doctor::{examine, is_ready, probe, render},
};
use voiceagent_core::registry::Registry;

/// A car dealership that answers its phone.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file; without one, everything has a default.
    #[arg(long, short, global = true, env = "DEALERSHIP_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says what is missing before phone calls can be answered, and how to get it.
    Doctor,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let environment = |name: &str| std::env::var(name).ok();
    let config = Config::load(arguments.config.as_deref(), &environment);
    match arguments.command {
        Command::Doctor => doctor(&config),
    }
}

#[expect(clippy::print_stdout, reason = "the report is the command's output")]
fn doctor(config: &voiceagent_core::Result<Config>) -> ExitCode {
    let probed = probe(config.as_ref().unwrap_or(&Config::default()));
    let findings = examine(config, &probed, &Registry::default());
    print!("{}", render(&findings));
    if is_ready(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
