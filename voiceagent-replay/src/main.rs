//! Plays journals again, and tells what other settings would have done.

use std::{
    io::{stderr, stdout},
    process::ExitCode,
};

use clap::Parser;
use voiceagent_replay::{Args, Outcome, run};

fn main() -> ExitCode {
    match run(&Args::parse(), &mut stdout().lock(), &mut stderr().lock()) {
        Ok(Outcome::Different) => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("voiceagent-replay: {}", error.message());
            ExitCode::from(2)
        }
    }
}
