use std::{fs, path::PathBuf};

use clap::Subcommand;
use jiff::Timestamp;
use voiceagent_core::{Error, Result};

use super::{INBOUND, Template};
use crate::store::{Arm, Fault, Refusal, Store};

/// What is done with the templates from the command line.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum TemplateCommand {
    /// Lets versions answer the calls that begin from now on.
    Activate {
        /// A version, such as `3`; or several with weights, such as `1:70 2:30`.
        #[arg(required = true, value_parser = arm)]
        arms: Vec<Arm>,
    },
    /// Lists the versions, and which of them answer.
    List,
    /// Checks a file and writes it as a new version, which answers nothing yet.
    Push {
        /// The file, in JSON.
        file: PathBuf,
        /// What the version is for.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Goes back to what answered before.
    Rollback,
}

impl TemplateCommand {
    /// Does it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or holds no template, there is no such version, or the store
    /// cannot be used; the message says what.
    pub async fn run(&self, store: &Store, now: Timestamp) -> Result<String> {
        match self {
            Self::Activate { arms } => {
                store.activate_template(INBOUND, arms, now).await.map_err(unknown)?;
                Ok(answers(arms))
            }
            Self::List => list(store).await,
            Self::Push { file, note } => {
                let told = |why: &str| Error::config(format!("{}: {why}", file.display()));
                let text = fs::read_to_string(file)
                    .map_err(|cause| told("it cannot be read").with_source(cause))?;
                Template::read(&text).map_err(|error| told(error.message()))?;
                let version = store.push_template(INBOUND, (&text, note), now).await?;
                Ok(format!("Version {version} is written.\n"))
            }
            Self::Rollback => {
                let arms = store.roll_back_template(INBOUND, now).await.map_err(unknown)?;
                Ok(answers(&arms))
            }
        }
    }
}

async fn list(store: &Store) -> Result<String> {
    let active = store.active_template(INBOUND).await?;
    let mut lines = String::new();
    for stored in store.templates(INBOUND).await? {
        let weight = active.iter().find(|arm| arm.version == stored.version);
        let weight = weight.map_or(String::new(), |arm| format!("answers, weight {}", arm.weight));
        let line = format!("{:>4}  {:20}  {}", stored.version, weight, stored.note);
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    if lines.is_empty() { Ok("No templates.\n".to_owned()) } else { Ok(lines) }
}

fn answers(arms: &[Arm]) -> String {
    let versions: Vec<String> = arms.iter().map(|arm| arm.version.to_string()).collect();
    format!("New calls are answered by version {}.\n", versions.join(" or "))
}

fn unknown(fault: Fault) -> Error {
    match fault {
        Fault::Refused(Refusal::NotFound) => {
            Error::config("there is no such version; `dealership template list` shows them")
        }
        fault => fault.into(),
    }
}

fn arm(written: &str) -> std::result::Result<Arm, &'static str> {
    const HOW: &str = "write it like `3`, or `1:70` with a weight";
    let (version, weight) = written.split_once(':').unwrap_or((written, "1"));
    let version = version.parse().map_err(|_| HOW)?;
    let weight = weight.parse().ok().filter(|weight| *weight > 0).ok_or(HOW)?;
    Ok(Arm { version, weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_becomes_a_version_that_answers_when_it_is_activated() {
        let now = "2026-11-20T18:00:00Z".parse().unwrap();
        let store = Store::in_memory().await.unwrap();
        let file = std::env::temp_dir().join(format!("template-{}.json", std::process::id()));
        let push = TemplateCommand::Push { file: file.clone(), note: "shorter".to_owned() };
        let told = push.run(&store, now).await.unwrap_err();
        assert!(told.message().ends_with("it cannot be read"), "{}", told.message());
        fs::write(&file, r#"{"greting":"Hi"}"#).unwrap();
        let told = push.run(&store, now).await.unwrap_err();
        assert!(told.message().contains("field `greting` is none of"), "{}", told.message());
        fs::write(&file, r#"{"greeting":"Hi"}"#).unwrap();
        assert_eq!(push.run(&store, now).await.unwrap(), "Version 1 is written.\n");
        push.run(&store, now).await.unwrap();
        fs::remove_file(&file).unwrap();
        let arms = ["1:70", "2:30"].map(|written| arm(written).unwrap()).to_vec();
        let done = TemplateCommand::Activate { arms }.run(&store, now).await.unwrap();
        assert_eq!(done, "New calls are answered by version 1 or 2.\n");
        let listed = TemplateCommand::List.run(&store, now).await.unwrap();
        assert_eq!(
            listed,
            "   2  answers, weight 30    shorter\n   1  answers, weight 70    shorter\n"
        );
        let none = TemplateCommand::Rollback.run(&store, now).await.unwrap_err();
        assert!(none.message().starts_with("there is no such version"));
        assert!(arm("1:0").is_err() && arm("x").is_err());
    }
}
