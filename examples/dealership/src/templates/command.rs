use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;
use voiceagent_core::{Error, Result};

use super::{INBOUND, SLUGS, Template, Vendors, difference};
use crate::store::{Arm, Fault, Refusal, Store, StoredTemplate};

/// What is done with the templates from the command line.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct TemplateCommand {
    /// Which template: `inbound`, or `reminder`, `callback` or `campaign` for calls that we make,
    /// which are answered by `inbound` as long as they have none of their own.
    #[arg(long, default_value = INBOUND, global = true, value_parser = slug)]
    pub slug: String,
    /// What to do.
    #[command(subcommand)]
    pub action: TemplateAction,
}

/// What is done with a template.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum TemplateAction {
    /// Lets versions answer the calls that begin from now on.
    Activate {
        /// A version, such as `3`; or several with weights, such as `1:70 2:30`.
        #[arg(required = true, value_parser = arm)]
        arms: Vec<Arm>,
    },
    /// Shows what differs between two versions.
    Diff {
        /// The one.
        first: i64,
        /// The other.
        second: i64,
    },
    /// Checks a file and writes it as a new version, which answers nothing yet.
    #[command(visible_alias = "push")]
    Import {
        /// The file, in JSON.
        file: PathBuf,
        /// What the version is for.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Lists the versions, and which of them answer.
    List,
    /// Shows what came of the calls that each version answered.
    Results,
    /// Goes back to what answered before.
    Rollback,
    /// Shows what a version says.
    Show {
        /// The version; without it, the newest.
        version: Option<i64>,
    },
}

impl TemplateCommand {
    /// Does it, and returns what to show.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or holds no template, there is no such version, or the store
    /// cannot be used; the message says what.
    pub async fn run(&self, store: &Store, vendors: &Vendors, now: Timestamp) -> Result<String> {
        let slug = self.slug.as_str();
        match &self.action {
            TemplateAction::Activate { arms } => {
                store.activate_template(slug, arms, now).await.map_err(unknown)?;
                Ok(answers(arms))
            }
            TemplateAction::Diff { first, second } => {
                let first = read(&version(store, slug, Some(*first)).await?)?;
                let second = read(&version(store, slug, Some(*second)).await?)?;
                Ok(difference::between(&first, &second))
            }
            TemplateAction::Import { file, note } => {
                let told = |why: &str| Error::config(format!("{}: {why}", file.display()));
                let text = fs::read_to_string(file)
                    .map_err(|cause| told("it cannot be read").with_source(cause))?;
                let checked = Template::read(&text).and_then(|template| vendors.parts(&template));
                checked.map_err(|error| told(error.message()))?;
                let version = store.push_template(slug, (&text, note), now).await?;
                Ok(format!("Version {version} is written.\n"))
            }
            TemplateAction::List => list(store, slug).await,
            TemplateAction::Results => results(store, slug).await,
            TemplateAction::Rollback => {
                let arms = store.roll_back_template(slug, now).await.map_err(unknown)?;
                Ok(answers(&arms))
            }
            TemplateAction::Show { version: number } => {
                let stored = version(store, slug, *number).await?;
                Ok(format!("{:#}\n", read(&stored)?))
            }
        }
    }
}

async fn version(store: &Store, slug: &str, number: Option<i64>) -> Result<StoredTemplate> {
    let stored = store.templates(slug).await?;
    let found = stored.into_iter().find(|one| number.is_none_or(|number| one.version == number));
    found.ok_or_else(|| unknown(Refusal::NotFound.into()))
}

fn read(stored: &StoredTemplate) -> Result<Value> {
    serde_json::from_str(&stored.config)
        .map_err(|cause| Error::config("the version is no JSON").with_source(cause))
}

async fn list(store: &Store, slug: &str) -> Result<String> {
    let active = store.active_template(slug).await?;
    let mut lines = String::new();
    for stored in store.templates(slug).await? {
        let weight = active.iter().find(|arm| arm.version == stored.version);
        let weight = weight.map_or(String::new(), |arm| format!("answers, weight {}", arm.weight));
        let line = format!("{:>4}  {:20}  {}", stored.version, weight, stored.note);
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    if lines.is_empty() { Ok("No templates.\n".to_owned()) } else { Ok(lines) }
}

async fn results(store: &Store, slug: &str) -> Result<String> {
    let mut lines = "version  calls  booked  to a person  abandoned  seconds a call\n".to_owned();
    for one in store.template_results(slug).await? {
        let each = one.seconds.checked_div(one.calls).unwrap_or_default();
        lines.push_str(&format!(
            "{:>7}  {:>5}  {:>6}  {:>11}  {:>9}  {each:>14}\n",
            one.version, one.calls, one.booked, one.handed_over, one.abandoned
        ));
    }
    Ok(lines)
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

fn slug(written: &str) -> std::result::Result<String, String> {
    let known = SLUGS.contains(&written);
    known.then(|| written.to_owned()).ok_or_else(|| format!("there are {}", SLUGS.join(", ")))
}

#[cfg(test)]
mod tests {
    use voiceagent_core::registry::Registry;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T18:00:00Z".parse().unwrap()
    }

    async fn run(store: &Store, action: TemplateAction) -> Result<String> {
        let vendors = Vendors::new(Registry::default(), |_| None);
        TemplateCommand { slug: INBOUND.to_owned(), action }.run(store, &vendors, now()).await
    }

    #[tokio::test]
    async fn a_file_becomes_a_version_that_answers_when_it_is_activated() {
        let store = Store::fresh().await;
        let file = std::env::temp_dir().join(format!("template-{}.json", std::process::id()));
        let import = || TemplateAction::Import { file: file.clone(), note: "shorter".to_owned() };
        let told = run(&store, import()).await.unwrap_err();
        assert!(told.message().ends_with("it cannot be read"), "{}", told.message());
        for (text, wrong) in [
            (r#"{"greting":"Hi"}"#, "field `greting` is none of"),
            (r#"{"llm":{"provider":"nobody"}}"#, "table `[llm]`: unknown provider `nobody`"),
        ] {
            fs::write(&file, text).unwrap();
            let told = run(&store, import()).await.unwrap_err();
            assert!(told.message().contains(wrong), "{}", told.message());
        }
        fs::write(&file, r#"{"greeting":"Hi"}"#).unwrap();
        assert_eq!(run(&store, import()).await.unwrap(), "Version 1 is written.\n");
        fs::write(&file, r#"{"greeting":"Hello"}"#).unwrap();
        run(&store, import()).await.unwrap();
        fs::remove_file(&file).unwrap();
        let arms = ["1:70", "2:30"].map(|written| arm(written).unwrap()).to_vec();
        let done = run(&store, TemplateAction::Activate { arms }).await.unwrap();
        assert_eq!(done, "New calls are answered by version 1 or 2.\n");
        assert_eq!(
            run(&store, TemplateAction::List).await.unwrap(),
            "   2  answers, weight 30    shorter\n   1  answers, weight 70    shorter\n"
        );
        let shown = run(&store, TemplateAction::Show { version: None }).await.unwrap();
        assert_eq!(shown, "{\n  \"greeting\": \"Hello\"\n}\n");
        let diff = run(&store, TemplateAction::Diff { first: 1, second: 2 }).await.unwrap();
        assert_eq!(diff, "- greeting = \"Hi\"\n+ greeting = \"Hello\"\n");
        for action in [TemplateAction::Rollback, TemplateAction::Show { version: Some(3) }] {
            let none = run(&store, action).await.unwrap_err();
            assert!(none.message().starts_with("there is no such version"));
        }
        assert!(arm("1:0").is_err() && arm("x").is_err());
        assert!(slug("reminder").is_ok() && slug("nightly").is_err());
    }
}
