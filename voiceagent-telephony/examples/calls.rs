//! Shows the calls of a carrier that go on, makes calls, hands them on and ends them.
//!
//! Whom calls may go to stands in the configuration, by name: no argument is a number.

#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

use std::{env, fs, process::ExitCode, sync::Arc};

use serde::Deserialize;
use voiceagent_core::{CallId, Error, Result};
use voiceagent_telephony::{
    compatible::{CompatibleConfig, CompatibleRest},
    control::{CallControl, Callee, NewCall},
    plivo::{PlivoConfig, PlivoRest},
    vonage::{VonageConfig, VonageRest},
};

const USAGE: &str = "\
calls CONFIG list                 the calls that go on: with whom, since when, how far
calls CONFIG status CALL
calls CONFIG dial TARGET          to the front door, which answers with the agent
calls CONFIG transfer CALL TARGET
calls CONFIG hang-up CALL

CONFIG is a file: { \"carrier\": \"compatible\", \"api\": \"twilio\", \"account\": \"AC…\", \"secret\": \"…\",
  \"directory\": { \"from\": \"+…\", \"targets\": { \"front desk\": \"+…\" }, \"voice_url\": \"https://…\" } }
The carrier may be plivo or vonage, with their own settings.";

#[derive(Deserialize)]
#[serde(tag = "carrier", rename_all = "lowercase")]
enum Config {
    Compatible(CompatibleConfig),
    Plivo(PlivoConfig),
    Vonage(VonageConfig),
}

impl Config {
    fn read(path: &str) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| Error::config(format!("{path}: {error}"));
        let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }

    fn control(self) -> Result<Arc<dyn CallControl>> {
        Ok(match self {
            Self::Compatible(config) => Arc::new(CompatibleRest::new(config)?),
            Self::Plivo(config) => Arc::new(PlivoRest::new(config)?),
            Self::Vonage(config) => Arc::new(VonageRest::new(config)?),
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let Some((config, command)) = arguments.split_first() else { return usage() };
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    let done = async {
        let control = Config::read(config)?.control()?;
        perform(&*control, &command).await
    };
    match done.await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => usage(),
        Err(error) => {
            eprintln!("calls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::FAILURE
}

/// Whether there is such a command.
async fn perform(control: &dyn CallControl, command: &[&str]) -> Result<bool> {
    match *command {
        ["list"] => {
            println!("{:<36}  {:<8}  {:<16}  {:<20}  STATUS", "CALL", "SIDE", "NUMBER", "SINCE");
            for call in control.live().await? {
                let side = call.direction.map(|side| format!("{side:?}").to_lowercase());
                let since = call.since.and_then(|at| jiff::Timestamp::try_from(at).ok());
                println!(
                    "{:<36}  {:<8}  {:<16}  {:<20}  {:?}",
                    call.id.as_str(),
                    side.as_deref().unwrap_or("-"),
                    call.number.as_deref().unwrap_or("-"),
                    since.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}")),
                    call.status,
                );
            }
        }
        ["status", call] => println!("{call} {:?}", control.status(&CallId::new(call)).await?),
        ["dial", target] => {
            let call = control.dial(&NewCall::to(Callee::Target(target.to_owned()))).await?;
            println!("{call}");
        }
        ["transfer", call, target] => control.transfer(&CallId::new(call), target).await?,
        ["hang-up", call] => control.hang_up(&CallId::new(call)).await?,
        _ => return Ok(false),
    }
    Ok(true)
}
